// The finished mesh of a slice as flat columns: what the tables slice_polygons and slice_edges are written from.

import { applyMap, frobeniusNorm, mapFromCorners, type PlaneMap } from './affine-map.ts';
import type { SliceFaces } from './slice-cuts.ts';
import { OUTSIDE, REMOVED, type SliceMesh } from './slice-mesh.ts';

/** Side of an edge that is the outside of the box. */
export const BOX_SIDE = -1;
/** Side of an edge that is a dropped sliver. */
export const SLIVER_SIDE = -2;

/** Columns with one entry per polygon. */
export interface SlicePolygons {
  readonly count: number;
  /** `[count + 1]`: polygon i has the vertices `loops[offsets[i]]` up to `loops[offsets[i + 1] - 1]`. */
  readonly offsets: Int32Array;
  /** Vertex numbers, counter-clockwise; a vertex of a neighbour's on a side is listed too. */
  readonly loops: Int32Array;
  /**
   * `[count, codeWords]`: bits of all relu taps, each tap from a word on, as a span's code is laid out. Null where they take
   * more than 64 MiB.
   */
  readonly codes: Uint32Array | null;
  readonly codeWords: number;
  /** `[count, 4]` 128-bit digests of the codes. */
  readonly digests: Uint32Array;
  /** Plane units squared. */
  readonly areas: Float64Array;
  /** Largest output at the centroid, the lowest on ties; -1 where the net ends in a tap. */
  readonly classes: Int32Array;
  /** Frobenius norm of the map from the plane to the outputs; NaN where the net ends in a tap. */
  readonly jacobianNorms: Float64Array;
}

/** Columns with one entry per edge; every edge lies between exactly two sides. */
export interface SliceEdges {
  readonly count: number;
  /** `[count, 2]` vertex numbers. */
  readonly ends: Int32Array;
  /** Index into the net's taps; -1 for the sides of the box. */
  readonly taps: Int32Array;
  /** Unit of the tap, window of a pool, or side of the box. */
  readonly units: Int32Array;
  /** Polygon to the left, looking from the first end to the second; {@link SLIVER_SIDE}. */
  readonly left: Int32Array;
  /** Polygon to the right; {@link BOX_SIDE} along the box, {@link SLIVER_SIDE}. */
  readonly right: Int32Array;
}

export interface SlicePartition {
  /** `[vertices, 2]` plane coordinates. */
  readonly vertices: Float64Array;
  /** `[vertices, outputWidth]`: the network's outputs there. */
  readonly outputs: Float64Array;
  readonly outputWidth: number;
  readonly polygons: SlicePolygons;
  readonly edges: SliceEdges;
  /** Faces left out because they are smaller than 1e-14 of the box. */
  readonly slivers: number;
}

/**
 * Columns of a cut mesh.
 * @param options - `outputs`: `[vertices, outputWidth]`.
 */
export function sliceColumns(
  faces: SliceFaces,
  options: { readonly outputs: Float64Array; readonly outputWidth: number },
): SlicePartition {
  const { mesh, slivers } = faces;
  const { outputWidth } = options;
  const numbers = new Int32Array(mesh.faces).fill(SLIVER_SIDE);
  let count = 0;
  for (let face = 0; face < mesh.faces; face++) {
    if (mesh.faceEdge[face] !== REMOVED && !slivers.has(face)) numbers[face] = count++;
  }
  const { vertexNumbers, vertices, outputs } = vertexColumns(mesh, options);
  const numbered = { numbers, vertexNumbers, count };
  const loops = loopColumns(mesh, numbered);
  const columns = { ...loops, count, vertices, outputs, outputWidth, numbers };
  return {
    vertices,
    outputs,
    outputWidth,
    polygons: polygonColumns(faces, columns),
    edges: edgeColumns(mesh, numbered),
    slivers: slivers.size,
  };
}

/** The affine map from the plane to the outputs inside a polygon. */
export function polygonMap(
  { vertices, outputs, outputWidth, polygons }: SlicePartition,
  polygon: number,
): PlaneMap {
  const loop = polygons.loops.subarray(polygons.offsets[polygon], polygons.offsets[polygon + 1]);
  return mapFromCorners({ points: vertices, outputs, width: outputWidth, loop });
}

/** Vertices that an edge still meets, in order. */
function vertexColumns(
  mesh: SliceMesh,
  { outputs, outputWidth }: { readonly outputs: Float64Array; readonly outputWidth: number },
) {
  const vertexNumbers = new Int32Array(mesh.vertices).fill(REMOVED);
  for (let h = 0; h < 2 * mesh.edges; h++) {
    if (mesh.origin[h] !== REMOVED) vertexNumbers[mesh.origin[h]!] = 0;
  }
  let count = 0;
  for (let vertex = 0; vertex < mesh.vertices; vertex++) {
    if (vertexNumbers[vertex] !== REMOVED) vertexNumbers[vertex] = count++;
  }
  const vertices = new Float64Array(2 * count);
  const kept = count === mesh.vertices ? outputs : new Float64Array(count * outputWidth);
  for (const [vertex, number] of vertexNumbers.entries()) {
    if (number === REMOVED) continue;
    vertices[2 * number] = mesh.points[2 * vertex]!;
    vertices[2 * number + 1] = mesh.points[2 * vertex + 1]!;
    if (kept === outputs) continue;
    kept.set(outputs.subarray(vertex * outputWidth, (vertex + 1) * outputWidth), number * outputWidth);
  }
  return { vertexNumbers, vertices, outputs: kept };
}

interface PolygonInputs {
  readonly offsets: Int32Array;
  readonly loops: Int32Array;
  readonly count: number;
  readonly vertices: Float64Array;
  readonly outputs: Float64Array;
  readonly outputWidth: number;
  readonly numbers: Int32Array;
}

function polygonColumns(
  { mesh, codes }: SliceFaces,
  { offsets, loops, count, vertices, outputs, outputWidth: width, numbers }: PolygonInputs,
): SlicePolygons {
  const kept: number[] = [];
  const digests = new Uint32Array(4 * count);
  const areas = new Float64Array(count);
  const classes = new Int32Array(count).fill(-1);
  const jacobianNorms = new Float64Array(count).fill(Number.NaN);
  for (let face = 0; face < mesh.faces; face++) {
    const polygon = numbers[face]!;
    if (polygon < 0) continue;
    kept.push(face);
    digests.set(codes.digests.subarray(4 * face, 4 * face + 4), 4 * polygon);
    areas[polygon] = mesh.area(face);
    if (width === 0) continue;
    const loop = loops.subarray(offsets[polygon], offsets[polygon + 1]);
    const map = mapFromCorners({ points: vertices, outputs, width, loop });
    jacobianNorms[polygon] = frobeniusNorm(map.weights);
    const [x, y] = centroid(vertices, loop);
    classes[polygon] = indexOfMost(applyMap(map, x, y));
  }
  const codeColumns = { codes: codes.take(kept), codeWords: codes.width, digests };
  return { count, offsets, loops, ...codeColumns, areas, classes, jacobianNorms };
}

interface Numbered {
  /** Polygon of each face. */
  readonly numbers: Int32Array;
  readonly vertexNumbers: Int32Array;
  /** Polygons. */
  readonly count: number;
}

function loopColumns(mesh: SliceMesh, { numbers, vertexNumbers, count }: Numbered) {
  const offsets = new Int32Array(count + 1);
  const loops = new Int32Array(2 * mesh.edges);
  let length = 0;
  for (let face = 0; face < mesh.faces; face++) {
    if (numbers[face]! < 0) continue;
    const start = mesh.faceEdge[face]!;
    let at = start;
    do {
      loops[length++] = vertexNumbers[mesh.origin[at]!]!;
      at = mesh.next[at]!;
    } while (at !== start);
    offsets[numbers[face]! + 1] = length;
  }
  return { offsets, loops: loops.slice(0, length) };
}

function edgeColumns(mesh: SliceMesh, { numbers, vertexNumbers }: Numbered): SliceEdges {
  const kept: number[] = [];
  for (let edge = 0; edge < mesh.edges; edge++) if (mesh.origin[2 * edge] !== REMOVED) kept.push(edge);
  const side = (h: number) => (mesh.face[h] === OUTSIDE ? BOX_SIDE : numbers[mesh.face[h]!]!);
  return {
    count: kept.length,
    ends: Int32Array.from({ length: 2 * kept.length }, (_, i) => {
      return vertexNumbers[mesh.origin[2 * kept[i >> 1]! + (i & 1)]!]!;
    }),
    taps: Int32Array.from(kept, (edge) => mesh.edgeTap[edge]!),
    units: Int32Array.from(kept, (edge) => mesh.edgeUnit[edge]!),
    left: Int32Array.from(kept, (edge) => side(2 * edge)),
    right: Int32Array.from(kept, (edge) => side(2 * edge + 1)),
  };
}

/** Centre of area, relative to the first corner so that small polygons keep their digits. */
function centroid(points: Float64Array, loop: Int32Array): [number, number] {
  const x0 = points[2 * loop[0]!]!;
  const y0 = points[2 * loop[0]! + 1]!;
  let [twice, sumX, sumY, lastX, lastY] = [0, 0, 0, 0, 0];
  for (let i = 1; i < loop.length; i++) {
    const x = points[2 * loop[i]!]! - x0;
    const y = points[2 * loop[i]! + 1]! - y0;
    const cross = lastX * y - x * lastY;
    twice += cross;
    sumX += cross * (lastX + x);
    sumY += cross * (lastY + y);
    lastX = x;
    lastY = y;
  }
  return [x0 + sumX / (3 * twice), y0 + sumY / (3 * twice)];
}

function indexOfMost(values: Float64Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
