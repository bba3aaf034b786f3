// Factorisation of binary matrices: each row is a mixture of components, and each component gives every bit a
// probability.

import { BLOCK_ROWS, addTransposedTimes, forEachBlock, timesTransposed, transposed } from './matrix.ts';
import type { Observations } from './matrix.ts';
import { randomStream } from './rng.ts';

/** P(x[i, j] = 1) = sum over k of weights[i, k] components[k, j]. */
export interface BernoulliNmf {
  /** `[rows, rank]`, every row sums to 1. */
  readonly weights: Float64Array;
  /** `[rank, cols]` probabilities, by descending total weight. */
  readonly components: Float64Array;
  /** Negative log-likelihood in nats before each iteration and, last, after all; never rises. */
  readonly losses: readonly number[];
  readonly converged: boolean;
}

export interface BernoulliNmfOptions {
  readonly rank: number;
  readonly seed: number;
  /** @default 200 */
  readonly iterations?: number;
  /** Stop when an iteration takes less than this share off the loss. @default 1e-5 */
  readonly tolerance?: number;
  /** Start instead of a seeded draw: `[rows, rank]` and `[rank, cols]`, left unchanged. */
  readonly start?: { readonly weights: Float64Array; readonly components: Float64Array };
}

/** Keeps a fitted probability away from 0 and 1, where a contrary bit would be infinitely unlikely. */
const LEAST_PROBABILITY = 1e-12;

/**
 * Maximises the Bernoulli likelihood with mean parameters by expectation maximisation, one pass of about
 * 4 rows * cols * rank products an iteration.
 * @param x - entries 0 or 1.
 * @throws RangeError for another entry.
 * @see Bingham, Kabán, Fortelius, "The aspect Bernoulli model", 2009; Magron and Févotte, "A
 * Majorization-Minimization Algorithm for Nonnegative Binary Matrix Factorization", 2022.
 */
export function bernoulliNmf(
  x: Observations,
  { rank, seed, iterations = 200, tolerance = 1e-5, start }: BernoulliNmfOptions,
): BernoulliNmf {
  const stray = x.values.findIndex((bit) => bit !== 0 && bit !== 1);
  if (stray >= 0) throw new RangeError(`entry ${stray} is no bit: ${x.values[stray]}`);
  let { weights, components } = start ?? randomStart(x, rank, seed);
  const losses: number[] = [];
  let converged = false;
  for (;;) {
    const next = expectation(x, weights, components, rank);
    const before = losses.at(-1);
    converged = before !== undefined && before - next.loss <= tolerance * before;
    losses.push(next.loss);
    if (converged || losses.length > iterations) break;
    ({ weights, components } = next);
  }
  return { ...inOrder(x, weights, components, rank), losses, converged };
}

function randomStart({ rows, cols }: Observations, rank: number, seed: number): Factors {
  const random = randomStream(seed);
  const components = Float64Array.from({ length: rank * cols }, () => 0.25 + 0.5 * random.uniform());
  const weights = Float64Array.from({ length: rows * rank }, () => 0.5 + random.uniform());
  normaliseRows(weights, rank);
  return { weights, components };
}

interface Factors {
  readonly weights: Float64Array;
  readonly components: Float64Array;
}

/** Loss of the factors, and the next ones: both from the old, so one pass serves. */
function expectation(
  x: Observations,
  weights: Float64Array,
  components: Float64Array,
  rank: number,
): Factors & { readonly loss: number } {
  const { rows, cols } = x;
  const nextWeights = new Float64Array(rows * rank);
  const [on, off] = [new Float64Array(rank * cols), new Float64Array(rank * cols)];
  const gain = new Float64Array(BLOCK_ROWS * rank);
  let loss = 0;
  forEachBlock(x, null, (bits, first, n) => {
    const part = weights.subarray(first * rank, (first + n) * rank);
    const perOn = new Float64Array(n * cols);
    addTransposedTimes(transposed(part, n, rank), components, perOn, { m: n, n: cols, inner: rank });
    const perOff = new Float64Array(n * cols);
    loss += inverseLikelihoods(bits, perOn, perOff);
    addTransposedTimes(part, perOn, on, { m: rank, n: cols, inner: n });
    addTransposedTimes(part, perOff, off, { m: rank, n: cols, inner: n });
    const difference = perOn.map((value, i) => value - perOff[i]!);
    timesTransposed(difference, components, gain, { m: n, n: rank, inner: cols });
    for (let row = 0; row < n; row++) {
      const offSum = perOff.subarray(row * cols, (row + 1) * cols).reduce((sum, value) => sum + value, 0);
      for (let k = 0; k < rank; k++) {
        const at = row * rank + k;
        nextWeights[first * rank + at] = part[at]! * Math.max(0, gain[at]! + offSum);
      }
    }
  });
  normaliseRows(nextWeights, rank);
  const nextComponents = components.map((p, i) => {
    const share = p * on[i]!;
    const all = share + (1 - p) * off[i]!;
    return all > 0 ? share / all : p;
  });
  return { weights: nextWeights, components: nextComponents, loss };
}

/** Turns fitted probabilities into x / P and (1 - x) / (1 - P), and returns the loss. */
function inverseLikelihoods(bits: Float64Array, perOn: Float64Array, perOff: Float64Array): number {
  let loss = 0;
  for (let i = 0; i < perOn.length; i++) {
    const isOn = bits[i] === 1;
    const fitted = isOn ? perOn[i]! : 1 - perOn[i]!;
    const likelihood = Math.min(1, Math.max(LEAST_PROBABILITY, fitted));
    loss -= Math.log(likelihood);
    perOn[i] = isOn ? 1 / likelihood : 0;
    perOff[i] = isOn ? 0 : 1 / likelihood;
  }
  return loss;
}

function normaliseRows(weights: Float64Array, rank: number): void {
  for (let at = 0; at < weights.length; at += rank) {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += weights[at + k]!;
    for (let k = 0; k < rank; k++) weights[at + k] = weights[at + k]! / sum;
  }
}

function inOrder({ cols }: Observations, w: Float64Array, h: Float64Array, rank: number): Factors {
  const totals = new Float64Array(rank);
  for (let i = 0; i < w.length; i++) totals[i % rank] = totals[i % rank]! + w[i]!;
  const order = Array.from(totals.keys()).sort((a, b) => totals[b]! - totals[a]! || a - b);
  return {
    weights: Float64Array.from(w, (_, i) => w[i - (i % rank) + order[i % rank]!]!),
    components: Float64Array.from(h, (_, i) => h[order[Math.floor(i / cols)]! * cols + (i % cols)]!),
  };
}
