// Four classes along one axis, and nets whose boundaries cut that axis at given places.

import { densityOptions } from '#schemas/experiments/density.ts';
import type { DensityConfig } from '../../activities/experiments/density-design.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { DenseLayer } from '../oracle/piecewise-reference.ts';

export const TRAINED = { kind: 'trained', seed: 0 } as const;
export const RANDOM = { kind: 'random_init', seed: 1 } as const;

/** A config of E3 with some options. */
export function configOf(options: object): DensityConfig {
  return {
    kind: 'lens',
    experiment: 'density',
    seed: 3,
    profile: 'tiny',
    density: densityOptions.parse(options),
  } as unknown as DensityConfig;
}

/** One layer whose units turn on where the first coordinate passes given places. */
export function cutsAt(places: readonly number[]): DenseLayer[] {
  return [
    { weights: places.map(() => [1, 0]), bias: places.map((place) => -place) },
    { weights: [places.map(() => 1)], bias: [0] },
  ];
}

const random = randomStream(77);
const CLASSES = 4;
/** Points of class c have first coordinates from c to c + 0.6. */
export const POINTS = Array.from({ length: 48 }, (_, i): [number, number] => [
  Math.fround((i % CLASSES) + 0.6 * random.uniform()),
  Math.fround(random.uniform()),
]);
export const LABELS = POINTS.map((_, i) => i % CLASSES);
/** Most boundaries lie in the gaps between classes, a few anywhere. */
const GAPS = Array.from(
  { length: 60 },
  () => (random.below(CLASSES - 1) as number) + 0.6 + 0.4 * random.uniform(),
);
const ANYWHERE = Array.from({ length: 20 }, () => CLASSES * random.uniform());
export const EVEN = Array.from({ length: 80 }, (_, i) => ((i + 0.5) / 80) * CLASSES);
export const PLACES = [...GAPS, ...ANYWHERE];
