// Wilcoxon's signed-rank test of paired differences.

import { normalCdf } from './normal-distribution.ts';
import { averageRanks } from './ranks.ts';

export interface SignedRankTest {
  /** Differences that are not zero; zeros say nothing about the direction and are dropped. */
  readonly n: number;
  /** Sum of the ranks of positive differences. */
  readonly positiveSum: number;
  /** Sum of the ranks of negative differences. */
  readonly negativeSum: number;
  /** Two-sided; 1 where every difference is zero. */
  readonly pValue: number;
  readonly method: 'exact' | 'normal';
}

const EXACT_UP_TO = 25;

/**
 * Two-sided test of whether differences lie symmetrically about zero: the exact distribution for at most 25
 * differences without ties, else the normal approximation with correction for ties and continuity.
 * @param differences - finite.
 * @throws RangeError for a difference that is not finite.
 * @see Wilcoxon, "Individual Comparisons by Ranking Methods", 1945; Pratt and Gibbons, "Concepts of
 * Nonparametric Theory", 1981, section 3.7.
 */
export function signedRankTest(differences: ArrayLike<number>): SignedRankTest {
  const kept = Float64Array.from(differences).filter((value) => value !== 0);
  if (!kept.every(Number.isFinite)) throw new RangeError('a paired difference is not finite');
  const { ranks, tieTerm } = averageRanks(kept.map(Math.abs));
  const n = kept.length;
  const total = (n * (n + 1)) / 2;
  const positiveSum = kept.reduce((sum, value, i) => (value > 0 ? sum + ranks[i]! : sum), 0);
  const isExact = n <= EXACT_UP_TO && tieTerm === 0;
  const smaller = Math.min(positiveSum, total - positiveSum);
  return {
    n,
    positiveSum,
    negativeSum: total - positiveSum,
    pValue: isExact ? exactPValue(smaller, n) : normalPValue(smaller, n, tieTerm),
    method: isExact ? 'exact' : 'normal',
  };
}

/** Twice P(sum <= smaller) when each rank is positive with probability 1/2. */
function exactPValue(smaller: number, n: number): number {
  const ways = new Float64Array((n * (n + 1)) / 2 + 1);
  ways[0] = 1;
  for (let rank = 1; rank <= n; rank++) {
    for (let sum = ways.length - 1; sum >= rank; sum--) ways[sum]! += ways[sum - rank]!;
  }
  const asSmall = ways.subarray(0, smaller + 1).reduce((sum, count) => sum + count, 0);
  return Math.min(1, (2 * asSmall) / 2 ** n);
}

function normalPValue(smaller: number, n: number, tieTerm: number): number {
  const mean = (n * (n + 1)) / 4;
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tieTerm / 48;
  const gap = Math.max(0, mean - smaller - 0.5);
  return Math.min(1, 2 * normalCdf(-gap / Math.sqrt(variance)));
}
