// The plan of experiment E4: chains of images, the spaces and curves that their legs are laid through.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { type ClassPoints, drawClassPoints } from './class-points.ts';
import { startSpaces } from './density-design.ts';
import type { ExperimentPlan, LensTask, PlanContext } from './experiment.ts';
import type { ModelVariant, Network } from './network.ts';

export type InterpolationConfig = Extract<ModelLensConfig, { experiment: 'interpolation' }>;

/** A chain through images of different classes, or of one. */
export type ChainKind = 'between' | 'within';

export interface Leg {
  readonly chain: number;
  /** Number within the chain. */
  readonly leg: number;
  readonly kind: ChainKind;
  /** Images. */
  readonly a: number;
  readonly b: number;
}

/** One way of laying a leg. */
export interface Track {
  readonly space: string;
  readonly curve: 'lerp' | 'slerp';
}

export interface InterpolationDesign {
  /** Steps of a leg at which answers are recorded; chords of an arc. */
  readonly samples: number;
  readonly legs: readonly Leg[];
  /** Path `leg * tracks + track` is a leg on a track. */
  readonly tracks: readonly Track[];
}

const SIZES = {
  tiny: { chains: 20, images: 4, samples: 64 },
  paper: { chains: 50, images: 6, samples: 256 },
} as const;
const LEGS_PER_TASK = 16;
const CHAIN_STREAM = 7;

/**
 * Draws chains; no image is in two of them, so that chains are independent.
 * @throws PipelineError `data-invalid` as `drawClassPoints`, or where classes have too few images; `config-invalid` for text
 * models and unknown spaces.
 */
export async function planInterpolation(
  context: PlanContext<InterpolationConfig>,
): Promise<ExperimentPlan<InterpolationDesign>> {
  const { config, samples, variants } = context;
  const options = { ...SIZES[config.profile], ...defined(config.interpolation) };
  const network = await context.network(variants[0]!);
  if (network.text) throw noText();
  const wanted = startSpaces(network, config.interpolation.spaces);
  const spaces = config.interpolation.spaces === undefined ? wanted.slice(0, 2) : wanted;
  const drawn = await drawClassPoints(samples, {
    text: false,
    classes: Number.POSITIVE_INFINITY,
    perClass: 2 * options.chains * options.images,
    seed: config.seed,
  });
  const legs = dealChains(drawn, { chains: options.chains, images: options.images, seed: config.seed });
  const images = new Set(legs.flatMap(({ a, b }) => [a, b]));
  return {
    unit: 'legs',
    tasks: variants.flatMap((variant) => tasksOf(variant, legs.length)),
    design: {
      samples: options.samples,
      legs,
      tracks: spaces.flatMap(({ name }) => options.curves.map((curve) => ({ space: name, curve }))),
    },
    points: [...images].sort((a, b) => a - b),
    notices: noticesOf(network, spaces),
  };
}

/** Options that are given. */
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

/** Legs of all chains: those through different classes first. */
function dealChains(
  { classes }: ClassPoints,
  { chains, images, seed }: { chains: number; images: number; seed: number },
): Leg[] {
  const pools = classes.map(({ label, points }) => ({ label, points: [...points] }));
  const deal = (place: number): number => {
    const pool = pools[place % pools.length]!;
    const image = pool.points.pop();
    if (image === undefined) throw tooFewImages(pool.label, chains, images);
    return image;
  };
  return Array.from({ length: 2 * chains }, (_, chain): Leg[] => {
    const kind = chain < chains ? 'between' : 'within';
    const order = shuffle([...pools.keys()], randomStream(seed, CHAIN_STREAM, chain));
    const places = Array.from({ length: images }, (_, i) =>
      kind === 'between' ? order[i % order.length]! : chain,
    );
    const row = places.map(deal);
    return row.slice(1).map((b, leg) => ({ chain, leg, kind, a: row[leg]!, b }));
  }).flat();
}

function tasksOf(variant: ModelVariant, legs: number): LensTask[] {
  return Array.from({ length: Math.ceil(legs / LEGS_PER_TASK) }, (_, task) => ({
    variant,
    from: task * LEGS_PER_TASK,
    to: Math.min(legs, (task + 1) * LEGS_PER_TASK),
  }));
}

function noticesOf(network: Network, spaces: readonly { readonly name: string }[]): string[] {
  const inexact = spaces
    .map(({ name }) => ({ name, operators: network.inexact(name) }))
    .filter(({ operators }) => operators.length > 0);
  return [
    ...inexact.map(
      ({ name, operators }) =>
        `behind ${name} the model is not piecewise linear (${operators.join(', ')}): crossings are sampled`,
    ),
    ...(network.logits === null ? ['the model has no logits: there are no changes of class'] : []),
  ];
}

function tooFewImages(label: number, chains: number, images: number): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: `class ${label} has too few images for ${chains} chains of ${images} between and within classes`,
    where: 'dataset',
    remedy: 'Lower interpolation.chains or interpolation.images, or use more rows of the data set.',
  });
}

function noText(): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'interpolation goes between images: the tokens of a text model have no straight line between them',
    where: 'experiment',
    remedy: 'Use experiment: density for tokens.',
  });
}
