// Affine maps of a network's regions: from the values at a polygon's corners, and how two maps are compared.

import type { RandomStream } from '../numeric/rng.ts';

/** Inside a region of a slice, output i at plane point (x, y) is `weights[2i] x + weights[2i + 1] y + bias[i]`. */
export interface PlaneMap {
  /** `[outputs, 2]`. */
  readonly weights: Float64Array;
  /** `[outputs]`. */
  readonly bias: Float64Array;
}

/** Corners of a region with the outputs there: `points` is `[vertices, 2]`, `outputs` `[vertices, width]`. */
export interface CornerValues {
  readonly points: Float64Array;
  readonly outputs: Float64Array;
  readonly width: number;
  /** Vertices of the region; at least three, not on one line. */
  readonly loop: ArrayLike<number>;
}

/**
 * The affine map of a region from three of its corners that lie far apart: from the first one the furthest, and from the
 * line through both the furthest again. In the region it is as exact as the corner values; across a region of width w its
 * slope carries their rounding divided by w.
 */
export function mapFromCorners({ points, outputs, width, loop }: CornerValues): PlaneMap {
  const [p, q, r] = wideTriangle(points, loop);
  const [ax, ay] = [points[2 * q]! - points[2 * p]!, points[2 * q + 1]! - points[2 * p + 1]!];
  const [bx, by] = [points[2 * r]! - points[2 * p]!, points[2 * r + 1]! - points[2 * p + 1]!];
  const area = ax * by - ay * bx;
  const weights = new Float64Array(2 * width);
  const bias = new Float64Array(width);
  for (let i = 0; i < width; i++) {
    const base = outputs[p * width + i]!;
    const a = outputs[q * width + i]! - base;
    const b = outputs[r * width + i]! - base;
    const dx = (a * by - b * ay) / area;
    const dy = (b * ax - a * bx) / area;
    weights[2 * i] = dx;
    weights[2 * i + 1] = dy;
    bias[i] = base - (dx * points[2 * p]! + dy * points[2 * p + 1]!);
  }
  return { weights, bias };
}

/** Outputs of a map at a plane point, `[outputs]`. */
export function applyMap({ weights, bias }: PlaneMap, x: number, y: number): Float64Array {
  return bias.map((base, i) => weights[2 * i]! * x + weights[2 * i + 1]! * y + base);
}

/** Frobenius norm of a matrix in any layout. */
export function frobeniusNorm(matrix: Float64Array): number {
  let sum = 0;
  for (const value of matrix) sum += value * value;
  return Math.sqrt(sum);
}

/**
 * Rademacher probes for {@link affineDistance} on maps too large to build.
 * @returns `[probes, size]` of 1 and -1.
 */
export function rademacherProbes(
  random: RandomStream,
  { probes = 64, size }: { readonly probes?: number; readonly size: number },
): Float64Array {
  return Float64Array.from({ length: probes * size }, () => (random.uint32() >>> 31 === 0 ? 1 : -1));
}

/**
 * Affine similarity `d_F = ||A - A'||_F / sqrt(||A||_F ||A'||_F)`: exact for two matrices; an estimate where the rows are
 * the products of both maps with the same {@link rademacherProbes}, as `mean ||A r||^2` is `||A||_F^2` on average.
 * @returns 0 for two zero maps, infinity where one of them is zero.
 */
export function affineDistance(first: Float64Array, second: Float64Array): number {
  const difference = frobeniusNorm(first.map((value, i) => value - second[i]!));
  if (difference === 0) return 0;
  return difference / Math.sqrt(frobeniusNorm(first) * frobeniusNorm(second));
}

/**
 * Singular values of a map in the plane, larger first: neighbours across one unit differ by a matrix of rank 1, so the
 * second one of the difference of their weights is 0.
 * @param weights - `[outputs, 2]`.
 */
export function planeSingularValues(weights: Float64Array): readonly [number, number] {
  let [xx, xy, yy] = [0, 0, 0];
  for (let i = 0; i < weights.length; i += 2) {
    const [x, y] = [weights[i]!, weights[i + 1]!];
    xx += x * x;
    xy += x * y;
    yy += y * y;
  }
  const mean = (xx + yy) / 2;
  const spread = Math.hypot((xx - yy) / 2, xy);
  const largest = Math.sqrt(mean + spread);
  // Sum of the squared 2 x 2 minors, not mean - spread: the small value would drown in the large one's rounding.
  return largest === 0 ? [0, 0] : [largest, Math.sqrt(minors(weights)) / largest];
}

function minors(weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i += 2) {
    for (let j = i + 2; j < weights.length; j += 2) {
      sum += (weights[i]! * weights[j + 1]! - weights[i + 1]! * weights[j]!) ** 2;
    }
  }
  return sum;
}

function wideTriangle(points: Float64Array, loop: ArrayLike<number>): [number, number, number] {
  const p = loop[0]!;
  const q = furthest(loop, (vertex) => {
    return Math.hypot(points[2 * vertex]! - points[2 * p]!, points[2 * vertex + 1]! - points[2 * p + 1]!);
  });
  const [dx, dy] = [points[2 * q]! - points[2 * p]!, points[2 * q + 1]! - points[2 * p + 1]!];
  const r = furthest(loop, (vertex) => {
    const [x, y] = [points[2 * vertex]! - points[2 * p]!, points[2 * vertex + 1]! - points[2 * p + 1]!];
    return Math.abs(dx * y - dy * x);
  });
  return [p, q, r];
}

function furthest(loop: ArrayLike<number>, distance: (vertex: number) => number): number {
  let best = loop[0]!;
  let most = -1;
  for (let i = 0; i < loop.length; i++) {
    const found = distance(loop[i]!);
    if (found > most) {
      most = found;
      best = loop[i]!;
    }
  }
  return best;
}
