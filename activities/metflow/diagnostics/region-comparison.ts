// Masses that chains estimate against how often independent data lie in the same regions. A difference is a fact about
// the energy that was sampled and the data, not about the network alone.

import { benjaminiHochberg } from '../../numeric/benjamini-hochberg.ts';
import { chiSquareDraw } from '../../numeric/chi-square-draw.ts';
import { chiSquareTail } from '../../numeric/gamma-distribution.ts';
import { normalCdf } from '../../numeric/normal-distribution.ts';
import { quantileSorted } from '../../numeric/quantiles.ts';
import { randomStream, type RandomStream } from '../../numeric/rng.ts';
import { studentTwoSided } from '../../numeric/student-distribution.ts';
import type { RegionMass } from './region-mass.ts';

export interface RegionDifference {
  readonly frequency: number;
  /** Mass less frequency. */
  readonly difference: number;
  /** log of mass over frequency, half a draw and half a data point added to each; NaN where no effective size is known. */
  readonly logRatio: number;
  /** Two-sided; NaN where the mass has no error. */
  readonly pValue: number;
  /** The same after Benjamini and Hochberg over all regions. */
  readonly adjusted: number;
}

/**
 * Compares region by region: `SE^2 = se^2 + n_c (n - n_c) / n^3`, a normal law for reliable errors, else Student's with
 * one degree less than chains.
 * @param counts - data points in each region, in the order of `masses`.
 * @param points - data points in all.
 */
export function compareRegions(
  masses: readonly RegionMass[],
  {
    counts,
    points,
    chains,
  }: { readonly counts: ArrayLike<number>; readonly points: number; readonly chains: number },
): RegionDifference[] {
  const plain = masses.map(({ mass, error, effectiveSize, reliable }, i) => {
    const count = counts[i]!;
    const frequency = count / points;
    const difference = mass - frequency;
    const score = difference / Math.sqrt(error * error + (frequency * (1 - frequency)) / points);
    const pValue = reliable ? 2 * normalCdf(-Math.abs(score)) : studentTwoSided(score, chains - 1);
    const smooth = (mass * effectiveSize + 0.5) / (effectiveSize + 1);
    return { frequency, difference, logRatio: Math.log(smooth / ((count + 0.5) / (points + 1))), pValue };
  });
  const adjusted = benjaminiHochberg(Float64Array.from(plain, ({ pValue }) => pValue));
  return plain.map((row, i) => ({ ...row, adjusted: adjusted[i]! }));
}

/**
 * G-test that masses and frequencies are one law, with the draws counted as `size` independent ones: the least
 * effective size, which is on the safe side. NaN where it is not known.
 * @see Sokal and Rohlf, "Biometry", 1981, section 17.4.
 */
export function gTest(
  masses: ArrayLike<number>,
  {
    counts,
    points,
    size,
  }: { readonly counts: ArrayLike<number>; readonly points: number; readonly size: number },
): { readonly statistic: number; readonly pValue: number } {
  let statistic = 0;
  let cells = 0;
  for (let i = 0; i < masses.length; i++) {
    const [drawn, seen] = [masses[i]! * size, counts[i]!];
    if (drawn + seen === 0) continue;
    cells++;
    const share = (drawn + seen) / (size + points);
    statistic += 2 * (xLogRatio(drawn, size * share) + xLogRatio(seen, points * share));
  }
  return { statistic, pValue: chiSquareTail(statistic, cells - 1) };
}

/** Jensen-Shannon divergence of two laws on the same cells, bits: 0 for equal ones, 1 for laws that share no cell. */
export function jensenShannonBits(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let nats = 0;
  for (let i = 0; i < a.length; i++) {
    const middle = (a[i]! + b[i]!) / 2;
    nats += (xLogRatio(a[i]!, middle) + xLogRatio(b[i]!, middle)) / 2;
  }
  return nats / Math.LN2;
}

export interface Divergence {
  readonly bits: number;
  /** 95 % interval: percentiles of the replicates less their bias, since noise only adds to a divergence; at least 0. */
  readonly low: number;
  readonly high: number;
}

const REPLICATES = 200;
const LEVEL = 0.95;

/**
 * The divergence of masses and frequencies, with an interval by resampling whole chains and, for the data, by the
 * Bayesian bootstrap.
 * @param perChain - `[chains, cells]` share of each chain's draws in each cell.
 * @param counts - `[cells]` data points.
 * @see Rubin, "The Bayesian bootstrap", 1981.
 */
export function regionDivergence(
  perChain: Float64Array,
  {
    counts,
    chains,
    seed,
  }: { readonly counts: ArrayLike<number>; readonly chains: number; readonly seed: number },
): Divergence {
  const cells = counts.length;
  const everyChain = Int32Array.from({ length: chains }, (_, chain) => chain);
  const points = Array.from(counts).reduce((sum, count) => sum + count, 0);
  const bits = jensenShannonBits(
    meanOfChains(perChain, { cells, chosen: everyChain }),
    Float64Array.from(counts, (count) => count / points),
  );
  const replicates = Float64Array.from({ length: REPLICATES }, (_, replicate) => {
    const random = randomStream(seed, DIVERGENCE_STREAM, replicate);
    const chosen = everyChain.map(() => random.below(chains));
    return jensenShannonBits(meanOfChains(perChain, { cells, chosen }), reweighted(counts, random));
  }).sort();
  const bias = replicates.reduce((sum, value) => sum + value, 0) / REPLICATES - bits;
  const [low, high] = [(1 - LEVEL) / 2, (1 + LEVEL) / 2].map((share) => {
    return Math.max(0, quantileSorted(replicates, share) - bias);
  });
  return { bits, low: low!, high: high! };
}

/** Keeps these random numbers apart from all others of a run. */
const DIVERGENCE_STREAM = 0x6a7364;

function meanOfChains(
  perChain: Float64Array,
  { cells, chosen }: { readonly cells: number; readonly chosen: Int32Array },
): Float64Array {
  const mean = new Float64Array(cells);
  for (const chain of chosen)
    for (let cell = 0; cell < cells; cell++) mean[cell]! += perChain[chain * cells + cell]! / chosen.length;
  return mean;
}

/** Frequencies of data whose points have random weights of exponential law, normalised. */
function reweighted(counts: ArrayLike<number>, random: RandomStream): Float64Array {
  const weights = Float64Array.from(counts, (count) => (count === 0 ? 0 : chiSquareDraw(random, 2 * count)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** x log(x / y), 0 at x = 0. */
function xLogRatio(x: number, y: number): number {
  return x === 0 ? 0 : x * Math.log(x / y);
}
