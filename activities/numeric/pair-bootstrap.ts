// The bootstrap for pairs that share their ends: resample the ends, and let a pair count as often as both
// were drawn.

import { drawnUnits } from './bootstrap.ts';
import type { Estimate, ResamplingOptions } from './bootstrap.ts';

/** Pairs of units in two groups, with one value each. */
export interface PairSample {
  /** Units that may be ends. */
  readonly units: number;
  /** `[pairs, 2]` units. */
  readonly ends: Int32Array;
  /** `[pairs]`, finite. */
  readonly values: Float64Array;
  /** `[pairs]` 0 for group A, 1 for group B. */
  readonly groups: Uint8Array;
}

/** All from the same resamples; NaN where a group has no pair or, for the ratio, B's mean is 0. */
export interface PairEstimates {
  readonly meanA: Estimate;
  readonly meanB: Estimate;
  /** A - B. */
  readonly difference: Estimate;
  /** A / B. */
  readonly ratio: Estimate;
}

/**
 * Means of both groups, their difference and ratio under resampling of units: the weight of a pair is the
 * product of its ends' multiplicities. Where values vary mostly from pair to pair and little from unit to
 * unit the intervals are too wide, by up to sqrt 3: they err on the safe side.
 * @param drawn - `[replicates, units]` multiplicities, such as `drawnUnits` gives: samples of the same units may share them.
 * @throws RangeError where lengths differ or an end is no unit.
 * @see Owen, "The Pigeonhole Bootstrap", 2007; polytope-lens specification, section 4 (intervals).
 */
export function bootstrapPairs(
  sample: PairSample,
  options: ResamplingOptions,
  drawn: Int32Array = drawnUnits(sample.units, options),
): PairEstimates {
  checkPairs(sample);
  const { units } = sample;
  const [a, b] = [pairsOfGroup(sample, 0), pairsOfGroup(sample, 1)];
  const once = new Int32Array(units).fill(1);
  const value = [weightedMean(a, once), weightedMean(b, once)] as const;
  const replicates = drawn.length / units;
  const [drawnA, drawnB] = [new Float64Array(replicates), new Float64Array(replicates)];
  for (let replicate = 0; replicate < replicates; replicate++) {
    const multiplicity = drawn.subarray(replicate * units, (replicate + 1) * units);
    drawnA[replicate] = weightedMean(a, multiplicity);
    drawnB[replicate] = weightedMean(b, multiplicity);
  }
  const combine = (of: (meanA: number, meanB: number) => number): Estimate => ({
    value: of(...value),
    replicates: drawnA.map((meanA, i) => of(meanA, drawnB[i]!)),
  });
  return {
    meanA: combine((meanA) => meanA),
    meanB: combine((_, meanB) => meanB),
    difference: combine((meanA, meanB) => meanA - meanB),
    ratio: combine((meanA, meanB) => (meanB === 0 ? Number.NaN : meanA / meanB)),
  };
}

interface GroupPairs {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly values: Float64Array;
}

function checkPairs({ units, ends, values, groups }: PairSample): void {
  if (ends.length !== 2 * values.length || groups.length !== values.length) {
    throw new RangeError(`${values.length} pairs have ${ends.length} ends and ${groups.length} groups`);
  }
  const stray = ends.findIndex((unit) => unit < 0 || unit >= units);
  if (stray >= 0) throw new RangeError(`pair ${stray >> 1} ends at unit ${ends[stray]} of ${units}`);
}

/** Pairs of one group lie together, so that the loop over them has no branch. */
function pairsOfGroup({ ends, values, groups }: PairSample, group: number): GroupPairs {
  const kept = Array.from(groups.keys()).filter((pair) => groups[pair] === group);
  return {
    first: Int32Array.from(kept, (pair) => ends[2 * pair]!),
    second: Int32Array.from(kept, (pair) => ends[2 * pair + 1]!),
    values: Float64Array.from(kept, (pair) => values[pair]!),
  };
}

function weightedMean({ first, second, values }: GroupPairs, multiplicity: Int32Array): number {
  let total = 0;
  let weights = 0;
  for (let pair = 0; pair < values.length; pair++) {
    const weight = multiplicity[first[pair]!]! * multiplicity[second[pair]!]!;
    weights += weight;
    total += weight * values[pair]!;
  }
  return total / weights;
}
