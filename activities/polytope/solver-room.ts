// Memory of the path solver: rows of every stage, laid out once for a net and used again by its next solve.

import { type ChordKernel, createChordKernel } from './chord-kernel.ts';
import { emptyPiece, type Piece, Refinement } from './chord-state.ts';
import { HingeFiller } from './dense-hinges.ts';
import type { PiecewiseNet } from './piecewise-net.ts';

/** What a solve may hold at once. */
export interface SolveLimits {
  /** Most points per call of `advance`. */
  readonly pointsPerAdvance: number;
  /** Bytes of one stage's rows, unless {@link LEAST_ROWS} of them need more. */
  readonly stageBytes: number;
}

/** Consecutive pieces share a row, so the fewer rows, the more is copied. */
const LEAST_ROWS = 8;

/** A stage's rows and how they become the next stage's. */
export interface StageRoom {
  readonly width: number;
  readonly piece: Piece;
  readonly capacity: number;
  readonly refinement: Refinement;
  /** The dense shortcut, with the next stage's rows at the old breakpoints; null where every breakpoint is evaluated. */
  readonly hinges: { readonly filler: HingeFiller; readonly oldAt: number } | null;
  /** Rows of this stage at new breakpoints, for `advance`; -1 where nothing needs them. */
  readonly mixedAt: number;
}

/** Memory of a solver, laid out for one net: filling it anew takes longer than solving a small net (bench: crossings). */
export interface SolverRoom {
  readonly kernel: ChordKernel;
  readonly stages: readonly StageRoom[];
}

/** Rooms larger than this are not kept between solves. */
const KEPT_BYTES = 2 ** 26;

/** The free room of a net and how it was laid out. */
const keptRooms = new WeakMap<PiecewiseNet, { readonly layout: string; readonly room: SolverRoom }>();

/** Takes the net's room, or lays one out; give it back when the solve is over. */
export function takeRoom(net: PiecewiseNet, outputs: number, limits: SolveLimits): SolverRoom {
  const kept = keptRooms.get(net);
  keptRooms.delete(net);
  if (kept?.layout === layoutOf(outputs, limits)) return kept.room;
  const kernel = createChordKernel(Math.max(...net.stages.map(({ width }) => width)));
  const widths = solvedWidths(net, outputs);
  return {
    kernel,
    stages: widths.map((width, stage) => stageRoom(net, { widths, width, stage, kernel, limits })),
  };
}

/** Keeps a room for the net's next solve. */
export function giveBackRoom(
  net: PiecewiseNet,
  room: SolverRoom,
  { outputs, limits }: { readonly outputs: number; readonly limits: SolveLimits },
): void {
  if (room.kernel.values.byteLength > KEPT_BYTES) return;
  keptRooms.set(net, { layout: layoutOf(outputs, limits), room });
}

function layoutOf(outputs: number, { pointsPerAdvance, stageBytes }: SolveLimits): string {
  return `${outputs} ${pointsPerAdvance} ${stageBytes}`;
}

function solvedWidths(net: PiecewiseNet, outputs: number): readonly number[] {
  const widths = net.stages.map(({ width }) => width);
  return outputs > 0 ? [...widths, outputs] : widths;
}

function stageRoom(
  net: PiecewiseNet,
  {
    widths,
    width,
    stage,
    kernel,
    limits,
  }: {
    readonly widths: readonly number[];
    readonly width: number;
    readonly stage: number;
    readonly kernel: ChordKernel;
    readonly limits: SolveLimits;
  },
): StageRoom {
  const capacity = rowsPerPiece(width, limits);
  const nextWidth = widths[stage + 1];
  const isMiddle = nextWidth !== undefined;
  const dense = isMiddle ? net.dense(stage + 1) : null;
  return {
    width,
    capacity,
    piece: emptyPiece(kernel.reserve(capacity * width), capacity),
    refinement: new Refinement(),
    hinges:
      dense === null
        ? null
        : { filler: new HingeFiller(kernel, dense), oldAt: kernel.reserve(capacity * nextWidth!) },
    mixedAt: isMiddle && dense === null ? kernel.reserve(rowsPerPiece(nextWidth, limits) * width) : -1,
  };
}

function rowsPerPiece(width: number, { pointsPerAdvance, stageBytes }: SolveLimits): number {
  const fitting = Math.floor(stageBytes / (8 * Math.max(width, 1)));
  return Math.max(3, Math.min(pointsPerAdvance, Math.max(LEAST_ROWS, fitting)));
}
