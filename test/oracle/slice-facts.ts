// What tests ask of a slice: its counts, its codes as text, and points inside its polygons.

import type { RandomStream } from '../../activities/numeric/rng.ts';
import { planeAlongAxes, type SlicePlane } from '../../activities/polytope/slice-plane.ts';
import type { SlicePartition, SlicePolygons } from '../../activities/polytope/slice-polygons.ts';

/** The plane of a 2-D input itself, with a square box around 0. */
export function squareAround(halfSide: number): SlicePlane {
  const box = { x0: -halfSide, y0: -halfSide, x1: halfSide, y1: halfSide };
  const axes = [
    [1, 0],
    [0, 1],
  ] as const;
  return planeAlongAxes([0, 0], { axes, box });
}

/** Vertices - edges + faces of the inside, dropped slivers among the faces. */
export function eulerCount({ vertices, edges, polygons, slivers }: SlicePartition): number {
  return vertices.length / 2 - edges.count + polygons.count + slivers;
}

export function totalArea({ polygons }: SlicePartition): number {
  return polygons.areas.reduce((sum, area) => sum + area, 0);
}

/** A polygon's code words. */
export function codeOf({ codes, codeWords }: SlicePolygons, polygon: number): Uint32Array {
  if (codes === null) throw new Error('the codes were not kept');
  return codes.subarray(polygon * codeWords, (polygon + 1) * codeWords);
}

/** A polygon's code words as text. */
export function codeText({ polygons }: SlicePartition, polygon: number): string {
  return codeOf(polygons, polygon).join();
}

export function codeTexts(partition: SlicePartition): string[] {
  return Array.from({ length: partition.polygons.count }, (_, polygon) => codeText(partition, polygon));
}

/** Vertex numbers of a polygon. */
export function loopOf({ polygons }: SlicePartition, polygon: number): Int32Array {
  return polygons.loops.subarray(polygons.offsets[polygon], polygons.offsets[polygon + 1]);
}

/** Coordinates of a polygon's vertices. */
export function cornersOf(partition: SlicePartition, polygon: number): [number, number][] {
  return Array.from(loopOf(partition, polygon), (vertex) => [
    partition.vertices[2 * vertex]!,
    partition.vertices[2 * vertex + 1]!,
  ]);
}

/** The mean of a polygon's vertices. */
export function middleOf(partition: SlicePartition, polygon: number): [number, number] {
  const corners = cornersOf(partition, polygon);
  return mix(corners, new Array<number>(corners.length).fill(1));
}

/** A point inside a polygon: its vertices with random weights. */
export function pointIn(partition: SlicePartition, polygon: number, random: RandomStream): [number, number] {
  const corners = cornersOf(partition, polygon);
  return mix(
    corners,
    corners.map(() => random.uniform()),
  );
}

function mix(corners: readonly (readonly [number, number])[], weights: readonly number[]): [number, number] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let [x, y] = [0, 0];
  for (const [i, corner] of corners.entries()) {
    x += (weights[i]! / total) * corner[0];
    y += (weights[i]! / total) * corner[1];
  }
  return [x, y];
}
