// Sets that a cluster is compared with: what a direction, a neuron or a ball picks out when it may pick as
// many points.

import type { Observations } from '../numeric/matrix.ts';
import type { RandomStream } from '../numeric/rng.ts';
import { hammingDistance } from './hamming.ts';
import type { WordCodes } from './hamming.ts';

/**
 * The k points that project furthest along a direction; of equal projections the lower point number.
 * @param projections - `[points]`, without NaN.
 * @returns `[min(k, points)]`, furthest first.
 */
export function topOfDirection(projections: ArrayLike<number>, k: number): Int32Array {
  return k * FEW_OF < projections.length ? fewHighest(projections, k) : ordered(projections).slice(0, k);
}

/**
 * Projections of rows onto a direction.
 * @param direction - `[cols]`.
 * @returns `[rows]`.
 */
export function projectionsOnto(
  { values, rows, cols }: Observations,
  direction: ArrayLike<number>,
): Float64Array {
  const along = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let j = 0; j < cols; j++) sum += values[row * cols + j]! * direction[j]!;
    along[row] = sum;
  }
  return along;
}

/**
 * Unit direction from the mean of all points to the mean of a cluster's.
 * @param members - row numbers, not empty.
 * @param mean - `[cols]`, of all points.
 * @returns `[cols]`; null where the cluster's mean is the mean of all points.
 */
export function centroidDirection(
  { values, cols }: Observations,
  members: ArrayLike<number>,
  mean: Float64Array,
): Float64Array | null {
  const sum = new Float64Array(cols);
  for (let i = 0; i < members.length; i++) {
    const at = members[i]! * cols;
    for (let j = 0; j < cols; j++) sum[j] = sum[j]! + values[at + j]!;
  }
  return unit(sum.map((total, j) => total / members.length - mean[j]!));
}

/** The neuron whose axis points most along a direction. */
export interface AlignedNeuron {
  readonly neuron: number;
  /** Cosine of its axis and the direction. */
  readonly cosine: number;
}

/**
 * Best-aligned neuron: of a unit direction's cosines with the axes, which are its entries, the largest; the
 * first of equals.
 * @param direction - `[neurons]`, unit length.
 */
export function bestAlignedNeuron(direction: Float64Array): AlignedNeuron {
  const neuron = direction.reduce((best, cosine, j) => (cosine > direction[best]! ? j : best), 0);
  return { neuron, cosine: direction[neuron]! };
}

/** Below this share of the points they are picked out, above it all points are sorted. */
const FEW_OF = 8;

/** A uniformly random unit direction, `[cols]`. */
export function randomDirection(cols: number, random: RandomStream): Float64Array {
  const direction = unit(Float64Array.from({ length: cols }, random.normal));
  // All normals zero: has no probability to speak of, and is drawn again.
  return direction ?? randomDirection(cols, random);
}

/**
 * The k points nearest to a point by Euclidean distance, itself first; of equally near ones the lower number.
 * @param centre - row number, such as `random.below(rows)`.
 */
export function euclideanBall({ values, rows, cols }: Observations, centre: number, k: number): Int32Array {
  const nearness = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let j = 0; j < cols; j++) squares += (values[row * cols + j]! - values[centre * cols + j]!) ** 2;
    nearness[row] = -squares;
  }
  nearness[centre] = 1;
  return topOfDirection(nearness, k);
}

/**
 * The k codes nearest to a point's by Hamming distance, itself first; of equally near ones the lower
 * number.
 */
export function hammingBall({ words, rows, wordsPerRow }: WordCodes, centre: number, k: number): Int32Array {
  const nearness = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    nearness[row] = -hammingDistance(words, row * wordsPerRow, words, centre * wordsPerRow, wordsPerRow);
  }
  nearness[centre] = 1;
  return topOfDirection(nearness, k);
}

/** Points whose projections lie between two quantiles. */
export interface RangeSet {
  /** Quantiles. */
  readonly from: number;
  readonly to: number;
  readonly members: Int32Array;
}

/** The ranges of the specification, section 4: the middle, the upper part and the top. */
const WHOLE_RANGES: readonly (readonly [number, number])[] = [
  [0.5, 0.6],
  [0.8, 0.9],
  [0.99, 1],
];

/**
 * Random sets from ranges of a neuron or direction: the top alone hides that a neuron answers to several
 * things.
 * @param projections - `[points]`, without NaN.
 * @param k - members a set may have; a range with fewer points gives them all.
 * @returns one set a range, its members ascending.
 */
export function rangeSets(
  projections: ArrayLike<number>,
  k: number,
  random: RandomStream,
  ranges: readonly (readonly [number, number])[] = WHOLE_RANGES,
): RangeSet[] {
  const ascending = ordered(projections).reverse();
  return ranges.map(([from, to]) => {
    const within = ascending.slice(
      Math.round(from * ascending.length),
      Math.max(Math.round(from * ascending.length), Math.round(to * ascending.length)),
    );
    const size = Math.min(k, within.length);
    for (let i = 0; i < size; i++) {
      const at = i + random.below(within.length - i);
      const drawn = within[at]!;
      within[at] = within[i]!;
      within[i] = drawn;
    }
    return { from, to, members: within.slice(0, size).sort() };
  });
}

/** The k highest, one pass: few points make it among the highest so far. */
function fewHighest(values: ArrayLike<number>, k: number): Int32Array {
  const highest = new Int32Array(k);
  let kept = 0;
  for (let point = 0; point < values.length; point++) {
    const value = values[point]!;
    if (kept === k && !(k > 0 && value > values[highest[k - 1]!]!)) continue;
    let at = kept < k ? kept++ : k - 1;
    for (; at > 0 && values[highest[at - 1]!]! < value; at--) highest[at] = highest[at - 1]!;
    highest[at] = point;
  }
  return highest;
}

/**
 * Point numbers by descending value, then ascending number. Values are sorted without their numbers, natively, which is several
 * times as fast as calling back for every comparison; each point then looks up its place.
 */
function ordered(values: ArrayLike<number>): Int32Array {
  const count = values.length;
  const ascending = new Float64Array(values).sort();
  const taken = new Int32Array(count);
  const order = new Int32Array(count);
  for (let point = 0; point < count; point++) {
    const first = count - upperBound(ascending, values[point]!);
    order[first + taken[first]!++] = point;
  }
  return order;
}

/** How many of some ascending values are at most `value`. */
function upperBound(ascending: Float64Array, value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function unit(direction: Float64Array): Float64Array | null {
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? direction.map((value) => value / length) : null;
}
