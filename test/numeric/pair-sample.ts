// Experiment E3 in miniature, with everything planted.

import type { PairSample } from '../../activities/numeric/pair-bootstrap.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

/**
 * Intra pairs (group 1) of 8 classes of 10 images and about as many inter pairs (group 0), with effects of
 * images that weigh less in inter pairs. The planted difference is `effect`.
 */
export function pairSample(
  simulation: number,
  { effect, noise }: { effect: number; noise: number },
): PairSample {
  const random = randomStream(9000, simulation);
  const units = 80;
  const own = Array.from({ length: units }, random.normal);
  const ends: number[] = [];
  const values: number[] = [];
  const groups: number[] = [];
  const add = (a: number, b: number, group: number, value: number): void => {
    ends.push(a, b);
    groups.push(group);
    values.push(value + noise * random.normal());
  };
  for (let a = 0; a < units; a++) {
    for (let b = a + 1; b < units; b++) {
      if (a % 8 === b % 8) add(a, b, 1, 5 + own[a]! + own[b]!);
      else if (random.uniform() < 1 / 7) add(a, b, 0, 5 + effect + 0.3 * (own[a]! + own[b]!));
    }
  }
  return {
    units,
    ends: Int32Array.from(ends),
    values: Float64Array.from(values),
    groups: Uint8Array.from(groups),
  };
}
