// Spearman's rank correlation, and which of two predictors ranks a target better.

import { bootstrap } from './bootstrap.ts';
import type { Estimate, ResamplingOptions, UnitValues } from './bootstrap.ts';
import { ascendingOrder, averageRanks } from './ranks.ts';

/**
 * Spearman's ρ: the correlation of average ranks.
 * @param x - without NaN.
 * @param y - as long as `x`.
 * @returns null where a side is constant.
 * @throws RangeError where the lengths differ.
 */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number | null {
  if (x.length !== y.length) throw new RangeError(`${x.length} values are ranked against ${y.length}`);
  const ones = new Int32Array(x.length).fill(1);
  const rho = weightedCorrelation(averageRanks(x).ranks, averageRanks(y).ranks, ones);
  return Number.isNaN(rho) ? null : rho;
}

/** Cases in which two predictors compete for one target. */
export interface RivalPredictors {
  readonly target: ArrayLike<number>;
  readonly first: ArrayLike<number>;
  readonly second: ArrayLike<number>;
}

/**
 * ρ(first, target) - ρ(second, target) under resampling of units (cases, or what cases share), with ranks
 * taken anew in every resample.
 * @throws RangeError where lengths differ.
 */
export function bootstrapSpearmanDifference(
  { target, first, second }: RivalPredictors,
  { units = target.length, unitOf, ...options }: ResamplingOptions & Partial<UnitValues>,
): Estimate {
  const cases = target.length;
  if (first.length !== cases || second.length !== cases || (unitOf?.length ?? cases) !== cases) {
    throw new RangeError('predictors and target differ in number');
  }
  const ranked = [target, first, second].map((values) => new WeightedRanks(values));
  const weights = new Int32Array(cases);
  return bootstrap(
    units,
    (multiplicity) => {
      for (let i = 0; i < cases; i++) weights[i] = multiplicity[unitOf?.[i] ?? i]!;
      const [ofTarget, ofFirst, ofSecond] = ranked.map((values) => values.ranks(weights));
      return (
        weightedCorrelation(ofFirst!, ofTarget!, weights) - weightedCorrelation(ofSecond!, ofTarget!, weights)
      );
    },
    options,
  );
}

/** Average ranks of a multiset, from one sort of its distinct cases. */
class WeightedRanks {
  readonly #order: Int32Array;
  readonly #values: ArrayLike<number>;
  readonly #ranks: Float64Array;

  constructor(values: ArrayLike<number>) {
    this.#order = ascendingOrder(values);
    this.#values = values;
    this.#ranks = new Float64Array(values.length);
  }

  /** The returned buffer is reused across calls; cases of weight 0 have a rank that means nothing. */
  ranks(weights: Int32Array): Float64Array {
    const order = this.#order;
    let before = 0;
    for (let start = 0; start < order.length; ) {
      let tied = 0;
      let end = start;
      while (end < order.length && this.#values[order[end]!] === this.#values[order[start]!]) {
        tied += weights[order[end]!]!;
        end++;
      }
      for (let at = start; at < end; at++) this.#ranks[order[at]!] = before + (tied + 1) / 2;
      before += tied;
      start = end;
    }
    return this.#ranks;
  }
}

/** Pearson's correlation with case weights; NaN where a side is constant. */
function weightedCorrelation(x: Float64Array, y: Float64Array, weights: Int32Array): number {
  let total = 0;
  let sumX = 0;
  let sumY = 0;
  for (let i = 0; i < x.length; i++) {
    total += weights[i]!;
    sumX += weights[i]! * x[i]!;
    sumY += weights[i]! * y[i]!;
  }
  const [meanX, meanY] = [sumX / total, sumY / total];
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i]! - meanX, y[i]! - meanY];
    xx += weights[i]! * dx * dx;
    yy += weights[i]! * dy * dy;
    xy += weights[i]! * dx * dy;
  }
  return xx > 0 && yy > 0 ? Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy))) : Number.NaN;
}
