// One parameter's draws as the diagnostics take them: chains cut in half, and ranks as normal scores.

import { normalQuantile } from '../../numeric/normal-quantile.ts';
import { averageRanks } from '../../numeric/ranks.ts';

/** Draws of one parameter. */
export interface ChainDraws {
  /** `[chains, draws]`, row-major. */
  readonly values: Float64Array;
  readonly chains: number;
  readonly draws: number;
}

/** A diagnostic of fewer draws a chain would say nothing. */
const FEWEST_DRAWS = 4;

/** Whether a diagnostic is defined: finite, long enough, and not one value throughout. */
export function isDiagnosable({ values, chains, draws }: ChainDraws): boolean {
  if (values.length !== chains * draws)
    throw new RangeError(`${values.length} draws for [${chains}, ${draws}]`);
  if (chains < 1 || draws < FEWEST_DRAWS) return false;
  return values.every(Number.isFinite) && !isConstant(values);
}

/** Whether every value is the first. */
export function isConstant(values: Float64Array): boolean {
  return values.every((value) => value === values[0]);
}

/** `[2 chains, floor(draws / 2)]`: all first halves, then all second halves; the middle of an odd number is left out. */
export function splitChains({ values, chains, draws }: ChainDraws): ChainDraws {
  const half = Math.floor(draws / 2);
  const split = new Float64Array(2 * chains * half);
  for (let chain = 0; chain < chains; chain++) {
    const row = values.subarray(chain * draws, (chain + 1) * draws);
    split.set(row.subarray(0, half), chain * half);
    split.set(row.subarray(draws - half), (chains + chain) * half);
  }
  return { values: split, chains: 2 * chains, draws: half };
}

/**
 * Pooled ranks as normal scores: `Phi^-1((rank - 3/8) / (S + 1/4))`, ties share their mean rank.
 * @see Vehtari, Gelman, Simpson, Carpenter and Bürkner, "Rank-normalization, folding, and localization: an improved
 * R-hat", 2021, equation 14.
 */
export function rankNormalised({ values, ...shape }: ChainDraws): ChainDraws {
  const { ranks } = averageRanks(values);
  return { ...shape, values: ranks.map((rank) => normalQuantile((rank - 0.375) / (values.length + 0.25))) };
}

/** Mean of a chain relative to its first draw, so that a constant chain has no variance. */
export function chainMean(chain: Float64Array): number {
  const first = chain[0]!;
  let sum = 0;
  for (const value of chain) sum += value - first;
  return first + sum / chain.length;
}

/** Sample variance; NaN for one value. */
export function sampleVariance(values: Float64Array): number {
  const mean = chainMean(values);
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return squares / (values.length - 1);
}

/**
 * Quantile by linear interpolation (type 7), in the arithmetic that R and scipy's `mquantiles` share: draws equal to
 * a quantile count as not above it, so its last bit decides an indicator.
 * @param sorted - ascending.
 */
export function interpolatedQuantile(sorted: Float64Array, share: number): number {
  const n = sorted.length;
  const position = n * share + (1 - share);
  const below = Math.floor(Math.min(Math.max(position, 1), n - 1));
  const part = Math.min(Math.max(position - below, 0), 1);
  return (1 - part) * sorted[below - 1]! + part * sorted[below]!;
}

/** Each chain's draws, views on `values`. */
export function chainsOf({ values, chains, draws }: ChainDraws): readonly Float64Array[] {
  return Array.from({ length: chains }, (_, chain) => values.subarray(chain * draws, (chain + 1) * draws));
}
