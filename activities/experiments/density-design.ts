// The plan of experiment E3: which points, which pairs, from which spaces, over which layers.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { codeRowBytes } from '../polytope/code-layout.ts';
import { samplePairs } from '../polytope/pair-sampling.ts';
import { type ClassPoints, drawClassPoints } from './class-points.ts';
import type { ExperimentPlan, PlanContext } from './experiment.ts';
import type { Network, StartSpace } from './network.ts';
import { cutTasks, sizesOf } from './sample-choice.ts';

export type DensityConfig = Extract<ModelLensConfig, { experiment: 'density' }>;

/** Layers that are counted together for a pair of points of one start space. */
export interface DensitySpan {
  readonly space: string;
  /** All layers behind the space, or those up to the next space. */
  readonly kind: 'to_output' | 'layer';
  /** First and last tap. */
  readonly from: number;
  readonly to: number;
}

export interface DensityDesign {
  /** Points of one sample: 1 for images, tokens of a sequence for text. */
  readonly stride: number;
  /** `[points]` numbers `sample * stride + token`, ascending. */
  readonly points: readonly number[];
  /** `[points]` */
  readonly labels: readonly number[];
  /** `[pairs, 2]` indices into points; those within classes first. */
  readonly ends: readonly number[];
  /** How many pairs lie within classes. */
  readonly intra: number;
  /** Pairs whose crossings are solved, ascending. */
  readonly solved: readonly number[];
  readonly spaces: readonly { readonly name: string; readonly isSolved: boolean }[];
  /** Path `pair * spans + span` is a pair over a span. */
  readonly spans: readonly DensitySpan[];
}

const SIZES = {
  tiny: { classes: 10, exactPairs: 200 },
  paper: { classes: 100, exactPairs: 500 },
} as const;
/** A task keeps what is known of its points. */
const TASK_BYTES = 2 ** 28;
const PAIRS_PER_TASK = { least: 16, most: 1200 } as const;
const PAIR_STREAM = 4;

/**
 * Draws points and pairs.
 * @throws PipelineError `data-invalid` as `drawClassPoints` and `samplePairs`; `config-invalid` for an unknown space.
 */
export async function planDensity(
  context: PlanContext<DensityConfig>,
): Promise<ExperimentPlan<DensityDesign>> {
  const { config, samples, variants } = context;
  const { density } = config;
  const { classes, exactPairs } = sizesOf(SIZES[config.profile], {
    classes: density.classes,
    exactPairs: density.exactPairs,
  });
  const network = await context.network(variants[0]!);
  const drawn = await drawClassPoints(samples, {
    text: network.text,
    classes,
    perClass: density.pointsPerClass,
    seed: config.seed,
  });
  const wanted = startSpaces(network, density.spaces);
  const solvable = density.exactSpaces ?? wanted.map(({ name }) => name);
  for (const name of solvable) spaceNamed(wanted, name, 'density.exactSpaces');
  const { points, labels } = inOrder(drawn);
  const { intra, inter } = samplePairs(Int32Array.from(labels), { seed: config.seed });
  const design: DensityDesign = {
    stride: drawn.stride,
    points,
    labels,
    ends: [...intra, ...inter],
    intra: intra.length / 2,
    solved: solvedPairs(intra.length / 2, network.text ? 0 : exactPairs, config.seed),
    spaces: wanted.map(({ name }) => ({ name, isSolved: !network.text && solvable.includes(name) })),
    spans: spansOf(network, wanted),
  };
  return {
    unit: 'pairs',
    tasks: cutTasks(variants, design.ends.length / 2, pairsPerTask(network, wanted)),
    design,
    points: network.text ? [] : points,
    coded: { stride: drawn.stride, points, areKept: true },
    notices: noticesOf(network, wanted, density.pointsPerClass, drawn),
  };
}

/** Spaces by name, or the input and the first tensor behind each layer that the rest is a function of. */
export function startSpaces(
  { startSpaces: all, taps }: Network,
  names: readonly string[] | undefined,
): StartSpace[] {
  if (names !== undefined) {
    const useful = all.filter(({ tapsBefore }) => tapsBefore < taps.length);
    return names
      .map((name) => spaceNamed(useful, name, 'spaces'))
      .sort((a, b) => a.tapsBefore - b.tapsBefore || all.indexOf(a) - all.indexOf(b));
  }
  const isTap = (name: string) => taps.some((tap) => tap.name === name);
  const open = all.filter(({ name, tapsBefore }) => tapsBefore < taps.length && !isTap(name));
  return open.filter((space, i) => open.findIndex(({ tapsBefore }) => tapsBefore === space.tapsBefore) === i);
}

function spaceNamed(spaces: readonly StartSpace[], wanted: string, where: string): StartSpace {
  const found = spaces.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  throw new PipelineError({
    kind: 'config-invalid',
    what: 'no space of this name has a layer behind it that is a function of it alone',
    where,
    value: wanted,
    remedy: `Choose among: ${spaces.map(({ name }) => name).join(', ')}.`,
  });
}

/** All layers behind each space, and those before the next tensor that the rest is a function of. */
function spansOf({ startSpaces: all, taps }: Network, spaces: readonly StartSpace[]): DensitySpan[] {
  return spaces.flatMap(({ name, tapsBefore }): DensitySpan[] => {
    const last = taps.length - 1;
    const behind = all.map((space) => space.tapsBefore).filter((before) => before > tapsBefore);
    const to = Math.min(...behind, taps.length) - 1;
    const whole: DensitySpan = { space: name, kind: 'to_output', from: tapsBefore, to: last };
    return to === last ? [whole] : [whole, { space: name, kind: 'layer', from: tapsBefore, to }];
  });
}

function inOrder({ classes }: ClassPoints): { points: number[]; labels: number[] } {
  const all = classes.flatMap(({ label, points }) => Array.from(points, (point) => ({ label, point })));
  all.sort((a, b) => a.point - b.point);
  return { points: all.map(({ point }) => point), labels: all.map(({ label }) => label) };
}

/** As many pairs within classes as between. */
function solvedPairs(each: number, wanted: number, seed: number): number[] {
  const draw = (first: number, stream: number) =>
    shuffle(
      Int32Array.from({ length: each }, (_, i) => first + i),
      randomStream(seed, PAIR_STREAM, stream),
    ).slice(0, wanted);
  return [...draw(0, 0), ...draw(each, 1)].sort((a, b) => a - b);
}

/** A pair brings at most two points, each with its vectors, codes and soft bits. */
function pairsPerTask({ taps }: Network, spaces: readonly StartSpace[]): number {
  const vectors = spaces.reduce((sum, { size }) => sum + 4 * size, 0);
  const codes = taps.reduce(
    (sum, { codeBits, exact }) => sum + codeRowBytes(codeBits) + (exact ? 0 : 4 * codeBits),
    0,
  );
  const { least, most } = PAIRS_PER_TASK;
  return Math.max(least, Math.min(most, Math.floor(TASK_BYTES / (2 * (vectors + codes)))));
}

function noticesOf(
  network: Network,
  spaces: readonly StartSpace[],
  perClass: number,
  { classes }: ClassPoints,
): string[] {
  const short = classes.filter(({ points }) => points.length < perClass);
  const inexact = spaces.filter(({ name }) => network.inexact(name).length > 0);
  return [
    ...short.map(({ label, points }) => `class ${label} has only ${points.length} points`),
    ...(network.text
      ? ['tokens have different contexts: only the codes of the ends are compared, exact is false']
      : inexact.map(
          ({ name }) =>
            `behind ${name} the model is not piecewise linear (${network.inexact(name).join(', ')}): crossings are sampled`,
        )),
  ];
}
