// Independent components: directions along which the data are as far from normal as they can be.

import { addTransposedTimes, timesTransposed, transposed } from './matrix.ts';
import type { Observations } from './matrix.ts';
import { pca, projectOntoComponents } from './pca.ts';
import { randomStream } from './rng.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

export interface Ica {
  /** As asked, or fewer where the data have a lower rank. */
  readonly count: number;
  /** `[cols]`. */
  readonly mean: Float64Array;
  /**
   * `[count, cols]` unmixing rows: `projectOntoComponents` gives sources of variance 1 (over rows - 1),
   * skewed to the positive side, by descending variance that they explain.
   */
  readonly components: Float64Array;
  /** `[count, cols]` mixing rows: what one unit of a source adds to the data. */
  readonly mixing: Float64Array;
  readonly iterations: number;
  /** False where the iterations ran out: the directions then are not independent components. */
  readonly converged: boolean;
}

export interface IcaOptions {
  readonly components: number;
  readonly seed: number;
  /** @default 400 */
  readonly iterations?: number;
  /** Stop when no direction turns by more: 1 - |cos|. @default 1e-6 */
  readonly tolerance?: number;
}

/**
 * FastICA with symmetric decorrelation and g = tanh, on data whitened by their leading principal components.
 * @throws RangeError for fewer than two rows or values that do not fit the shape.
 * @see Hyvärinen, "Fast and Robust Fixed-Point Algorithms for Independent Component Analysis", 1999.
 */
export function fastIca(
  x: Observations,
  { components, seed, iterations = 400, tolerance = 1e-6 }: IcaOptions,
): Ica {
  const whitening = pca(x, { components, seed });
  const { count, mean, variances } = whitening;
  const deviations = variances.map(Math.sqrt);
  const white = Float64Array.from(
    projectOntoComponents(x, whitening),
    (value, i) => value / deviations[i % count]!,
  );
  const random = randomStream(seed, 1);
  let turn = decorrelated(Float64Array.from({ length: count * count }, random.normal), count);
  let done = 0;
  let converged = count === 0;
  while (done < iterations && !converged) {
    const next = decorrelated(fixedPoint(white, turn, count), count);
    converged = turned(turn, next, count) <= tolerance;
    turn = next;
    done++;
  }
  const oriented = inOrder(turn, white, variances, count);
  const scaled = (power: 1 | -1): Float64Array => {
    const scales = oriented.map((value, i) => value * deviations[i % count]! ** power);
    const rows = new Float64Array(count * x.cols);
    const by = transposed(scales, count, count);
    addTransposedTimes(by, whitening.components, rows, { m: count, n: x.cols, inner: count });
    return rows;
  };
  return { count, mean, components: scaled(-1), mixing: scaled(1), iterations: done, converged };
}

const BLOCK_ROWS = 256;

/** E[tanh(w z) z] - E[1 - tanh^2(w z)] w for every row w. */
function fixedPoint(white: Float64Array, turn: Float64Array, count: number): Float64Array {
  const rows = white.length / count;
  const next = new Float64Array(count * count);
  const slopes = new Float64Array(count);
  const bent = new Float64Array(BLOCK_ROWS * count);
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    const n = Math.min(BLOCK_ROWS, rows - first);
    const block = white.subarray(first * count, (first + n) * count);
    timesTransposed(block, turn, bent, { m: n, n: count, inner: count });
    for (let i = 0; i < n * count; i++) {
      const value = Math.tanh(bent[i]!);
      bent[i] = value;
      slopes[i % count] = slopes[i % count]! + 1 - value * value;
    }
    addTransposedTimes(bent, block, next, { m: count, n: count, inner: n });
  }
  return next.map((value, i) => (value - slopes[Math.floor(i / count)]! * turn[i]!) / rows);
}

/** (W W^T)^(-1/2) W: the orthonormal rows nearest to W. */
function decorrelated(w: Float64Array, count: number): Float64Array {
  const product = new Float64Array(count * count);
  timesTransposed(w, w, product, { m: count, n: count, inner: count });
  const { values, vectors } = symmetricEigen(product, count);
  const scaled = vectors.map((value, i) => value / Math.sqrt(values[Math.floor(i / count)]!));
  const root = new Float64Array(count * count);
  addTransposedTimes(scaled, vectors, root, { m: count, n: count, inner: count });
  const result = new Float64Array(count * count);
  addTransposedTimes(root, w, result, { m: count, n: count, inner: count });
  return result;
}

/** Largest 1 - |cos| between rows of the same number. */
function turned(before: Float64Array, after: Float64Array, count: number): number {
  let most = 0;
  for (let row = 0; row < count; row++) {
    let dot = 0;
    for (let k = 0; k < count; k++) dot += before[row * count + k]! * after[row * count + k]!;
    most = Math.max(most, Math.abs(1 - Math.abs(dot)));
  }
  return most;
}

/** Rows by descending variance that the source explains, each with a positive third moment. */
function inOrder(
  turn: Float64Array,
  white: Float64Array,
  variances: Float64Array,
  count: number,
): Float64Array {
  const explained = new Float64Array(count);
  turn.forEach((value, i) => {
    const row = Math.floor(i / count);
    explained[row] = explained[row]! + value * value * variances[i % count]!;
  });
  const third = thirdMoments(turn, white, count);
  const order = Array.from(explained.keys()).sort((a, b) => explained[b]! - explained[a]! || a - b);
  return turn.map((_, i) => {
    const from = order[Math.floor(i / count)]!;
    return (third[from]! < 0 ? -1 : 1) * turn[from * count + (i % count)]!;
  });
}

function thirdMoments(turn: Float64Array, white: Float64Array, count: number): Float64Array {
  const moments = new Float64Array(count);
  const sources = new Float64Array(count);
  for (let at = 0; at < white.length; at += count) {
    const row = white.subarray(at, at + count);
    timesTransposed(row, turn, sources, { m: 1, n: count, inner: count });
    for (let k = 0; k < count; k++) moments[k] = moments[k]! + sources[k]! ** 3;
  }
  return moments;
}
