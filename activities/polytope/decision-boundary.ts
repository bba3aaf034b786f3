// Where the largest output changes on a plane, from the outputs at the corners of the polygons on which they are affine.

import type { SlicePartition } from './slice-polygons.ts';

/** Segments with one entry each. */
export interface DecisionBoundary {
  readonly count: number;
  /** `[count, 4]` x and y of the two ends. */
  readonly ends: Float64Array;
  /** Polygon that the segment lies in. */
  readonly polygons: Int32Array;
  /** Class to the left on the way from the first end to the second. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly length: number;
}

/** A corner of a clipped polygon: x, y and the outputs there; `beyond` is the class across the side that starts here. */
interface Corner {
  readonly x: number;
  readonly y: number;
  readonly outputs: Float64Array;
  readonly beyond: number;
}

const SIDE_OF_POLYGON = -1;

/**
 * The decision boundary in every polygon. A class's part of a polygon is where its output is the largest: the polygon cut
 * by one line per other class, so that parts are convex and classes that win in the middle only are found too.
 */
export function decisionBoundary(partition: SlicePartition): DecisionBoundary {
  const ends: number[] = [];
  const polygons: number[] = [];
  const left: number[] = [];
  const right: number[] = [];
  let length = 0;
  for (let polygon = 0; polygon < partition.polygons.count; polygon++) {
    const corners = cornersOf(partition, polygon);
    if (haveOneClass(corners)) continue;
    for (let winner = 0; winner < partition.outputWidth; winner++) {
      const part = partOf(winner, corners);
      part.forEach((corner, i) => {
        const next = part[(i + 1) % part.length]!;
        // Both neighbours have the segment; the one of the lower class gives it.
        if (corner.beyond <= winner) return;
        ends.push(corner.x, corner.y, next.x, next.y);
        polygons.push(polygon);
        left.push(winner);
        right.push(corner.beyond);
        length += Math.hypot(next.x - corner.x, next.y - corner.y);
      });
    }
  }
  return {
    count: polygons.length,
    ends: Float64Array.from(ends),
    polygons: Int32Array.from(polygons),
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    length,
  };
}

function cornersOf({ vertices, outputs, outputWidth, polygons }: SlicePartition, polygon: number): Corner[] {
  const loop = polygons.loops.subarray(polygons.offsets[polygon], polygons.offsets[polygon + 1]);
  return Array.from(loop, (vertex) => ({
    x: vertices[2 * vertex]!,
    y: vertices[2 * vertex + 1]!,
    outputs: outputs.subarray(vertex * outputWidth, (vertex + 1) * outputWidth),
    beyond: SIDE_OF_POLYGON,
  }));
}

/** Whether some class is largest at every corner, and so everywhere between. */
function haveOneClass(corners: readonly Corner[]): boolean {
  const [first] = corners;
  const best = first!.outputs.indexOf(Math.max(...first!.outputs));
  return corners.every(({ outputs }) => outputs.every((value) => value <= outputs[best]!));
}

/** Where `winner` has the largest output; empty where it has it nowhere, or on a line or point only. */
function partOf(winner: number, corners: readonly Corner[]): readonly Corner[] {
  let part = corners;
  for (let rival = 0; rival < corners[0]!.outputs.length && part.length > 0; rival++)
    if (rival !== winner) part = clipped(part, winner, rival);
  return part;
}

/** The part of a convex polygon where `winner` is above `rival`. */
function clipped(corners: readonly Corner[], winner: number, rival: number): readonly Corner[] {
  const lead = ({ outputs }: Corner) => outputs[winner]! - outputs[rival]!;
  if (corners.every((corner) => lead(corner) >= 0)) {
    // Two classes that tie all over belong to the lower one.
    return corners.some((corner) => lead(corner) > 0) || winner < rival ? corners : [];
  }
  if (corners.every((corner) => lead(corner) <= 0)) return [];
  const kept: Corner[] = [];
  corners.forEach((corner, i) => {
    const next = corners[(i + 1) % corners.length]!;
    const [a, b] = [lead(corner), lead(next)];
    if (a > 0 || (a === 0 && b > 0)) kept.push(corner);
    // The new side, along which the rival wins, starts where the loop leaves the winner's half.
    if (a > 0 && b < 0) kept.push({ ...between(corner, next, a / (a - b)), beyond: rival });
    if (a < 0 && b > 0) kept.push({ ...between(corner, next, a / (a - b)), beyond: corner.beyond });
    if (a === 0 && b <= 0 && leadBefore(corners, i, lead) > 0) kept.push({ ...corner, beyond: rival });
  });
  return kept;
}

/** The lead at the corner before. */
function leadBefore(corners: readonly Corner[], i: number, lead: (corner: Corner) => number): number {
  return lead(corners[(i + corners.length - 1) % corners.length]!);
}

function between(from: Corner, to: Corner, t: number): Omit<Corner, 'beyond'> {
  return {
    x: from.x + t * (to.x - from.x),
    y: from.y + t * (to.y - from.y),
    outputs: from.outputs.map((value, k) => value + t * (to.outputs[k]! - value)),
  };
}
