// Sliced Wasserstein distance: how far mass must move, averaged over directions.

import { fillNormals } from '../../numeric/philox-address.ts';

/** A set of points. */
export interface Points {
  /** `[rows, dim]`, finite. */
  readonly z: Float64Array;
  readonly dim: number;
}

/**
 * Mean over random directions of the Wasserstein-1 distance of the projections, in the units of z.
 * @param seed - of the directions, which are the same for every pair of sets.
 * @param directions - @default 128
 * @returns the mean and its standard error over the directions.
 * @see Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein barycenters of measures", 2015.
 */
export function slicedWasserstein(
  a: Points,
  b: Points,
  { seed, directions = 128 }: { readonly seed: number; readonly directions?: number },
): { readonly distance: number; readonly error: number } {
  const { dim } = a;
  if (b.dim !== dim || a.z.length === 0 || b.z.length === 0) {
    throw new RangeError(
      `no distance of ${a.z.length / dim} points in ${dim} and ${b.z.length} numbers in ${b.dim}`,
    );
  }
  const numbers = Uint32Array.from({ length: directions }, (_, direction) => direction);
  const axes = fillNormals(new Float64Array(directions * dim), numbers, {
    seed,
    step: 0,
    purpose: 'projection',
  });
  const distances = numbers.reduce<number[]>((found, direction) => {
    const axis = axes.subarray(direction * dim, (direction + 1) * dim);
    const length = Math.hypot(...axis);
    found.push(wasserstein1(project(a, axis), project(b, axis)) / length);
    return found;
  }, []);
  const distance = distances.reduce((sum, value) => sum + value, 0) / directions;
  const squares = distances.reduce((sum, value) => sum + (value - distance) ** 2, 0);
  return { distance, error: Math.sqrt(squares / (directions - 1) / directions) };
}

/** Sorted inner products with an axis. */
function project({ z, dim }: Points, axis: Float64Array): Float64Array {
  const along = new Float64Array(z.length / dim);
  for (let row = 0; row < along.length; row++) {
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += z[row * dim + i]! * axis[i]!;
    along[row] = sum;
  }
  return along.sort();
}

/** Integral of |F^-1 - G^-1| of two sorted samples of any sizes. */
function wasserstein1(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  let [i, j] = [0, 0];
  let reached = 0;
  while (i < a.length && j < b.length) {
    // Compared crosswise, so that equal shares meet exactly.
    const next = (i + 1) * b.length - (j + 1) * a.length;
    const share = next <= 0 ? (i + 1) / a.length : (j + 1) / b.length;
    sum += (share - reached) * Math.abs(a[i]! - b[j]!);
    reached = share;
    if (next <= 0) i++;
    if (next >= 0) j++;
  }
  return sum;
}
