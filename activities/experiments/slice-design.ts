// The plan of E5: which planes are cut up.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { type RandomStream, randomStream, shuffle } from '../numeric/rng.ts';
import type { ExperimentPlan, PlanContext, Samples } from './experiment.ts';
import type { Network } from './network.ts';
import { cutTasks } from './sample-choice.ts';

export type SliceConfig = Extract<ModelLensConfig, { experiment: 'slice' }>;

export interface SliceDesign {
  /** Rows that each plane goes through; null where the whole input is the plane. */
  readonly planes: readonly (readonly [number, number, number])[] | null;
}

const PLANES = { tiny: 3, paper: 20 } as const;
const STREAM = 1;

/**
 * Lists or draws planes.
 * @throws PipelineError `config-invalid` where neither data nor a box, or both, or a box for a model of other than two inputs,
 * or rows that the data has not; `model-invalid` where the network is not piecewise linear.
 */
export async function planSlices(context: PlanContext<SliceConfig>): Promise<ExperimentPlan<SliceDesign>> {
  const { config, variants } = context;
  const network = await context.network(variants[0]!);
  // Opened once here so that a space that does not fit is known before work is given out.
  const net = await network.piecewise({ from: config.slice.space });
  await net.close();
  if (net.taps.every(({ kind }) => kind === 'pool')) throw unplaced('no tap lies behind the space');
  const planes = config.slice.box === undefined ? await planesOf(context, network) : null;
  if (planes === null) checkBox(network, config);
  return {
    unit: 'slices',
    tasks: cutTasks(variants, planes?.length ?? 1, 1),
    design: { planes },
    points: planes === null ? [] : [...new Set(planes.flat())].sort((a, b) => a - b),
    notices: [],
  };
}

async function planesOf(
  { config, samples }: PlanContext<SliceConfig>,
  network: Network,
): Promise<(readonly [number, number, number])[]> {
  if (samples === null)
    throw unplaced('a plane needs three rows of data, or a box where the input has two values');
  if (network.text) throw unplaced('a text model has no space of sequences that planes could lie in');
  const wanted = config.slice.planes ?? PLANES[config.profile];
  if (typeof wanted === 'number') return drawPlanes(samples, wanted, config.seed);
  for (const plane of wanted) {
    const bad = plane.find((row) => row >= samples.count);
    if (bad !== undefined) throw noSuchRow(bad, samples.count);
    if (new Set(plane).size < 3) throw unplaced(`the rows ${plane.join(', ')} are not three different ones`);
  }
  return wanted.map(([a, b, c]) => [a, b, c]);
}

/** Three rows of different classes each, where there are three; else any three. */
async function drawPlanes(
  samples: Samples,
  count: number,
  seed: number,
): Promise<(readonly [number, number, number])[]> {
  const labels = await samples.labels();
  const members = new Map<number, number[]>();
  for (let row = 0; row < samples.count; row++) {
    const label = labels?.[row] ?? -1;
    if (labels !== null && label < 0) continue;
    const own = members.get(label);
    if (own === undefined) members.set(label, [row]);
    else own.push(row);
  }
  if (samples.count < 3) throw noSuchRow(2, samples.count);
  const classes = [...members.keys()].sort((a, b) => a - b);
  return Array.from({ length: count }, (_, plane) => {
    const random = randomStream(seed, STREAM, plane);
    if (classes.length < 3)
      return threeOf(
        Array.from({ length: samples.count }, (__, row) => row),
        random,
      );
    const [a, b, c] = threeOf(classes, random);
    const one = (label: number) => members.get(label)![random.below(members.get(label)!.length)]!;
    return [one(a), one(b), one(c)];
  });
}

function threeOf(values: readonly number[], random: RandomStream): [number, number, number] {
  const [a, b, c] = shuffle(Int32Array.from(values), random);
  return [a!, b!, c!];
}

function checkBox(network: Network, { slice }: SliceConfig): void {
  if (slice.planes !== undefined) throw unplaced('planes and box exclude each other');
  const { size } = network.startSpaces.find(({ name }) => name === slice.space) ?? { size: 0 };
  if (size !== 2) throw unplaced(`a box is for spaces of two values, ${slice.space} has ${size}`);
}

function unplaced(what: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what,
    where: 'slice.planes',
    remedy: 'Name a data set and three rows of it per plane, or slice.box for a model of two inputs.',
  });
}

function noSuchRow(row: number, count: number): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: `there is no such row: the data set has ${count}, counted from 0 within dataset.rows`,
    where: 'slice.planes',
    value: String(row),
    remedy: 'Choose other rows, or a larger dataset.rows.',
  });
}
