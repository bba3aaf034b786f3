// Rank-normalised split R-hat: do the chains, and the halves of each, agree?

import {
  chainMean,
  chainsOf,
  isDiagnosable,
  rankNormalised,
  sampleVariance,
  splitChains,
  type ChainDraws,
} from './split-chains.ts';

/**
 * The larger of the R-hats of location (ranks) and of spread (ranks of the distance to the median).
 * @returns NaN for fewer than two chains, fewer than four draws, a draw that is not finite, or a constant; Infinity
 * where every chain is constant at a value of its own. Above 1.01 the chains have not mixed.
 * @see Vehtari et al., "Rank-normalization, folding, and localization: an improved R-hat", 2021, section 4.
 */
export function rankNormalisedRHat(draws: ChainDraws): number {
  // One chain cannot disagree with another; its halves may agree in one mode of many.
  if (!isDiagnosable(draws) || draws.chains < 2) return Number.NaN;
  const split = splitChains(draws);
  // Of an even number of draws, since chains were split.
  const sorted = split.values.toSorted();
  const median = (sorted[sorted.length / 2 - 1]! + sorted[sorted.length / 2]!) / 2;
  const folded = { ...split, values: split.values.map((value) => Math.abs(value - median)) };
  const location = rHat(rankNormalised(split));
  const spread = rHat(rankNormalised(folded));
  // Where all distances are equal (a fair coin), only location can differ.
  return Number.isNaN(spread) ? location : Math.max(location, spread);
}

function rHat(draws: ChainDraws): number {
  const chains = chainsOf(draws);
  const within = chainMean(Float64Array.from(chains, sampleVariance));
  const between = sampleVariance(Float64Array.from(chains, chainMean));
  return Math.sqrt(between / within + (draws.draws - 1) / draws.draws);
}
