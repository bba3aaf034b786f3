// Points to be clustered, as callers have them.

import { PipelineError } from '#schemas/errors.ts';

/** Points and what makes two of them close. */
export type PointSet = CodePoints | VectorPoints;

/** Packed codes, compared by the number of bits in which they differ. */
export interface CodePoints {
  readonly metric: 'hamming';
  readonly rows: number;
  readonly rowBytes: number;
  /** `[rows, rowBytes]`, pad bits equal in all rows. */
  readonly codes: Uint8Array;
}

/** Vectors, compared as they are or by their directions; a vector of zeros keeps its place at the origin. */
export interface VectorPoints {
  readonly metric: 'euclid' | 'cosine';
  readonly rows: number;
  readonly columns: number;
  /** `[rows, columns]`, finite. */
  readonly values: Float32Array;
}

/**
 * Refuses points that do not fill their shape.
 * @throws PipelineError `data-invalid`.
 */
export function checkShape(points: PointSet): void {
  const width = points.metric === 'hamming' ? points.rowBytes : points.columns;
  const length = points.metric === 'hamming' ? points.codes.length : points.values.length;
  if (length === points.rows * width) return;
  throw new PipelineError({
    kind: 'data-invalid',
    what: 'the points do not fill their shape',
    value: `${points.rows} rows of ${width}, ${length} given`,
    remedy: 'Pass exactly rows times columns values.',
  });
}

/**
 * Copies points to rows of `strideBytes`, whose ends stay zero.
 * @returns the factor by which distances grew.
 * @throws PipelineError `non-finite-input`, with row and column.
 */
export function copyPoints(points: PointSet, matrix: Uint8Array, strideBytes: number): number {
  if (points.metric !== 'hamming') return copyVectors(points, matrix, strideBytes);
  const { rows, rowBytes, codes } = points;
  for (let row = 0; row < rows; row++) {
    matrix.set(codes.subarray(row * rowBytes, (row + 1) * rowBytes), row * strideBytes);
  }
  return 1;
}

/**
 * Copies vectors, scaled so that no square overflows or vanishes: by a power of two, which loses nothing, or to unit
 * length. Returns the scale.
 */
function copyVectors(
  { metric, rows, columns, values }: VectorPoints,
  matrix: Uint8Array,
  strideBytes: number,
): number {
  const norms = rowNorms({ rows, columns, values });
  const largest = norms.reduce((most, norm) => Math.max(most, norm), 0);
  const scale = metric === 'cosine' || largest === 0 ? 1 : 2 ** -Math.ceil(Math.log2(largest));
  const out = new Float32Array(matrix.buffer, matrix.byteOffset, matrix.byteLength / 4);
  const stride = strideBytes / 4;
  for (let row = 0; row < rows; row++) {
    const norm = norms[row]!;
    const factor = metric === 'euclid' ? scale : norm === 0 ? 0 : 1 / norm;
    for (let column = 0; column < columns; column++) {
      out[row * stride + column] = values[row * columns + column]! * factor;
    }
  }
  return scale;
}

function rowNorms({ rows, columns, values }: Omit<VectorPoints, 'metric'>): Float64Array {
  const norms = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += values[row * columns + column]! ** 2;
    if (!Number.isFinite(sum)) throw nonFinite(values, row, columns);
    norms[row] = Math.sqrt(sum);
  }
  return norms;
}

function nonFinite(values: Float32Array, row: number, columns: number): PipelineError {
  const own = values.subarray(row * columns, (row + 1) * columns);
  const column = own.findIndex((value) => !Number.isFinite(value));
  return new PipelineError({
    kind: 'non-finite-input',
    what: 'a point to be clustered is not finite',
    where: `row ${row}, column ${column}`,
    value: String(own[column]),
    remedy: 'Check the model or the data that gave this row.',
  });
}
