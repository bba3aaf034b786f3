// The exact partition of a rectangle in a network's start space into polygons on which the network is affine.

import { PipelineError } from '#schemas/errors.ts';
import { WORD_BITS } from './code-layout.ts';
import { spanSeed } from './digest.ts';
import type { PiecewiseNet } from './piecewise-net.ts';
import { cutStage, type SliceFaces } from './slice-cuts.ts';
import type { LineTolerance } from './slice-lines.ts';
import { SliceMesh } from './slice-mesh.ts';
import { liftToStart, requireArea, type SlicePlane } from './slice-plane.ts';
import { sliceColumns, type SlicePartition } from './slice-polygons.ts';
import { advanceRows, RowBudget, VertexRows } from './vertex-rows.ts';

export interface SliceOptions {
  /** @default 200000 */
  readonly maxPolygons?: number;
  /** Bytes of state that vertices may hold. @default 1 GiB */
  readonly maxStateBytes?: number;
  /** Span that the digests are named by: `network` gives a sweep's digests. @default 'network' */
  readonly span?: string;
  readonly signal?: AbortSignal;
}

const MAX_POLYGONS = 200_000;
const MAX_STATE_BYTES = 2 ** 30;
const SLIVER_SHARE = 1e-14;
// What lies within the rounding of a stage's values counts as on the line.
const TOLERANCE: Record<PiecewiseNet['dtype'], LineTolerance> = {
  float64: { unit: 1e-12, tap: 1e-14 },
  float32: { unit: 1e-5, tap: 1e-6 },
};

/**
 * Cuts the plane's box, stage after stage, where units bend and max-pools change their winner. Every stage is affine on the
 * polygons that the stages before it left, so its values at their corners say where it cuts them.
 * @throws PipelineError `config-invalid` where the box has no area, or where polygons or vertices exceed their limits;
 * `shape-mismatch` where the plane lies in another space than the net starts in; `non-finite-input`.
 * @see Humayun, Balestriero, Balakrishnan and Baraniuk, "SplineCam", 2023, section 3, for the same partition by line
 * intersections and cycles of a graph.
 */
export async function partitionSlice(
  net: PiecewiseNet,
  plane: SlicePlane,
  options: SliceOptions = {},
): Promise<SlicePartition> {
  requireArea(plane.box);
  requireStart(net, plane);
  const budget = new RowBudget(options.maxStateBytes ?? MAX_STATE_BYTES);
  const faces = wholeBox(net, plane, options.maxPolygons ?? MAX_POLYGONS);
  const { signal } = options;
  let rows = new VertexRows(net.start.size, budget);
  rows.append(liftToStart(plane, faces.mesh.points.subarray(0, 8)), 4);
  for (const [index, stage] of net.stages.entries()) {
    signal?.throwIfAborted();
    rows = await advanceRows(net, rows, { stage: index, width: stage.width, budget, ...given(signal) });
    cutStage(faces, rows, { stage, tolerance: TOLERANCE[net.dtype] });
  }
  const outputs = await outputsAt(net, rows, { budget, ...given(signal) });
  return sliceColumns(faces, {
    outputs,
    outputWidth: net.outputs,
    seed: spanSeed(options.span ?? 'network'),
  });
}

function wholeBox(net: PiecewiseNet, { box }: SlicePlane, maxPolygons: number): SliceFaces {
  const tapWords = net.taps.map(() => -1);
  const units = net.stages.flatMap((stage) => stage.taps).filter((tap) => tap.kind === 'relu');
  let codeWords = 0;
  for (const tap of units.toSorted((a, b) => a.tap - b.tap)) {
    tapWords[tap.tap] = codeWords;
    codeWords += Math.ceil(tap.units / WORD_BITS);
  }
  return {
    mesh: new SliceMesh(box),
    tapWords,
    codeWords,
    codes: new Uint32Array(codeWords),
    slivers: new Set(),
    joined: 0,
    sliverArea: SLIVER_SHARE * (box.x1 - box.x0) * (box.y1 - box.y0),
    maxPolygons,
  };
}

/** `[vertices, outputs]`; empty where the net ends in a tap. */
async function outputsAt(
  net: PiecewiseNet,
  rows: VertexRows,
  { budget, signal }: { readonly budget: RowBudget; readonly signal?: AbortSignal },
): Promise<Float64Array> {
  const outputs = new Float64Array(rows.count * net.outputs);
  if (net.outputs === 0) return outputs;
  budget.take(outputs.byteLength);
  let at = 0;
  for (const block of rows.drain()) {
    signal?.throwIfAborted();
    const values = await net.advance(net.stages.length, block.values, block.rows);
    outputs.set(values, at);
    at += values.length;
  }
  return outputs;
}

function given(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function requireStart(net: PiecewiseNet, plane: SlicePlane): void {
  if (plane.origin.length === net.start.size) return;
  throw new PipelineError({
    kind: 'shape-mismatch',
    what: "a slice's plane lies in another space than the network starts in",
    where: net.start.name,
    value: `${plane.origin.length} values, ${net.start.size} expected`,
  });
}
