// The leading principal components of a large matrix, by randomised subspace iteration.

import {
  BLOCK_ROWS,
  addTransposedTimes,
  addUpperGram,
  columnMeans,
  forEachBlock,
  timesTransposed,
  transposed,
} from './matrix.ts';
import type { Observations } from './matrix.ts';
import { randomStream } from './rng.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

export interface Pca {
  /** Components found: as asked, or fewer where the data have a lower rank. */
  readonly count: number;
  /** `[cols]`. */
  readonly mean: Float64Array;
  /** `[count, cols]` orthonormal rows, by descending variance; the entry largest in size is positive. */
  readonly components: Float64Array;
  /** `[count]` variances, over rows - 1. */
  readonly variances: Float64Array;
  /** Variance of the data, all directions together. */
  readonly totalVariance: number;
}

export interface PcaOptions {
  readonly components: number;
  readonly seed: number;
  /** Stop when no variance moves by more than this share of itself. @default 1e-9 */
  readonly tolerance?: number;
  /** @default 60 */
  readonly iterations?: number;
}

/** Spare directions: they carry the error that the wanted ones would have. */
const OVERSAMPLE = 16;
/** Passes over the data that are expected when the covariance is not formed. */
const USUAL_PASSES = 15;
/** Directions with less than this share of the first's variance are rounding. */
const RANK_TOLERANCE = 1e-12;

/**
 * Principal components of centred data, deterministic for a seed. Multiplies by the covariance matrix where
 * forming it is cheaper than passing over the rows, else by the rows.
 * @throws RangeError for fewer than two rows or values that do not fit the shape.
 * @see Halko, Martinsson, Tropp, "Finding Structure with Randomness", 2011, algorithm 4.4, with
 * Rayleigh-Ritz.
 */
export function pca(
  x: Observations,
  { components, seed, tolerance = 1e-9, iterations = 60 }: PcaOptions,
): Pca {
  if (x.rows < 2) throw new RangeError(`principal components of ${x.rows} rows`);
  const mean = columnMeans(x);
  const wanted = Math.min(components, x.cols, x.rows - 1);
  const size = Math.min(wanted + OVERSAMPLE, x.cols);
  const multiply = covarianceProduct(x, mean, size);
  const random = randomStream(seed);
  let basis = Float64Array.from({ length: size * x.cols }, random.normal);
  orthonormalise(basis, size, x.cols);
  let values = new Float64Array(size);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const image = multiply(basis);
    const ritz = rayleighRitz(basis, image, size, x.cols);
    const settled = ritz.values.every(
      (value, i) => i >= wanted || Math.abs(value - values[i]!) <= tolerance * ritz.values[0]!,
    );
    values = ritz.values;
    basis = settled ? ritz.basis : ritz.image;
    if (settled) break;
    orthonormalise(basis, size, x.cols);
  }
  return finished(x, mean, basis, values, wanted);
}

/**
 * Coordinates of rows along the components, of principal or of independent ones.
 * @returns `[rows, count]`.
 */
export function projectOntoComponents(
  x: Observations,
  { count, mean, components }: Pick<Pca, 'count' | 'mean' | 'components'>,
): Float32Array {
  const projected = new Float32Array(x.rows * count);
  const block = new Float64Array(BLOCK_ROWS * count);
  forEachBlock(x, mean, (rows, first, n) => {
    timesTransposed(rows, components, block, { m: n, n: count, inner: x.cols });
    projected.set(block.subarray(0, n * count), first * count);
  });
  return projected;
}

/** `basis -> basis C`, `[size, cols]`, with C the covariance over rows - 1. */
function covarianceProduct(
  x: Observations,
  mean: Float64Array,
  size: number,
): (basis: Float64Array) => Float64Array {
  const { rows, cols } = x;
  const scale = 1 / (rows - 1);
  // Half a Gram matrix costs rows * cols^2 / 2 products, a pass 2 * rows * cols * size.
  if (cols <= 4 * size * USUAL_PASSES) {
    const covariance = new Float64Array(cols * cols);
    forEachBlock(x, mean, (block, _, n) => addUpperGram(block, covariance, cols, n));
    mirrorUpper(covariance, cols);
    return (basis) => {
      const image = new Float64Array(size * cols);
      timesTransposed(basis, covariance, image, { m: size, n: cols, inner: cols });
      return image.map((value) => value * scale);
    };
  }
  return (basis) => {
    const image = new Float64Array(size * cols);
    const along = new Float64Array(BLOCK_ROWS * size);
    forEachBlock(x, mean, (block, _, n) => {
      timesTransposed(block, basis, along, { m: n, n: size, inner: cols });
      addTransposedTimes(along, block, image, { m: size, n: cols, inner: n });
    });
    return image.map((value) => value * scale);
  };
}

function mirrorUpper(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) matrix[i * size + j] = matrix[j * size + i]!;
  }
}

/** Best estimates within the span of an orthonormal basis: its eigenvalues, eigenvectors and their images. */
function rayleighRitz(
  basis: Float64Array,
  image: Float64Array,
  size: number,
  cols: number,
): { values: Float64Array<ArrayBuffer>; basis: Float64Array<ArrayBuffer>; image: Float64Array<ArrayBuffer> } {
  const small = new Float64Array(size * size);
  timesTransposed(basis, image, small, { m: size, n: size, inner: cols });
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) {
      const both = (small[i * size + j]! + small[j * size + i]!) / 2;
      small[i * size + j] = both;
      small[j * size + i] = both;
    }
  }
  const { values, vectors } = symmetricEigen(small, size);
  const turned = transposed(vectors, size, size);
  const [ritzBasis, ritzImage] = [new Float64Array(size * cols), new Float64Array(size * cols)];
  addTransposedTimes(turned, basis, ritzBasis, { m: size, n: cols, inner: size });
  addTransposedTimes(turned, image, ritzImage, { m: size, n: cols, inner: size });
  return { values: Float64Array.from(values), basis: ritzBasis, image: ritzImage };
}

/** Gram and Schmidt, each row twice; a row within the span of those before becomes zero. */
function orthonormalise(basis: Float64Array, size: number, cols: number): void {
  for (let i = 0; i < size; i++) {
    const row = basis.subarray(i * cols, (i + 1) * cols);
    const before = norm(row);
    for (let pass = 0; pass < 2; pass++) {
      for (let k = 0; k < i; k++) subtractProjection(row, basis.subarray(k * cols, (k + 1) * cols));
    }
    const length = norm(row);
    const isSpanned = !(length > 1e-13 * before);
    for (let j = 0; j < cols; j++) row[j] = isSpanned ? 0 : row[j]! / length;
  }
}

function subtractProjection(row: Float64Array, unit: Float64Array): void {
  let dot = 0;
  for (let j = 0; j < row.length; j++) dot += row[j]! * unit[j]!;
  for (let j = 0; j < row.length; j++) row[j] = row[j]! - dot * unit[j]!;
}

function norm(row: Float64Array): number {
  let squares = 0;
  for (let j = 0; j < row.length; j++) squares += row[j]! * row[j]!;
  return Math.sqrt(squares);
}

function finished(
  x: Observations,
  mean: Float64Array,
  basis: Float64Array,
  values: Float64Array,
  wanted: number,
): Pca {
  const { rows, cols } = x;
  let squares = 0;
  forEachBlock(x, mean, (block, _, n) => {
    for (let i = 0; i < n * cols; i++) squares += block[i]! * block[i]!;
  });
  const kept = values.subarray(0, wanted).filter((value) => value > RANK_TOLERANCE * values[0]!);
  const components = basis.slice(0, kept.length * cols);
  for (let at = 0; at < components.length; at += cols) fixSign(components.subarray(at, at + cols));
  return { count: kept.length, mean, components, variances: kept, totalVariance: squares / (rows - 1) };
}

/** Makes the entry largest in size positive, the first of equals. */
function fixSign(row: Float64Array): void {
  let largest = 0;
  for (let j = 1; j < row.length; j++) if (Math.abs(row[j]!) > Math.abs(row[largest]!)) largest = j;
  if (row[largest]! < 0) for (let j = 0; j < row.length; j++) row[j] = -row[j]!;
}
