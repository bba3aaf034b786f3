// The plan of single paths and of E7: which pairs of points, in which space.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { drawnPairs, type LabelledPoints, type PointPairs } from './drawn-pairs.ts';
import type { ExperimentPlan, PlanContext, Samples } from './experiment.ts';
import type { Network } from './network.ts';
import { cutTasks } from './sample-choice.ts';

export type PathsConfig = Extract<ModelLensConfig, { experiment: 'paths' }>;

export interface PathsDesign {
  /** Points of one sample: 1 for images, tokens of a sequence for text. A point's number is `sample * stride + token`. */
  readonly stride: number;
  /** `[paths, 2]` */
  readonly pairs: readonly (readonly [number, number])[];
  /** `[paths]` null without labels. */
  readonly sameClass: readonly (boolean | null)[];
  /** Whether pairs were drawn: a drawn pair whose ends coincide has no row, a listed one is an error. */
  readonly isDrawn: boolean;
}

const SIZES = { tiny: { intra: 200, inter: 200 }, paper: { intra: 1000, inter: 1000 } } as const;
/** Sampling a path takes thousands of forward passes. */
const SAMPLED_SHARE = 0.1;
const PATHS_PER_TASK = { exact: 100, sampled: 10 } as const;
const SEQUENCE_STREAM = 1;
/** Sequences that tokens are drawn from. */
const TEXT_SEQUENCES = 1000;

/**
 * Lists or draws pairs.
 * @throws PipelineError `config-invalid` for a space that no path can start in and for rows that the data has not;
 * `data-invalid` where there are fewer pairs than asked for, or labels are missing.
 */
export async function planPaths(context: PlanContext<PathsConfig>): Promise<ExperimentPlan<PathsDesign>> {
  const { config, variants } = context;
  const samples = context.samples!;
  const network = await context.network(variants[0]!);
  await checkSpace(network, config.paths.space, samples);
  const inexact = network.inexact(config.paths.space);
  const isExact = inexact.length === 0;
  const wanted = config.paths.pairs ?? sizesOf(config.profile, isExact);
  const points = { network, samples, config };
  const found = Array.isArray(wanted)
    ? await listedPairs(wanted as readonly (readonly [number, number])[], points)
    : drawnPairs(await candidates(points), { wanted, seed: config.seed });
  const stride = network.text ? samples.shape[0]! : 1;
  const ends = [...new Set(found.pairs.flat())].sort((a, b) => a - b);
  return {
    unit: 'paths',
    tasks: cutTasks(variants, found.pairs.length, PATHS_PER_TASK[isExact ? 'exact' : 'sampled']),
    design: { ...found, stride, isDrawn: !Array.isArray(wanted) },
    points: network.text ? [] : ends,
    coded: { stride, points: ends, areKept: false },
    notices: isExact
      ? []
      : [`Crossings are sampled lower bounds: ${inexact.join(', ')} lie behind ${config.paths.space}.`],
  };
}

function sizesOf(profile: PathsConfig['profile'], isExact: boolean) {
  const { intra, inter } = SIZES[profile];
  return isExact ? { intra, inter } : { intra: SAMPLED_SHARE * intra, inter: SAMPLED_SHARE * inter };
}

interface PointSource {
  readonly network: Network;
  readonly samples: Samples;
  readonly config: PathsConfig;
}

async function listedPairs(
  pairs: readonly (readonly [number, number])[],
  source: PointSource,
): Promise<PointPairs> {
  const stride = source.network.text ? source.samples.shape[0]! : 1;
  const count = source.samples.count * stride;
  for (const pair of pairs) {
    const bad = pair.find((point) => point >= count);
    if (bad !== undefined) throw noSuchPoint(bad, count);
    if (pair[0] === pair[1]) throw samePoint(pair);
  }
  const numbers = [...new Set(pairs.flat())].sort((a, b) => a - b);
  const { points, classes } = source.network.text
    ? await tokens(source, [...new Set(numbers.map((point) => Math.floor(point / stride)))])
    : await images(source);
  const classOf = new Map(points.map((point, i) => [point, classes?.[i] ?? -1]));
  const missing = numbers.find((point) => !classOf.has(point));
  if (missing !== undefined) throw noSuchPoint(missing, count);
  const sameClass = pairs.map(([a, b]) => {
    const [first, second] = [classOf.get(a)!, classOf.get(b)!];
    return first < 0 || second < 0 ? null : first === second;
  });
  return { pairs, sameClass };
}

function candidates(source: PointSource): Promise<LabelledPoints> {
  if (!source.network.text) return images(source);
  const { samples, config } = source;
  const all = Int32Array.from({ length: samples.count }, (_, i) => i);
  const some = shuffle(all, randomStream(config.seed, SEQUENCE_STREAM)).subarray(0, TEXT_SEQUENCES);
  return tokens(
    source,
    Array.from(some).sort((a, b) => a - b),
  );
}

async function images({ samples }: PointSource): Promise<LabelledPoints> {
  const labels = await samples.labels();
  return {
    points: Array.from({ length: samples.count }, (_, i) => i),
    classes: labels && Array.from(labels),
  };
}

/** Tokens of some sequences but the first of each, which has no context. */
async function tokens(
  { samples, config }: PointSource,
  sequences: readonly number[],
): Promise<LabelledPoints> {
  const stride = samples.shape[0]!;
  const { input, labels, tokens: text } = await samples.read(sequences);
  const points: number[] = [];
  const classes: number[] = [];
  let at = 0;
  sequences.forEach((sequence, i) => {
    for (let token = 0; token < text!.lengths[i]!; token++, at++) {
      if (token === 0) continue;
      points.push(sequence * stride + token);
      classes.push(
        config.paths.alike === 'token' ? Number(input.data[i * stride + token]) : (labels?.[at] ?? -1),
      );
    }
  });
  return { points, classes: config.paths.alike === 'label' && labels === null ? null : classes };
}

/** Opens a text model's space once: it need not be a start space, as what passes by it stays frozen. */
async function checkSpace(network: Network, space: string, samples: Samples): Promise<void> {
  if (network.text) {
    if (space === 'input') throw unfitSpace(space, 'token ids are no space that paths could lie in');
    const base = {
      type: 'int64',
      data: new BigInt64Array(samples.shape[0]!),
      dims: [1, samples.shape[0]!],
    } as const;
    const net = await network.sampled({ from: space, at: { base, token: 0 } });
    const taps = net.taps.length;
    await net.close();
    if (taps === 0) throw unfitSpace(space, 'no tap lies behind the space');
    return;
  }
  const found = network.startSpaces.find(({ name }) => name === space);
  if (found === undefined) throw unfitSpace(space, 'the network does not pass through one such tensor');
  if (found.tapsBefore === network.taps.length) throw unfitSpace(space, 'no tap lies behind the space');
}

function unfitSpace(value: string, what: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what,
    where: 'paths.space',
    value,
    remedy:
      'tessera inspect lists the spaces that paths may start in; text models may also name a LayerNorm.',
  });
}

function noSuchPoint(point: number, count: number): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: `there is no such point: the data set has ${count}, counted from 0 within dataset.rows (text: the first token of a sequence, and places behind its end, are none)`,
    where: 'paths.pairs',
    value: String(point),
    remedy: 'Choose other rows, or a larger dataset.rows.',
  });
}

function samePoint(pair: readonly [number, number]): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'identical end points: the path has no length',
    where: 'paths.pairs',
    value: `[${pair.join(', ')}]`,
    remedy: 'Choose two different rows.',
  });
}
