// The bootstrap by resampling units (images, sequences, chains), not the values that share them: every
// statistic is a function of how often each unit was drawn.

import { randomStream } from './rng.ts';

export interface ResamplingOptions {
  /** uint32. */
  readonly seed: number;
  /** Keeps statistics apart that share a seed. @default 0 */
  readonly stream?: number;
  /** @default 2000 */
  readonly replicates?: number;
}

/**
 * A statistic of the sample with its value in every resample; `percentileInterval` of the replicates gives
 * bounds.
 */
export interface Estimate {
  /** NaN where the statistic is undefined. */
  readonly value: number;
  /** NaN where the statistic is undefined in a resample. */
  readonly replicates: Float64Array;
}

/** Values that belong to units, such as legs to chains or tokens to sequences. */
export interface UnitValues {
  readonly units: number;
  /** `[values]` unit of every value; left out, value `i` is unit `i`. */
  readonly unitOf?: Int32Array;
}

const DEFAULT_REPLICATES = 2000;

/**
 * Resamples units with replacement.
 * @param units - at least 1.
 * @param statistic - gets `[units]` multiplicities, which sum to `units`; the buffer is reused across
 * calls. Called first with all ones: that is the value.
 * @see Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
 */
export function bootstrap(
  units: number,
  statistic: (multiplicity: Int32Array) => number,
  { seed, stream = 0, replicates = DEFAULT_REPLICATES }: ResamplingOptions,
): Estimate {
  const multiplicity = new Int32Array(units).fill(1);
  const value = statistic(multiplicity);
  const drawn = new Float64Array(replicates);
  for (let replicate = 0; replicate < replicates; replicate++) {
    drawUnits(multiplicity, seed, stream, replicate);
    drawn[replicate] = statistic(multiplicity);
  }
  return { value, replicates: drawn };
}

/**
 * Fills `[units]` multiplicities of one resample, which depend on seed, stream and replicate only:
 * statistics that use the same three see the same units.
 */
export function drawUnits(multiplicity: Int32Array, seed: number, stream: number, replicate: number): void {
  const random = randomStream(seed, stream, replicate);
  const units = multiplicity.length;
  multiplicity.fill(0);
  for (let draw = 0; draw < units; draw++) {
    const unit = random.below(units);
    multiplicity[unit] = multiplicity[unit]! + 1;
  }
}

/**
 * The multiplicities of all replicates, for statistics that share them.
 * @returns `[replicates, units]`
 */
export function drawnUnits(
  units: number,
  { seed, stream = 0, replicates = DEFAULT_REPLICATES }: ResamplingOptions,
): Int32Array {
  const drawn = new Int32Array(replicates * units);
  for (let replicate = 0; replicate < replicates; replicate++)
    drawUnits(drawn.subarray(replicate * units, (replicate + 1) * units), seed, stream, replicate);
  return drawn;
}

/**
 * Mean of values under resampling of their units.
 * @param values - finite.
 */
export function bootstrapMean(
  values: ArrayLike<number>,
  options: ResamplingOptions & Partial<UnitValues>,
): Estimate {
  return bootstrapRatioOfSums(values, null, options);
}

/**
 * Mean of `a[i] - b[i]` under resampling of units, which keeps pairs together.
 * @throws RangeError where the lengths differ.
 */
export function bootstrapMeanDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: ResamplingOptions & Partial<UnitValues>,
): Estimate {
  if (a.length !== b.length) throw new RangeError(`${a.length} values are paired with ${b.length}`);
  return bootstrapMean(
    Float64Array.from(a, (value, i) => value - b[i]!),
    options,
  );
}

/**
 * Sum of `above` over sum of `below` (null: over the number of values) under resampling of units.
 * @throws RangeError where lengths differ or a unit is out of range.
 */
export function bootstrapRatioOfSums(
  above: ArrayLike<number>,
  below: ArrayLike<number> | null,
  { units = above.length, unitOf, ...options }: ResamplingOptions & Partial<UnitValues>,
): Estimate {
  if ((below ?? above).length !== above.length || (unitOf ?? above).length !== above.length) {
    throw new RangeError('the values of a ratio and their units differ in number');
  }
  const sums = new Float64Array(units);
  const bases = new Float64Array(units);
  for (let i = 0; i < above.length; i++) {
    const unit = unitOf?.[i] ?? i;
    if (!(unit >= 0 && unit < units)) throw new RangeError(`value ${i} has unit ${unit} of ${units}`);
    sums[unit]! += above[i]!;
    bases[unit]! += below?.[i] ?? 1;
  }
  return bootstrap(
    units,
    (multiplicity) => weighted(sums, multiplicity) / weighted(bases, multiplicity),
    options,
  );
}

/**
 * Two-sided p-value of the null value: twice the smaller share of replicates on either side of it, counting
 * the sample itself.
 * @param replicates - NaN ones are left out.
 * @see Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 4.4.
 */
export function bootstrapPValue(replicates: Float64Array, nullValue: number): number {
  let below = 1;
  let above = 1;
  let defined = 1;
  for (const value of replicates) {
    if (Number.isNaN(value)) continue;
    defined++;
    if (value <= nullValue) below++;
    if (value >= nullValue) above++;
  }
  return Math.min(1, (2 * Math.min(below, above)) / defined);
}

function weighted(sums: Float64Array, multiplicity: Int32Array): number {
  let total = 0;
  for (let unit = 0; unit < sums.length; unit++) total += sums[unit]! * multiplicity[unit]!;
  return total;
}
