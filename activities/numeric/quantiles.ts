// Sample quantiles and the intervals that resampling gives.

/** Ends of an interval, in the units of what was estimated. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Sample quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, 1996).
 * @param sorted - ascending, not empty, without NaN.
 * @param share - in [0, 1].
 * @throws RangeError for an empty sample or a share outside [0, 1].
 */
export function quantileSorted(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0 || !(share >= 0 && share <= 1)) {
    throw new RangeError(`no quantile ${share} of ${sorted.length} values`);
  }
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const part = position - below;
  // Without the test two equal infinities would give NaN.
  return part === 0 ? low : low + part * (sorted[below + 1]! - low);
}

/** Quantiles of values in any order, without NaN. */
export function quantiles(values: ArrayLike<number>, shares: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => quantileSorted(sorted, share));
}

/**
 * Percentile interval: the middle `level` of the replicates.
 * @param replicates - NaN marks replicates in which the statistic is undefined; they are left out.
 * @param level - such as 0.95 or 0.99.
 * @returns null where fewer than half of the replicates are defined: then the interval would describe a
 * selection.
 * @see Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.
 */
export function percentileInterval(replicates: Float64Array, level: number): Interval | null {
  const defined = replicates.filter((value) => !Number.isNaN(value)).sort();
  if (defined.length === 0 || defined.length * 2 < replicates.length) return null;
  const outside = (1 - level) / 2;
  return { low: quantileSorted(defined, outside), high: quantileSorted(defined, 1 - outside) };
}
