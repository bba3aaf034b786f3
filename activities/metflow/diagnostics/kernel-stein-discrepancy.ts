// Kernel Stein discrepancy of draws to an unnormalised density, from its gradient. Blind to a mode that no draw is
// near: read it with the mode occupancy.

import type { Points } from './sliced-wasserstein.ts';

export interface SteinDiscrepancy {
  /** Root of the V statistic, never negative; falls as 1 / sqrt(rows) for exact draws. */
  readonly discrepancy: number;
  /** U statistic of the squared discrepancy: unbiased, around 0 for exact draws. */
  readonly squaredUnbiased: number;
}

/**
 * With the inverse multiquadric kernel `(c^2 + |x - y|^2)^(-1/2)`.
 * @param gradient - `[rows, dim]` gradient of the log density at each point.
 * @param c - length below which points count as near. @default 1
 * @throws RangeError for fewer than two points, or a gradient of another shape.
 * @see Gorham and Mackey, "Measuring sample quality with kernels", 2017; Liu, Lee and Jordan, 2016.
 */
export function kernelSteinDiscrepancy({ z, dim }: Points, gradient: Float64Array, c = 1): SteinDiscrepancy {
  const rows = z.length / dim;
  if (rows < 2 || gradient.length !== z.length) {
    throw new RangeError(`no discrepancy of ${z.length} coordinates and ${gradient.length} derivatives`);
  }
  let diagonal = 0;
  let pairs = 0;
  for (let x = 0; x < rows; x++) {
    for (let y = 0; y <= x; y++) {
      let [squared, scores, along] = [0, 0, 0];
      for (let i = 0; i < dim; i++) {
        const apart = z[x * dim + i]! - z[y * dim + i]!;
        const [scoreX, scoreY] = [gradient[x * dim + i]!, gradient[y * dim + i]!];
        squared += apart * apart;
        scores += scoreX * scoreY;
        along += (scoreX - scoreY) * apart;
      }
      const k = 1 / Math.sqrt(c * c + squared);
      // grad_x . grad_y k + G(x) . grad_y k + G(y) . grad_x k + G(x) . G(y) k
      const stein = dim * k ** 3 - 3 * squared * k ** 5 + along * k ** 3 + scores * k;
      if (x === y) diagonal += stein;
      else pairs += stein;
    }
  }
  return {
    discrepancy: Math.sqrt((diagonal + 2 * pairs) / (rows * rows)),
    squaredUnbiased: (2 * pairs) / (rows * (rows - 1)),
  };
}
