// Eigenvalues and eigenvectors of small symmetric matrices.

export interface SymmetricEigen {
  /** Descending. */
  readonly values: Float64Array;
  /** `[size, size]`, row `i` is the unit eigenvector of `values[i]`; its sign means nothing. */
  readonly vectors: Float64Array;
}

const MOST_SWEEPS = 60;

/**
 * Cyclic Jacobi rotations: slow (about 10 size^3 a sweep, 6-10 sweeps), accurate to rounding,
 * deterministic. For sizes up to a few hundred.
 * @param matrix - `[size, size]`, symmetric, left unchanged.
 * @see Golub and Van Loan, "Matrix Computations", 4th edition, section 8.5.
 */
export function symmetricEigen(matrix: Float64Array, size: number): SymmetricEigen {
  const a = matrix.slice();
  const v = new Float64Array(size * size);
  for (let i = 0; i < size; i++) v[i * size + i] = 1;
  for (let sweep = 0; sweep < MOST_SWEEPS && !isDiagonal(a, size); sweep++) {
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, v, size, p, q);
    }
  }
  const order = Array.from({ length: size }, (_, i) => i);
  order.sort((i, j) => a[j * size + j]! - a[i * size + i]! || i - j);
  const vectors = new Float64Array(size * size);
  order.forEach((from, to) => {
    vectors.set(v.subarray(from * size, (from + 1) * size), to * size);
  });
  return { values: Float64Array.from(order, (i) => a[i * size + i]!), vectors };
}

function isDiagonal(a: Float64Array, size: number): boolean {
  let off = 0;
  let all = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const square = a[i * size + j]! ** 2;
      all += square;
      if (i !== j) off += square;
    }
  }
  return off <= 1e-32 * all;
}

/** Makes `a[p, q]` zero, by a rotation of rows and columns p and q; the rows of `v` follow. */
function rotate(a: Float64Array, v: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q]!;
  if (apq === 0) return;
  const tau = (a[q * size + q]! - a[p * size + p]!) / (2 * apq);
  const tan = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const cos = 1 / Math.sqrt(1 + tan * tan);
  const sin = tan * cos;
  for (let k = 0; k < size; k++) {
    const [kp, kq] = [k * size + p, k * size + q];
    const [x, y] = [a[kp]!, a[kq]!];
    a[kp] = cos * x - sin * y;
    a[kq] = sin * x + cos * y;
  }
  rotateRows(a, size, p, q, cos, sin);
  rotateRows(v, size, p, q, cos, sin);
}

function rotateRows(a: Float64Array, size: number, p: number, q: number, cos: number, sin: number): void {
  for (let k = 0; k < size; k++) {
    const [pk, qk] = [p * size + k, q * size + k];
    const [x, y] = [a[pk]!, a[qk]!];
    a[pk] = cos * x - sin * y;
    a[qk] = sin * x + cos * y;
  }
}
