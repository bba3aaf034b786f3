// Rows of the tables about slices from a finished partition.

import { SLICE_REGIONS_TABLE } from '#schemas/columns/lens/slice-regions.ts';
import { SLICE_EDGES_TABLE, SLICE_POLYGONS_TABLE, SLICES_TABLE } from '#schemas/columns/lens/slices.ts';
import { decisionBoundary, type DecisionBoundary } from '../polytope/decision-boundary.ts';
import type { SlicePlane } from '../polytope/slice-plane.ts';
import type { SlicePartition } from '../polytope/slice-polygons.ts';
import type { CountedTaps } from './counted-taps.ts';
import type { TableRows } from './experiment.ts';
import { sliceRegions } from '../polytope/slice-regions.ts';
import { RowCollector } from './row-collector.ts';

/** Which plane of which model. */
export interface SliceFacts {
  readonly model: string;
  readonly sliceId: string;
  readonly space: string;
  readonly pointIds: readonly number[];
  readonly plane: SlicePlane;
  readonly counted: CountedTaps;
}

/** `layer_id` of edges that no unit makes. */
const BOX_EDGE = -1;
const DECISION_EDGE = -2;
/** The same where `model.taps` leaves the tap out. */
const UNCOUNTED_EDGE = -3;
/** Rows that make a chunk. */
const CHUNK_ROWS = 20_000;

/** Rows of a slice in chunks: its polygons, its edges, its codes, and last the slice itself. */
export function* sliceRows(facts: SliceFacts, partition: SlicePartition): Generator<TableRows[]> {
  yield* polygonRows(facts, partition);
  const boundary = partition.outputWidth > 0 ? decisionBoundary(partition) : null;
  yield* edgeRows(facts, partition, boundary);
  yield* regionRows(facts, partition);
  yield [sliceRow(facts, partition, boundary)];
}

function* polygonRows({ model, sliceId }: SliceFacts, partition: SlicePartition): Generator<TableRows[]> {
  const { polygons, vertices } = partition;
  const digests = new Uint8Array(polygons.digests.buffer, polygons.digests.byteOffset);
  const rows = new RowCollector(SLICE_POLYGONS_TABLE);
  for (let polygon = 0; polygon < polygons.count; polygon++) {
    const loop = polygons.loops.subarray(polygons.offsets[polygon], polygons.offsets[polygon + 1]);
    const norm = polygons.jacobianNorms[polygon]!;
    rows.add({
      model,
      slice_id: sliceId,
      polygon_id: polygon,
      digest: digests.subarray(16 * polygon, 16 * polygon + 16),
      n_vertices: loop.length,
      xy: Array.from(loop).flatMap((vertex) => [vertices[2 * vertex]!, vertices[2 * vertex + 1]!]),
      area: polygons.areas[polygon]!,
      pred_class: polygons.classes[polygon]! < 0 ? null : polygons.classes[polygon]!,
      jac_fro: Number.isNaN(norm) ? null : norm,
    });
    if (rows.rows >= CHUNK_ROWS) yield [rows.take()];
  }
  if (rows.rows > 0) yield [rows.take()];
}

function* edgeRows(
  { model, sliceId, counted }: SliceFacts,
  { edges, vertices }: SlicePartition,
  boundary: DecisionBoundary | null,
): Generator<TableRows[]> {
  const rows = new RowCollector(SLICE_EDGES_TABLE);
  for (let edge = 0; edge < edges.count; edge++) {
    const [a, b] = [edges.ends[2 * edge]!, edges.ends[2 * edge + 1]!];
    const isBox = edges.taps[edge]! < 0;
    const layer = isBox ? BOX_EDGE : counted.layerIds[edges.taps[edge]!]!;
    rows.add({
      model,
      slice_id: sliceId,
      x0: vertices[2 * a]!,
      y0: vertices[2 * a + 1]!,
      x1: vertices[2 * b]!,
      y1: vertices[2 * b + 1]!,
      layer_id: !isBox && layer < 0 ? UNCOUNTED_EDGE : layer,
      unit: isBox ? -1 : edges.units[edge]!,
      left: edges.left[edge]!,
      right: edges.right[edge]!,
      class_left: null,
      class_right: null,
    });
    if (rows.rows >= CHUNK_ROWS) yield [rows.take()];
  }
  for (let i = 0; i < (boundary?.count ?? 0); i++) {
    rows.add({ model, slice_id: sliceId, ...decisionRow(boundary!, i) });
    if (rows.rows >= CHUNK_ROWS) yield [rows.take()];
  }
  if (rows.rows > 0) yield [rows.take()];
}

function decisionRow({ ends, polygons, left, right }: DecisionBoundary, i: number) {
  return {
    x0: ends[4 * i]!,
    y0: ends[4 * i + 1]!,
    x1: ends[4 * i + 2]!,
    y1: ends[4 * i + 3]!,
    layer_id: DECISION_EDGE,
    unit: -1,
    left: polygons[i]!,
    right: polygons[i]!,
    class_left: left[i]!,
    class_right: right[i]!,
  };
}

function* regionRows(
  { model, sliceId, counted }: SliceFacts,
  partition: SlicePartition,
): Generator<TableRows[]> {
  const layers = counted.bitTaps.map((tap) => counted.layerIds[tap]!);
  const rows = new RowCollector(SLICE_REGIONS_TABLE);
  for (const { digest, polygons, classes, neighbours, area, jacobianNorm } of sliceRegions(partition)) {
    rows.add({
      model,
      slice_id: sliceId,
      span_start: layers[0]! - 1,
      span_end: layers.at(-1)!,
      digest: new Uint8Array(digest.buffer),
      count: polygons.length,
      class_ids: classes === null ? null : Int32Array.from(classes.keys()),
      class_counts: classes === null ? null : Int32Array.from(classes.values()),
      n_neighbors_h1: neighbours,
      area,
      jac_fro: jacobianNorm,
    });
    if (rows.rows >= CHUNK_ROWS) yield [rows.take()];
  }
  if (rows.rows > 0) yield [rows.take()];
}

function sliceRow(
  { model, sliceId, space, pointIds, plane, counted }: SliceFacts,
  { polygons, slivers, edges, vertices }: SlicePartition,
  boundary: DecisionBoundary | null,
): TableRows {
  const rows = new RowCollector(SLICES_TABLE);
  const names = new Set<string>();
  for (let at = 0; at < 4 * polygons.count; at += 4) names.add(polygons.digests.subarray(at, at + 4).join());
  let length = 0;
  for (let edge = 0; edge < edges.count; edge++) {
    if (edges.taps[edge]! < 0) continue;
    const [a, b] = [2 * edges.ends[2 * edge]!, 2 * edges.ends[2 * edge + 1]!];
    length += Math.hypot(vertices[b]! - vertices[a]!, vertices[b + 1]! - vertices[a + 1]!);
  }
  rows.add({
    model,
    slice_id: sliceId,
    space,
    start_layer: counted.layerIds[counted.bitTaps[0]!]!,
    point_ids: Int32Array.from(pointIds),
    anchors: plane.anchors,
    ...plane.box,
    n_polygons: polygons.count,
    n_codes: names.size,
    n_slivers: slivers,
    n_classes: boundary === null ? null : new Set(polygons.classes).size,
    boundary_length: length,
    decision_length: boundary?.length ?? null,
  });
  return rows.take();
}
