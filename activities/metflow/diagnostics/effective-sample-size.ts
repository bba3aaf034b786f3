// Effective sample size: how many independent draws would estimate as well.

import { autocovariance } from '../../numeric/fft.ts';
import {
  chainMean,
  chainsOf,
  interpolatedQuantile,
  isConstant,
  isDiagnosable,
  rankNormalised,
  sampleVariance,
  splitChains,
  type ChainDraws,
} from './split-chains.ts';

/**
 * For the mean of the draws as they are.
 * @returns NaN for fewer than four draws, a draw that is not finite, or a constant.
 */
export function rawEffectiveSize(draws: ChainDraws): number {
  return isDiagnosable(draws) ? effectiveSize(splitChains(draws)) : Number.NaN;
}

/**
 * For the centre of the law: of normal scores of the ranks, so it is defined for any tails. NaN as above.
 * @see Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat", 2021, section 4.3.
 */
export function bulkEffectiveSize(draws: ChainDraws): number {
  return isDiagnosable(draws) ? effectiveSize(rankNormalised(splitChains(draws))) : Number.NaN;
}

/** For the tails: the smaller one of those of the 5 % and the 95 % quantile. NaN as above. */
export function tailEffectiveSize(draws: ChainDraws): number {
  return Math.min(quantileEffectiveSize(draws, 0.05), quantileEffectiveSize(draws, 0.95));
}

/** For a quantile: of the indicator of the draws up to it. NaN as above. */
export function quantileEffectiveSize(draws: ChainDraws, share: number): number {
  if (!isDiagnosable(draws)) return Number.NaN;
  const limit = interpolatedQuantile(draws.values.toSorted(), share);
  return derivedEffectiveSize({ ...draws, values: draws.values.map((value) => (value <= limit ? 1 : 0)) });
}

/** As {@link rawEffectiveSize}, but every draw counts where what is derived from varying draws does not vary. */
export function derivedEffectiveSize(draws: ChainDraws): number {
  const split = splitChains(draws);
  return isConstant(split.values) ? split.values.length : rawEffectiveSize(draws);
}

/** S over the integrated autocorrelation time of chains that are split already. */
function effectiveSize(draws: ChainDraws): number {
  const all = draws.chains * draws.draws;
  const tau = autocorrelationTime(pooledAutocorrelations(draws), draws.draws);
  return all / Math.max(tau, 1 / Math.log10(all));
}

/** `[draws]` autocorrelations of all chains together, which count the chains' disagreement as correlation. */
function pooledAutocorrelations(draws: ChainDraws): Float64Array {
  const chains = chainsOf(draws);
  const n = draws.draws;
  const covariances = new Float64Array(n);
  for (const chain of chains) {
    for (const [lag, value] of autocovariance(chain).entries()) covariances[lag]! += value / chains.length;
  }
  const within = (covariances[0]! * n) / (n - 1);
  const between = chains.length > 1 ? sampleVariance(Float64Array.from(chains, chainMean)) : 0;
  const total = (within * (n - 1)) / n + between;
  return covariances.map((covariance, lag) => (lag === 0 ? 1 : 1 - (within - covariance) / total));
}

/**
 * `-1 + 2 sum of rho` up to where pairs of neighbours turn negative, with pairs made to decrease.
 * @see Geyer, "Practical Markov chain Monte Carlo", 1992, section 3.3; the last, lonely even lag counts once as in
 * Stan, which lowers the bias for antithetic chains.
 */
function autocorrelationTime(rho: Float64Array, n: number): number {
  let sum = 0;
  let smallest = rho[0]! + rho[1]!;
  let [even, odd] = [rho[0]!, rho[1]!];
  let lag = 1;
  for (; lag < n - 3 && even + odd > 0; lag += 2) {
    smallest = Math.min(smallest, even + odd);
    sum += smallest;
    [even, odd] = [rho[lag + 1]!, rho[lag + 2]!];
  }
  // A negative pair still lends its even lag where that is positive; a pair at the end lends it as it is.
  const last = even > 0 || even + odd >= 0 ? even : 0;
  return -1 + 2 * sum + last;
}
