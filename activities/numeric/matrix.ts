// Dense products over the rows of a large float32 matrix, in float64. Rows are converted a block at a time,
// so that the loops see one kind of array.

/** A matrix of observations, row-major. */
export interface Observations {
  /** `[rows, cols]`. */
  readonly values: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

/** Most rows of a block that {@link forEachBlock} visits. */
export const BLOCK_ROWS = 32;

/**
 * Calls `visit` with consecutive blocks of rows less `mean`.
 * @param mean - `[cols]`, or null for the rows as they are.
 * @param visit - gets `[count, cols]`, reused across calls, and the first row's number.
 * @throws RangeError where the values do not fit the shape.
 */
export function forEachBlock(
  { values, rows, cols }: Observations,
  mean: Float64Array | null,
  visit: (block: Float64Array, firstRow: number, count: number) => void,
): void {
  if (values.length !== rows * cols) throw new RangeError(`${values.length} values for [${rows}, ${cols}]`);
  const block = new Float64Array(BLOCK_ROWS * cols);
  for (let first = 0; first < rows; first += BLOCK_ROWS) {
    const count = Math.min(BLOCK_ROWS, rows - first);
    for (let i = 0; i < count * cols; i++) block[i] = values[first * cols + i]!;
    if (mean !== null) {
      for (let at = 0; at < count * cols; at += cols) {
        for (let j = 0; j < cols; j++) block[at + j] = block[at + j]! - mean[j]!;
      }
    }
    visit(block, first, count);
  }
}

/** Mean row, `[cols]`. */
export function columnMeans(x: Observations): Float64Array {
  const mean = new Float64Array(x.cols);
  forEachBlock(x, null, (block, _, count) => {
    for (let at = 0; at < count * x.cols; at += x.cols) {
      for (let j = 0; j < x.cols; j++) mean[j] = mean[j]! + block[at + j]!;
    }
  });
  return mean.map((sum) => sum / x.rows);
}

/** `a^T` of `a [rows, cols]`, as a new `[cols, rows]`. */
export function transposed(a: Float64Array, rows: number, cols: number): Float64Array {
  return a.map((_, i) => a[(i % rows) * cols + Math.floor(i / rows)]!);
}

/**
 * `out = a b^T`. Four rows of b share each load of a row of a.
 * @param a - `[m, inner]`.
 * @param b - `[n, inner]`.
 * @param out - `[m, n]`, overwritten.
 */
export function timesTransposed(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  { m, n, inner }: { readonly m: number; readonly n: number; readonly inner: number },
): void {
  for (let row = 0; row < m; row++) {
    const at = row * inner;
    let col = 0;
    for (; col + 4 <= n; col += 4) {
      const [b0, b1, b2, b3] = [col * inner, (col + 1) * inner, (col + 2) * inner, (col + 3) * inner];
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let j = 0; j < inner; j++) {
        const value = a[at + j]!;
        s0 += value * b[b0 + j]!;
        s1 += value * b[b1 + j]!;
        s2 += value * b[b2 + j]!;
        s3 += value * b[b3 + j]!;
      }
      out[row * n + col] = s0;
      out[row * n + col + 1] = s1;
      out[row * n + col + 2] = s2;
      out[row * n + col + 3] = s3;
    }
    for (; col < n; col++) {
      let sum = 0;
      for (let j = 0; j < inner; j++) sum += a[at + j]! * b[col * inner + j]!;
      out[row * n + col] = sum;
    }
  }
}

/**
 * `out += a^T b`. Four rows of b share each load and store of a row of `out`, which stays in the cache
 * meanwhile.
 * @param a - `[inner, m]`.
 * @param b - `[inner, n]`.
 * @param out - `[m, n]`, added to.
 */
export function addTransposedTimes(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  { m, n, inner }: { readonly m: number; readonly n: number; readonly inner: number },
): void {
  for (let i = 0; i < m; i++) addWeightedRows(a, i, m, b, n, inner, out, i * n, 0);
}

/**
 * `out += a^T a`, only on and above the diagonal.
 * @param a - `[inner, n]`.
 * @param out - `[n, n]`, added to.
 */
export function addUpperGram(a: Float64Array, out: Float64Array, n: number, inner: number): void {
  for (let i = 0; i < n; i++) addWeightedRows(a, i, n, a, n, inner, out, i * n, i);
}

/** `out[to + j] += sum over rows of a[row, i] * b[row, j]` for j from `from`. */
function addWeightedRows(
  a: Float64Array,
  i: number,
  m: number,
  b: Float64Array,
  n: number,
  inner: number,
  out: Float64Array,
  to: number,
  from: number,
): void {
  let row = 0;
  for (; row + 4 <= inner; row += 4) {
    const [b0, b1, b2, b3] = [row * n, (row + 1) * n, (row + 2) * n, (row + 3) * n];
    const a0 = a[row * m + i]!;
    const a1 = a[(row + 1) * m + i]!;
    const a2 = a[(row + 2) * m + i]!;
    const a3 = a[(row + 3) * m + i]!;
    for (let j = from; j < n; j++) {
      out[to + j] = out[to + j]! + a0 * b[b0 + j]! + a1 * b[b1 + j]! + a2 * b[b2 + j]! + a3 * b[b3 + j]!;
    }
  }
  for (; row < inner; row++) {
    const value = a[row * m + i]!;
    for (let j = from; j < n; j++) out[to + j] = out[to + j]! + value * b[row * n + j]!;
  }
}
