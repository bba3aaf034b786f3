// Local complexity: how many boundaries of each layer pass a small cross-polytope around a point.

import { randomStream } from '../numeric/rng.ts';

/**
 * Orthonormal directions, by Gram and Schmidt from Gaussian draws.
 * @returns `[directions, size]`, at most `size` of them.
 */
export function orthonormalDirections(
  size: number,
  {
    directions,
    seed,
    stream,
  }: { readonly directions: number; readonly seed: number; readonly stream: number },
): Float64Array {
  const count = Math.min(directions, size);
  const random = randomStream(seed, stream);
  const basis = Float64Array.from({ length: count * size }, random.normal);
  for (let row = 0; row < count; row++) {
    const own = basis.subarray(row * size, (row + 1) * size);
    // Twice is enough: the second pass takes off what rounding left.
    for (let pass = 0; pass < 2; pass++) {
      for (let other = 0; other < row; other++) {
        const before = basis.subarray(other * size, (other + 1) * size);
        const along = own.reduce((sum, value, i) => sum + value * before[i]!, 0);
        for (let i = 0; i < size; i++) own[i]! -= along * before[i]!;
      }
    }
    const length = Math.hypot(...own);
    for (let i = 0; i < size; i++) own[i]! /= length;
  }
  return basis;
}

/**
 * Vertices `x + r v` and `x - r v` of every direction, the point itself left out.
 * @param basis - `[directions, size]`.
 * @returns `[2 directions, size]` float32, as models take them.
 */
export function crossPolytope(point: ArrayLike<number>, basis: Float64Array, radius: number): Float32Array {
  const size = point.length;
  const vertices = new Float32Array(2 * basis.length);
  for (let direction = 0; direction < basis.length / size; direction++) {
    for (let i = 0; i < size; i++) {
      const step = radius * basis[direction * size + i]!;
      vertices[2 * direction * size + i] = point[i]! + step;
      vertices[(2 * direction + 1) * size + i] = point[i]! - step;
    }
  }
  return vertices;
}

/**
 * Units whose bit differs between any vertex and the first. Exact for the first layer, whose boundaries are hyperplanes: one
 * that cuts the convex hull has vertices on both sides. A lower bound for deeper layers.
 * @param pre - `[vertices, units]` pre-activations.
 * @see Humayun, Balestriero, Baraniuk, "Deep Networks Always Grok and Here is Why", 2024, section 3; their public code.
 */
export function crossingUnits(pre: Float32Array | Float64Array, units: number): number {
  let crossing = 0;
  for (let unit = 0; unit < units; unit++) {
    const isOn = pre[unit]! > 0;
    for (let at = unit + units; at < pre.length; at += units) {
      if (pre[at]! > 0 !== isOn) {
        crossing++;
        break;
      }
    }
  }
  return crossing;
}
