// Curves between two points as chords, with arc length, and crossings counted in bins along them.

import { PipelineError } from '#schemas/errors.ts';
import { pointPair } from './boundary-density.ts';
import type { Flips, PathCrossings } from './crossing-events.ts';
import type { PiecewiseNet } from './piecewise-net.ts';
import { type CrossingOptions, crossingsOnChords } from './segment-crossings.ts';

/** Straight, or along the arc between the directions while the norm changes linearly. */
export type CurveKind = 'lerp' | 'slerp';

/** A curve as the chords between its samples: every number about it is about the chords. */
export interface Curve {
  /** What it is: `lerp` as well where `slerp` was asked for and the directions are too close, or one end is 0. */
  readonly kind: CurveKind;
  /** `[vertices, size]` */
  readonly vertices: Float64Array;
  /** `[vertices]` parameter, equal steps from 0 to 1. */
  readonly t: Float64Array;
  /** `[vertices]` length from the start to the vertex. */
  readonly arc: Float64Array;
  /** Angle between the two end points, radians; null where one is 0. */
  readonly angle: number | null;
  readonly normFrom: number;
  readonly normTo: number;
}

/** Directions closer than this have no arc worth its rounding. */
const LEAST_ANGLE = 1e-4;

/**
 * The curve from one point to another.
 * @param options.samples - chords of a slerp curve; a lerp curve has one. @default 256
 * @throws PipelineError `data-invalid` where the ends are identical, or opposite directions and `slerp` is asked for.
 * @see Shoemake, "Animating rotation with quaternion curves", 1985, for the arc.
 */
export function curveBetween(
  from: Float64Array,
  to: Float64Array,
  { kind, samples = 256, name = 'curve' }: { kind: CurveKind; samples?: number; name?: string },
): Curve {
  const { normP: normFrom, normQ: normTo, angle } = pointPair(from, to);
  const arcAngle = kind === 'slerp' && angle !== null && angle >= LEAST_ANGLE ? angle : null;
  if (arcAngle !== null && Math.PI - arcAngle < LEAST_ANGLE) throw oppositeEnds(name, arcAngle);
  const chords = arcAngle === null ? 1 : samples;
  const size = from.length;
  const vertices = new Float64Array((chords + 1) * size);
  const t = Float64Array.from({ length: chords + 1 }, (_, vertex) => vertex / chords);
  vertices.set(from);
  vertices.set(to, chords * size);
  for (let vertex = 1; vertex < chords; vertex++) {
    const { a, b } = arcShares(t[vertex]!, { angle: arcAngle!, normFrom, normTo });
    for (let i = 0; i < size; i++) vertices[vertex * size + i] = a * from[i]! + b * to[i]!;
  }
  const arc = arcLengths(vertices, size);
  if (!(arc.at(-1)! > 0)) throw noLength(name);
  return { kind: arcAngle === null ? 'lerp' : 'slerp', vertices, t, arc, angle, normFrom, normTo };
}

/** Factors of the two ends at a place of the arc whose norm changes linearly. */
function arcShares(
  at: number,
  { angle, normFrom, normTo }: { angle: number; normFrom: number; normTo: number },
): { a: number; b: number } {
  const scale = ((1 - at) * normFrom + at * normTo) / Math.sin(angle);
  return {
    a: (scale * Math.sin((1 - at) * angle)) / normFrom,
    b: (scale * Math.sin(at * angle)) / normTo,
  };
}

/** The point of the curve's chords at a parameter. */
export function pointAt({ vertices, t }: Curve, at: number): Float64Array {
  const size = vertices.length / t.length;
  const { chord, share } = chordOf(t, at);
  return Float64Array.from({ length: size }, (_, i) => {
    const a = vertices[chord * size + i]!;
    return share === 1
      ? vertices[(chord + 1) * size + i]!
      : a + share * (vertices[(chord + 1) * size + i]! - a);
  });
}

/** Length from the curve's start to a parameter. */
export function arcLengthAt({ t, arc }: Curve, at: number): number {
  const { chord, share } = chordOf(t, at);
  return arc[chord]! + share * (arc[chord + 1]! - arc[chord]!);
}

/**
 * Exact crossings of the curves' chords.
 * @throws PipelineError as `crossingsOnSegments`.
 */
export function crossingsOnCurves(
  net: PiecewiseNet,
  curves: readonly Curve[],
  options: CrossingOptions = {},
): Promise<PathCrossings[]> {
  const firstVertex = new Int32Array(curves.length + 1);
  curves.forEach((curve, i) => {
    firstVertex[i + 1] = firstVertex[i]! + curve.t.length;
  });
  const vertices = new Float64Array(curves.reduce((sum, curve) => sum + curve.vertices.length, 0));
  const t = new Float64Array(firstVertex.at(-1)!);
  curves.forEach((curve, i) => {
    vertices.set(curve.vertices, firstVertex[i]! * net.start.size);
    t.set(curve.t, firstVertex[i]!);
  });
  return crossingsOnChords(net, { vertices, t, firstVertex }, options);
}

/** Crossings along a curve in bins of equal width in t. */
export interface CrossingBins {
  readonly bins: number;
  /** `[bins + 1]` bounds in t. */
  readonly t: Float64Array;
  /** `[bins]` arc length of each bin. */
  readonly lengths: Float64Array;
  /** `[taps, bins]` flips, or symbol changes of a pool. */
  readonly crossings: Int32Array;
  /** `[taps, bins]` crossings per unit of arc length. */
  readonly density: Float64Array;
}

/** Counts a curve's crossings per tap and bin. A crossing on a bound belongs to the bin behind it. */
export function crossingBins(
  { t, tap }: Pick<Flips, 't' | 'tap'>,
  curve: Curve,
  { taps, bins = 64 }: { taps: number; bins?: number },
): CrossingBins {
  const bounds = Float64Array.from({ length: bins + 1 }, (_, bin) => bin / bins);
  const lengths = Float64Array.from(
    { length: bins },
    (_, bin) => arcLengthAt(curve, bounds[bin + 1]!) - arcLengthAt(curve, bounds[bin]!),
  );
  const crossings = new Int32Array(taps * bins);
  for (let i = 0; i < t.length; i++) {
    const bin = Math.min(Math.floor(t[i]! * bins), bins - 1);
    crossings[tap[i]! * bins + bin]!++;
  }
  const density = Float64Array.from(crossings, (count, at) => count / lengths[at % bins]!);
  return { bins, t: bounds, lengths, crossings, density };
}

function chordOf(t: Float64Array, at: number): { chord: number; share: number } {
  let low = 0;
  let high = t.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (t[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return { chord: low, share: (at - t[low]!) / (t[low + 1]! - t[low]!) };
}

function arcLengths(vertices: Float64Array, size: number): Float64Array {
  const arc = new Float64Array(vertices.length / size);
  for (let vertex = 1; vertex < arc.length; vertex++) {
    let squares = 0;
    for (let i = vertex * size; i < (vertex + 1) * size; i++)
      squares += (vertices[i]! - vertices[i - size]!) ** 2;
    arc[vertex] = arc[vertex - 1]! + Math.sqrt(squares);
  }
  return arc;
}

function oppositeEnds(where: string, angle: number): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'the end points have opposite directions, between which there are many arcs',
    where,
    value: `angle ${angle} rad`,
    remedy: 'Use lerp, or another pair.',
  });
}

function noLength(where: string): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'identical end points: the curve has no length',
    where,
    remedy: 'Choose two different points, or drop duplicates from the data.',
  });
}
