// What the outputs do along a straight path of a piecewise-linear network, exactly, from its breakpoints.

import { pointPair } from './boundary-density.ts';
import type { PathCrossings } from './crossing-events.ts';

/** Outputs of a path at its breakpoints: between two of them they are affine in t. */
export interface OutputPieces {
  /** `[breakpoints]` ascending from 0 to 1. */
  readonly t: Float64Array;
  /** `[breakpoints, width]` */
  readonly outputs: Float64Array;
  readonly width: number;
}

/** Pieces shorter than this have a slope that is mostly rounding. */
const SHORTEST_PIECE = 1e-10;
/** Outputs move by rounding alone where they move less than this share of their largest value on the path. */
const RELATIVE_ROUNDING = 1e-13;

/** The outputs of a solved path; `outputs` must have been asked for. */
export function outputPieces({ breakpoints, outputs }: PathCrossings, width: number): OutputPieces {
  if (outputs === null) throw new Error('the path was solved without outputs');
  return { t: breakpoints, outputs, width };
}

/** Outputs at a place of the path, `[width]`. */
export function outputsAt({ t, outputs, width }: OutputPieces, at: number): Float64Array {
  const piece = pieceAt(t, at);
  const share = (at - t[piece]!) / (t[piece + 1]! - t[piece]!);
  return Float64Array.from({ length: width }, (_, k) => {
    const [a, b] = [outputs[piece * width + k]!, outputs[(piece + 1) * width + k]!];
    return a + share * (b - a);
  });
}

/** Where the largest output changes. */
export interface ClassChange {
  readonly t: number;
  readonly from: number;
  readonly to: number;
}

/** Every change of the largest output (the first on ties) on the way, in order. */
export function classChanges({ t, outputs, width }: OutputPieces): ClassChange[] {
  const changes: ClassChange[] = [];
  let current = largest(outputs, 0, width);
  for (let piece = 0; piece + 1 < t.length; piece++) {
    const [a, b] = [piece * width, (piece + 1) * width];
    let [at, next] = overtaking(outputs, { a, b, width, current, after: 0 });
    while (next >= 0) {
      changes.push({ t: t[piece]! + at * (t[piece + 1]! - t[piece]!), from: current, to: next });
      current = next;
      [at, next] = overtaking(outputs, { a, b, width, current, after: at });
    }
  }
  return changes;
}

/** First place of a piece, as a share of it, where another output passes the current one; next is -1 without any. */
function overtaking(
  outputs: Float64Array,
  { a, b, width, current, after }: { a: number; b: number; width: number; current: number; after: number },
): [at: number, next: number] {
  let [best, next, bestSlope] = [2, -1, 0];
  for (let k = 0; k < width; k++) {
    const start = outputs[a + k]! - outputs[a + current]!;
    const end = outputs[b + k]! - outputs[b + current]!;
    const slope = end - start;
    if (k === current || !(end > 0) || !(slope > 0)) continue;
    const at = Math.max(after, -start / slope);
    if (at < best || (at === best && slope > bestSlope)) [best, next, bestSlope] = [at, k, slope];
  }
  return [best, next];
}

/** How well the affine map at the start of a path holds on the way. */
export interface Validity {
  /** `[pieces]` first and last t of each piece that is long enough to have a slope. */
  readonly from: Float64Array;
  readonly to: Float64Array;
  /**
   * `[pieces]` cosine of the output's slope there with the slope at the start: 0 where the outputs stand still, NaN
   * everywhere where they do so at the start.
   */
  readonly cosine: Float64Array;
  /** `[width]` slope at the start, per unit of t. */
  readonly slope: Float64Array;
}

/** Slopes of the outputs piece by piece, against the first one. */
export function validityOf({ t, outputs, width }: OutputPieces): Validity {
  const kept = Array.from(t.keys()).filter(
    (piece) => piece + 1 < t.length && t[piece + 1]! - t[piece]! > SHORTEST_PIECE,
  );
  const rounding = RELATIVE_ROUNDING * outputs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const slopeOf = (piece: number) => {
    const rise = Float64Array.from(
      { length: width },
      (_, k) => outputs[(piece + 1) * width + k]! - outputs[piece * width + k]!,
    );
    const isStill = Math.hypot(...rise) <= rounding;
    return rise.map((value) => (isStill ? 0 : value / (t[piece + 1]! - t[piece]!)));
  };
  const slope = slopeOf(kept[0]!);
  return {
    from: Float64Array.from(kept, (piece) => t[piece]!),
    to: Float64Array.from(kept, (piece) => t[piece + 1]!),
    cosine: Float64Array.from(kept, (piece) => {
      const { angle, normP } = pointPair(slope, slopeOf(piece));
      if (normP === 0) return Number.NaN;
      return angle === null ? 0 : Math.cos(angle);
    }),
    slope,
  };
}

/** Cosine at a place of the path; on a breakpoint that of the piece behind it. Null where it is not defined. */
export function cosineAt({ from, to, cosine }: Validity, at: number): number | null {
  const piece = Math.max(
    0,
    from.findLastIndex((start, i) => start <= at && at <= to[i]!),
  );
  return Number.isNaN(cosine[piece]!) ? null : cosine[piece]!;
}

/** Start of the first piece with a cosine below the threshold; null where none is. */
export function firstBelow({ from, cosine }: Validity, threshold: number): number | null {
  const piece = cosine.findIndex((value) => value < threshold);
  return piece < 0 ? null : from[piece]!;
}

/** `||f(t) - f(0) - t slope|| / ||t slope||` at a place of the path; null where the slope is 0. */
export function linearisationError(pieces: OutputPieces, { slope }: Validity, at: number): number | null {
  const now = outputsAt(pieces, at);
  let [error, length] = [0, 0];
  for (let k = 0; k < pieces.width; k++) {
    error += (now[k]! - pieces.outputs[k]! - at * slope[k]!) ** 2;
    length += (at * slope[k]!) ** 2;
  }
  return length > 0 ? Math.sqrt(error / length) : null;
}

function pieceAt(t: Float64Array, at: number): number {
  let [low, high] = [0, t.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (t[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

function largest(values: Float64Array, from: number, width: number): number {
  let best = 0;
  for (let k = 1; k < width; k++) if (values[from + k]! > values[from + best]!) best = k;
  return best;
}
