// The plan of experiment E4: chains of images, the spaces and curves that their legs are laid through.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelLensConfig } from '#schemas/lens-config.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { type ClassPoints, drawClassPoints } from './class-points.ts';
import { startSpaces } from './density-design.ts';
import type { ExperimentPlan, PlanContext } from './experiment.ts';
import type { Network } from './network.ts';
import { cutTasks, sizesOf } from './sample-choice.ts';

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
  tiny: { chains: 20, images: 4, steps: 64 },
  paper: { chains: 50, images: 6, steps: 256 },
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
  const { interpolation } = config;
  const { chains, images, steps } = sizesOf(SIZES[config.profile], {
    chains: interpolation.chains,
    images: interpolation.images,
    steps: interpolation.samples,
  });
  const network = await context.network(variants[0]!);
  if (network.text) throw noText();
  const wanted = startSpaces(network, interpolation.spaces);
  const spaces = interpolation.spaces === undefined ? wanted.slice(0, 2) : wanted;
  const drawn = await drawClassPoints(samples, {
    text: false,
    classes: Number.POSITIVE_INFINITY,
    perClass: 2 * chains * images,
    seed: config.seed,
  });
  const legs = dealChains(drawn, { chains, images, seed: config.seed });
  const used = new Set(legs.flatMap(({ a, b }) => [a, b]));
  return {
    unit: 'legs',
    tasks: cutTasks(variants, legs.length, LEGS_PER_TASK),
    design: {
      samples: steps,
      legs,
      tracks: spaces.flatMap(({ name }) => interpolation.curves.map((curve) => ({ space: name, curve }))),
    },
    points: [...used].sort((a, b) => a - b),
    notices: noticesOf(network, spaces),
  };
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
