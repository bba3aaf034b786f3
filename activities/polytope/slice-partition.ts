// The exact partition of a rectangle in a network's start space into polygons on which the network is affine.

import { PipelineError } from '#schemas/errors.ts';
import { WORD_BITS } from './code-layout.ts';
import { spanSeed } from './digest.ts';
import { FaceCodes } from './face-codes.ts';
import type { PiecewiseNet } from './piecewise-net.ts';
import type { SliceFaces } from './slice-cuts.ts';
import { SliceDescent } from './slice-descent.ts';
import { VertexMarks } from './slice-marks.ts';
import { SliceMesh } from './slice-mesh.ts';
import { liftToStart, requireArea, type SlicePlane } from './slice-plane.ts';
import { sliceColumns, type SlicePartition } from './slice-polygons.ts';

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

/**
 * Cuts the plane's box, stage after stage, where units bend and max-pools change their winner. Every stage is affine on the
 * polygons that the stages before it left, so its values at their corners say where it cuts them. Polygons go through the
 * stages part by part, so memory is bounded whatever a network's width.
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
  const { maxStateBytes = MAX_STATE_BYTES, maxPolygons = MAX_POLYGONS, span = 'network', signal } = options;
  const faces = wholeBox(net, plane, { maxPolygons, seed: spanSeed(span) });
  const descent = new SliceDescent(net, faces, {
    maxStateBytes,
    ...(signal === undefined ? {} : { signal }),
  });
  const outputs = await descent.cutBox((points) => liftToStart(plane, points));
  return sliceColumns(faces, { outputs, outputWidth: net.outputs });
}

function wholeBox(
  net: PiecewiseNet,
  { box }: SlicePlane,
  { maxPolygons, seed }: { readonly maxPolygons: number; readonly seed: number },
): SliceFaces {
  const tapWords = net.taps.map(() => -1);
  const units = net.stages.flatMap((stage) => stage.taps).filter((tap) => tap.kind === 'relu');
  let codeWords = 0;
  for (const tap of units.toSorted((a, b) => a.tap - b.tap)) {
    tapWords[tap.tap] = codeWords;
    codeWords += Math.ceil(tap.units / WORD_BITS);
  }
  return {
    mesh: new SliceMesh(box),
    marks: new VertexMarks(),
    tapWords,
    codes: new FaceCodes(codeWords, seed),
    slivers: new Set(),
    joined: 0,
    sliverArea: SLIVER_SHARE * (box.x1 - box.x0) * (box.y1 - box.y0),
    maxPolygons,
  };
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
