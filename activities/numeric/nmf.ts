// Non-negative matrix factorisation by multiplicative updates.

import { PipelineError } from '#schemas/errors.ts';
import { BLOCK_ROWS, addTransposedTimes, forEachBlock, timesTransposed } from './matrix.ts';
import type { Observations } from './matrix.ts';
import { randomStream } from './rng.ts';

/** `x ≈ weights components`. */
export interface Nmf {
  /** `[rows, rank]`, non-negative. */
  readonly weights: Float64Array;
  /** `[rank, cols]`, non-negative unit rows (or zero), by descending share of the approximation. */
  readonly components: Float64Array;
  /** Squared Frobenius error after each iteration; never rises. */
  readonly losses: readonly number[];
  /** False where the iterations ran out first. */
  readonly converged: boolean;
}

export interface NmfOptions {
  readonly rank: number;
  readonly seed: number;
  /** @default 200 */
  readonly iterations?: number;
  /** Stop when an iteration takes less than this share off the error. @default 1e-5 */
  readonly tolerance?: number;
  /** Start instead of a seeded draw: `[rows, rank]` and `[rank, cols]`, left unchanged. */
  readonly start?: { readonly weights: Float64Array; readonly components: Float64Array };
}

/**
 * Minimises the squared Frobenius error; each iteration is one pass over the rows, about 2 rows * cols * rank
 * products.
 * @param x - non-negative.
 * @throws PipelineError `data-invalid` for a negative or non-finite entry.
 * @see Lee and Seung, "Algorithms for Non-negative Matrix Factorization", 2001, theorem 1.
 */
export function nmf(
  x: Observations,
  { rank, seed, iterations = 200, tolerance = 1e-5, start }: NmfOptions,
): Nmf {
  const mean = checkedMean(x);
  const { weights, components } = start ?? randomStart(x, rank, seed, mean);
  const [w, h] = [weights.slice(), components.slice()];
  const squares = squaresOf(x.values);
  const losses: number[] = [];
  let converged = false;
  while (losses.length < iterations && !converged) {
    const loss = Math.max(0, squares + iterate(x, w, h, rank));
    const before = losses.at(-1);
    converged = before !== undefined && before - loss <= tolerance * before;
    losses.push(loss);
  }
  return { ...inOrder(x, w, h, rank), losses, converged };
}

function checkedMean({ values, rows, cols }: Observations): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new PipelineError({
        kind: 'data-invalid',
        what: 'non-negative matrix factorisation needs values >= 0',
        where: `row ${Math.floor(i / cols)}, column ${i % cols}`,
        value: String(value),
        remedy: 'Use it on post-ReLU activations or codes, or use PCA or ICA.',
      });
    }
    sum += value;
  }
  return sum / (rows * cols);
}

/** Uniform entries whose product has the data's mean. */
function randomStart({ rows, cols }: Observations, rank: number, seed: number, mean: number) {
  const scale = 2 * Math.sqrt(mean / rank);
  const random = randomStream(seed);
  const components = Float64Array.from({ length: rank * cols }, () => scale * random.uniform());
  const weights = Float64Array.from({ length: rows * rank }, () => scale * random.uniform());
  return { weights, components };
}

function squaresOf(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!;
  return sum;
}

/** One update of the weights, then of the components; returns the error less the data's sum of squares. */
function iterate(x: Observations, w: Float64Array, h: Float64Array, rank: number): number {
  const { cols } = x;
  const gramH = gram(h, rank, cols);
  const wx = new Float64Array(rank * cols);
  const gramW = new Float64Array(rank * rank);
  const [above, below] = [new Float64Array(BLOCK_ROWS * rank), new Float64Array(BLOCK_ROWS * rank)];
  forEachBlock(x, null, (block, first, n) => {
    const part = w.subarray(first * rank, (first + n) * rank);
    timesTransposed(block, h, above, { m: n, n: rank, inner: cols });
    timesTransposed(part, gramH, below, { m: n, n: rank, inner: rank });
    multiplyByRatio(part, above, below);
    addTransposedTimes(part, block, wx, { m: rank, n: cols, inner: n });
    addTransposedTimes(part, part, gramW, { m: rank, n: rank, inner: n });
  });
  const denominator = new Float64Array(rank * cols);
  addTransposedTimes(gramW, h, denominator, { m: rank, n: cols, inner: rank });
  multiplyByRatio(h, wx, denominator);
  const newGramH = gram(h, rank, cols);
  const cross = h.reduce((sum, value, i) => sum + value * wx[i]!, 0);
  return gramW.reduce((sum, value, i) => sum + value * newGramH[i]!, 0) - 2 * cross;
}

function gram(h: Float64Array, rank: number, cols: number): Float64Array {
  const product = new Float64Array(rank * rank);
  timesTransposed(h, h, product, { m: rank, n: rank, inner: cols });
  return product;
}

/** A zero denominator means that nothing of the entry is used: it stays or becomes zero. */
function multiplyByRatio(values: Float64Array, above: Float64Array, below: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = below[i] === 0 ? 0 : (values[i]! * above[i]!) / below[i]!;
  }
}

/** Unit components; what was their length goes to the weights. */
function inOrder({ rows, cols }: Observations, w: Float64Array, h: Float64Array, rank: number) {
  const lengths = Array.from({ length: rank }, (_, k) => Math.sqrt(squaresOf(chunk(h, k, cols))));
  const energy = lengths.map((length, k) => {
    let squares = 0;
    for (let row = 0; row < rows; row++) squares += w[row * rank + k]! ** 2;
    return squares * length * length;
  });
  const order = energy.map((_, k) => k).sort((a, b) => energy[b]! - energy[a]! || a - b);
  const weights = Float64Array.from(w, (_, i) => {
    const from = order[i % rank]!;
    return w[i - (i % rank) + from]! * lengths[from]!;
  });
  const components = Float64Array.from(h, (_, i) => {
    const from = order[Math.floor(i / cols)]!;
    return lengths[from] === 0 ? 0 : h[from * cols + (i % cols)]! / lengths[from]!;
  });
  return { weights, components };
}

function chunk(h: Float64Array, k: number, cols: number): Float64Array {
  return h.subarray(k * cols, (k + 1) * cols);
}
