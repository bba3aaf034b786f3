// Evidence from pairs, and from one statistic in several models on the same points.

import { bootstrapMean } from '../numeric/bootstrap.ts';
import { normalCdf } from '../numeric/normal-distribution.ts';
import { percentileInterval } from '../numeric/quantiles.ts';
import { signedRankTest } from '../numeric/wilcoxon.ts';
import type { Evidence } from '../polytope/claim.ts';
import type { Statement } from './evidence.ts';

const LEVEL = 0.95;
/** 97.5 % quantile of the normal distribution. */
const Z_QUANTILE = 1.96;

/** Mean of paired differences with its bootstrap interval, and Wilcoxon's test. */
export function pairedEvidence(statement: Statement, differences: readonly number[], seed: number): Evidence {
  const n = differences.length;
  if (n === 0) return { ...statement, effect: null, interval: null, pValue: null, n };
  const { value, replicates } = bootstrapMean(differences, { seed });
  const interval = percentileInterval(replicates, LEVEL);
  return { ...statement, effect: value, interval, pValue: signedRankTest(differences).pValue, n };
}

/** A statistic, and its values without each group of points. */
export interface LeftOut {
  readonly value: number;
  readonly leftOut: readonly number[];
}

/**
 * Standard error of a statistic from its values without each group.
 * @see Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 11.
 */
export function jackknifeError(leftOut: readonly number[]): number {
  const groups = leftOut.length;
  const mean = leftOut.reduce((sum, one) => sum + one, 0) / groups;
  const squares = leftOut.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return Math.sqrt(((groups - 1) / groups) * squares);
}

/**
 * A statistic less the mean of the same in other models. Leaving out the same groups on both sides keeps them paired; the
 * spread of several models adds to the error.
 * @param n - independent units behind it.
 */
export function jackknifeDifference(
  statement: Statement,
  { own, others, n }: { readonly own: LeftOut; readonly others: readonly LeftOut[]; readonly n: number },
): Evidence {
  const mean = (of: (one: LeftOut) => number) =>
    others.reduce((sum, one) => sum + of(one), 0) / others.length;
  const level = mean(({ value }) => value);
  const effect = own.value - level;
  const error = jackknifeError(
    own.leftOut.map((value, group) => value - mean(({ leftOut }) => leftOut[group]!)),
  );
  const spread = others.length < 2 ? 0 : mean(({ value }) => (value - level) ** 2) / (others.length - 1);
  const total = Math.sqrt(error ** 2 + spread);
  return {
    ...statement,
    effect,
    interval: { low: effect - Z_QUANTILE * total, high: effect + Z_QUANTILE * total },
    pValue: waldPValue(effect - statement.nullEffect, total),
    n,
  };
}

/** Two-sided p-value of a normal estimate of zero; 1 where it is zero, whatever its error. */
export function waldPValue(estimate: number, error: number): number {
  return estimate === 0 ? 1 : 2 * normalCdf(-Math.abs(estimate) / error);
}
