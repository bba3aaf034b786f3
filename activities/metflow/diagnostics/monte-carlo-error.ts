// Standard errors of what chains estimate. NaN for fewer than four draws, draws that are not finite, or a constant.

import { betaQuantile } from '../../numeric/beta-distribution.ts';
import { derivedEffectiveSize, quantileEffectiveSize, rawEffectiveSize } from './effective-sample-size.ts';
import { chainMean, isDiagnosable, sampleVariance, type ChainDraws } from './split-chains.ts';

/** P(Z < -1) and P(Z < 1): an interval as wide as two standard errors. */
const ONE_SIGMA = [0.1586553, 0.8413447] as const;

/** Standard error of the mean: the draws' standard deviation over the root of their effective size. */
export function meanError(draws: ChainDraws): number {
  return Math.sqrt(sampleVariance(draws.values) / rawEffectiveSize(draws));
}

/**
 * Standard error of the standard deviation, by the delta method on the squared distances to the mean.
 * @see Kenney and Keeping, "Mathematics of Statistics", 1951; Vehtari et al., 2021, section 4.4.
 */
export function deviationError(draws: ChainDraws): number {
  if (!isDiagnosable(draws)) return Number.NaN;
  const mean = chainMean(draws.values);
  const squares = draws.values.map((value) => (value - mean) ** 2);
  const variance = chainMean(squares);
  const fourth = chainMean(squares.map((square) => square * square));
  const size = derivedEffectiveSize({ ...draws, values: squares });
  return Math.sqrt((fourth - variance * variance) / size / variance / 4);
}

/**
 * Standard error of a quantile: half the distance of the order statistics that a Beta law puts one sigma away.
 * @param share - in (0, 1).
 * @see Vehtari et al., 2021, section 4.4.
 */
export function quantileError(draws: ChainDraws, share: number): number {
  const size = quantileEffectiveSize(draws, share);
  if (Number.isNaN(size)) return Number.NaN;
  const sorted = draws.values.toSorted();
  const [low, high] = ONE_SIGMA.map((p) => betaQuantile(p, size * share + 1, size * (1 - share) + 1));
  const first = Math.floor(Math.max(0, low! * sorted.length - 1));
  const last = Math.ceil(Math.min(sorted.length - 1, high! * sorted.length - 1));
  return (sorted[last]! - sorted[first]!) / 2;
}

/** A probability estimated by the share of draws in a set. */
export interface ProbabilityEstimate {
  readonly probability: number;
  /** `sqrt(p (1 - p) / effectiveSize)`; NaN where the indicator never changes. */
  readonly error: number;
  readonly effectiveSize: number;
  /** Ends of the interval Beta(p ESS + 1/2, (1 - p) ESS + 1/2); NaN as `error`. */
  readonly low: number;
  readonly high: number;
}

/**
 * Estimates a probability.
 * @param indicator - draws that are 1 within the set, else 0.
 * @param level - of the interval. @default 0.95
 */
export function probabilityError(indicator: ChainDraws, level = 0.95): ProbabilityEstimate {
  const probability = chainMean(indicator.values);
  const effectiveSize = rawEffectiveSize(indicator);
  const [inside, outside] = [probability * effectiveSize + 0.5, (1 - probability) * effectiveSize + 0.5];
  return {
    probability,
    error: Math.sqrt((probability * (1 - probability)) / effectiveSize),
    effectiveSize,
    low: betaQuantile((1 - level) / 2, inside, outside),
    high: betaQuantile((1 + level) / 2, inside, outside),
  };
}
