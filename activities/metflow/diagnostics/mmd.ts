// Maximum mean discrepancy of two samples, with a permutation test. Draws of a chain are thinned to independence
// beforehand: the test takes them for exchangeable.

import { permutationPValue } from '../../numeric/permutation.ts';
import { randomStream, shuffle } from '../../numeric/rng.ts';
import type { Points } from './sliced-wasserstein.ts';

/** `gaussian`: exp(-r^2 / (2 h^2)); `imq`: (1 + r^2 / h^2)^(-1/2), whose tails see further. */
export type DiscrepancyKernel = 'gaussian' | 'imq';

export interface MmdOptions {
  readonly kernel: DiscrepancyKernel;
  /** Below 2^32. */
  readonly seed: number;
  /** @default 200 */
  readonly permutations?: number;
}

export interface MaximumMeanDiscrepancy {
  /** Unbiased estimate of the squared discrepancy; below 0 by chance where the laws agree. */
  readonly squared: number;
  /** h: the median distance of two different points of both samples together. */
  readonly bandwidth: number;
  /** Share of relabellings with an estimate as large. */
  readonly pValue: number;
}

/**
 * Memory grows as the square of both sizes together: 2,000 points take 32 MB.
 * @throws RangeError for samples of fewer than two points or of different dimensions.
 * @see Gretton, Borgwardt, Rasch, Schölkopf and Smola, "A kernel two-sample test", 2012, lemma 6.
 */
export function maximumMeanDiscrepancy(a: Points, b: Points, options: MmdOptions): MaximumMeanDiscrepancy {
  const { kernel, seed, permutations = 200 } = options;
  const first = a.z.length / a.dim;
  const count = first + b.z.length / b.dim;
  if (a.dim !== b.dim || first < 2 || count - first < 2) {
    throw new RangeError(`no discrepancy of ${first} points in ${a.dim} and ${count - first} in ${b.dim}`);
  }
  const gram = squaredDistances(a, b, count);
  const bandwidth = medianDistance(gram, count);
  for (let at = 0; at < gram.length; at++) {
    const ratio = gram[at]! / (bandwidth * bandwidth);
    gram[at] = kernel === 'gaussian' ? Math.exp(-ratio / 2) : 1 / Math.sqrt(1 + ratio);
  }
  const order = Uint32Array.from({ length: count }, (_, row) => row);
  const squared = estimate(gram, order, first);
  const random = randomStream(seed);
  const relabelled = Float64Array.from({ length: permutations }, () =>
    estimate(gram, shuffle(order, random), first),
  );
  return { squared, bandwidth, pValue: permutationPValue(squared, relabelled, 'greater') };
}

function squaredDistances(a: Points, b: Points, count: number): Float64Array {
  const { dim } = a;
  const z = new Float64Array(count * dim);
  z.set(a.z);
  z.set(b.z, a.z.length);
  const distances = new Float64Array(count * count);
  for (let row = 0; row < count; row++) {
    for (let col = 0; col < row; col++) {
      let squared = 0;
      for (let i = 0; i < dim; i++) squared += (z[row * dim + i]! - z[col * dim + i]!) ** 2;
      distances[row * count + col] = squared;
      distances[col * count + row] = squared;
    }
  }
  return distances;
}

/** Of pairs of different points; 1 where these coincide mostly. */
function medianDistance(squared: Float64Array, count: number): number {
  const pairs = new Float64Array((count * (count - 1)) / 2);
  let at = 0;
  for (let row = 0; row < count; row++) {
    for (let col = 0; col < row; col++) pairs[at++] = squared[row * count + col]!;
  }
  const median = Math.sqrt(pairs.sort()[pairs.length >> 1]!);
  return median > 0 ? median : 1;
}

/** The estimate with the first `first` points of `order` as one sample and the rest as the other. */
function estimate(gram: Float64Array, order: Uint32Array, first: number): number {
  const count = order.length;
  const inFirst = new Uint8Array(count);
  for (let i = 0; i < first; i++) inFirst[order[i]!] = 1;
  const sums = [0, 0, 0];
  for (let row = 0; row < count; row++) {
    for (let col = 0; col < row; col++) sums[inFirst[row]! + inFirst[col]!]! += gram[row * count + col]!;
  }
  const second = count - first;
  const pairs = (size: number) => (size * (size - 1)) / 2;
  return sums[2]! / pairs(first) + sums[0]! / pairs(second) - (2 * sums[1]!) / (first * second);
}
