// Exact crossings of segments with the boundaries of a piecewise-linear network.

import { PipelineError } from '#schemas/errors.ts';
import type { ChordKernel } from './chord-kernel.ts';
import { CrossingLog, type PathCrossings } from './crossing-events.ts';
import { LengthMeter } from './path-lengths.ts';
import { PathRecords } from './path-records.ts';
import { type ChordPaths, PathSolver } from './path-solver.ts';
import { giveBackRoom, type SolveLimits, takeRoom } from './solver-room.ts';
import { pathTolerances } from './path-tolerances.ts';
import type { PiecewiseNet } from './piecewise-net.ts';

/** What to report, and how much to hold at once. */
export interface CrossingOptions {
  /** What a path is called in errors. @default `segment 3` */
  readonly nameOf?: (path: number) => string;
  /** Whether to give the outputs at every breakpoint. @default 'none' */
  readonly outputs?: 'none' | 'at-breakpoints';
  /** Whether to give the lengths of the image in every tap. @default 'none' */
  readonly lengths?: 'none' | 'per-tap';
  /** Most points per call of `advance`. @default 1024 */
  readonly pointsPerAdvance?: number;
  /** Bytes of one stage's rows; results do not depend on it but for rounding. @default 16 MiB */
  readonly stageBytes?: number;
  readonly signal?: AbortSignal;
}

export interface SegmentRequest extends CrossingOptions {
  /** `[segments, start.size]` */
  readonly from: Float64Array;
  /** `[segments, start.size]` */
  readonly to: Float64Array;
}

/**
 * Crossings of straight segments in the net's start space, by 1-D subdivision: exact but for rounding.
 *
 * Bits: `z > 0` at the two ends, the sign of an interval's midpoint between; a crossing is a change of this sequence, so
 * flips and differing bits have the same parity in every unit, and a touch counts nothing.
 * @returns one report per segment, in order.
 * @throws PipelineError `data-invalid` for identical end points, `non-finite-input`, `shape-mismatch`.
 * @see Sudjianto et al., "Unwrapping the black box of deep ReLU networks", 2020, for the lines; the subdivision is section
 * 3.2 of the specification.
 */
export function crossingsOnSegments(net: PiecewiseNet, request: SegmentRequest): Promise<PathCrossings[]> {
  const { from, to } = request;
  const { size } = net.start;
  const segments = from.length / size;
  if (from.length !== to.length || !Number.isInteger(segments)) throw wrongSizes(net, request);
  const vertices = new Float64Array(2 * from.length);
  const t = new Float64Array(2 * segments);
  for (let segment = 0; segment < segments; segment++) {
    vertices.set(from.subarray(segment * size, (segment + 1) * size), 2 * segment * size);
    vertices.set(to.subarray(segment * size, (segment + 1) * size), (2 * segment + 1) * size);
    t[2 * segment + 1] = 1;
  }
  const firstVertex = Int32Array.from({ length: segments + 1 }, (_, segment) => 2 * segment);
  return crossingsOnChords(net, { vertices, t, firstVertex }, request);
}

/**
 * The same on paths of several chords, each of them exact.
 * @throws PipelineError as {@link crossingsOnSegments}; a path may not stand still anywhere.
 */
export async function crossingsOnChords(
  net: PiecewiseNet,
  paths: ChordPaths,
  options: CrossingOptions = {},
): Promise<PathCrossings[]> {
  const nameOf = options.nameOf ?? ((path: number) => `segment ${path}`);
  const count = paths.firstVertex.length - 1;
  if (count === 0) return [];
  checkVertices(paths, net.start.size, nameOf);
  const limits: SolveLimits = {
    pointsPerAdvance: options.pointsPerAdvance ?? 1024,
    stageBytes: options.stageBytes ?? 2 ** 24,
  };
  const outputs = options.outputs === 'at-breakpoints' ? net.outputs : 0;
  const tolerance = await pathTolerances(net, paths, { limits, nameOf });
  const room = takeRoom(net, outputs, limits);
  const totals = {
    log: new CrossingLog(),
    hamming: new Int32Array(count * net.taps.length),
    tolerance,
    taps: net.taps.length,
    meters: options.lengths === 'per-tap' ? lengthMeters(net, room.kernel, count) : [],
  };
  const records = new PathRecords(count, outputs);
  await new PathSolver(net, room, { totals, records, signal: options.signal }).solve(paths);
  giveBackRoom(net, room, { outputs, limits });
  return records.finish(net, totals);
}

function lengthMeters(net: PiecewiseNet, kernel: ChordKernel, paths: number): (LengthMeter | undefined)[] {
  const meters: (LengthMeter | undefined)[] = net.taps.map(() => undefined);
  net.stages.forEach(({ taps }, stage) => {
    for (const units of taps) meters[units.tap] = new LengthMeter(kernel, { paths, stage, net, units });
  });
  return meters;
}

function checkVertices(
  { vertices, firstVertex }: ChordPaths,
  size: number,
  nameOf: (path: number) => string,
): void {
  for (let path = 0; path + 1 < firstVertex.length; path++) {
    for (let vertex = firstVertex[path]!; vertex < firstVertex[path + 1]!; vertex++) {
      let moves = vertex === firstVertex[path];
      for (let at = vertex * size; at < (vertex + 1) * size; at++) {
        if (!Number.isFinite(vertices[at])) throw nonFinite(nameOf(path), vertices[at]!, at - vertex * size);
        moves ||= vertices[at] !== vertices[at - size];
      }
      if (!moves) throw standsStill(nameOf(path));
    }
  }
}

function standsStill(where: string): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'identical end points: the path has no length',
    where,
    remedy: 'Choose two different points, or drop duplicates from the data.',
  });
}

function nonFinite(where: string, value: number, component: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what: 'a point of the path is not finite',
    where: `${where}, component ${component}`,
    value: String(value),
    remedy: 'Check the data for NaN and infinite values.',
  });
}

function wrongSizes(net: PiecewiseNet, { from, to }: SegmentRequest): PipelineError {
  return new PipelineError({
    kind: 'shape-mismatch',
    what: `end points must be two arrays of whole points of ${net.start.size} values`,
    where: net.start.name,
    value: `${from.length} and ${to.length} values`,
    remedy: 'Take both ends from the same start space.',
  });
}
