// Exact subdivision of paths, stage by stage and depth first, so that memory is bounded by a few rows per stage whatever
// the number of breakpoints.

import type { ChordKernel } from './chord-kernel.ts';
import { PATH_END, PATH_START } from './chord-state.ts';
import type { PathRecords } from './path-records.ts';
import type { PiecewiseNet } from './piecewise-net.ts';
import { type Chunk, nextChunk } from './row-chunks.ts';
import type { SolverRoom, StageRoom } from './solver-room.ts';
import { type PathTotals, StageScan } from './stage-scan.ts';

/** Paths as chords between vertices in the start space. */
export interface ChordPaths {
  /** `[vertices, start.size]`, path after path. */
  readonly vertices: Float64Array;
  /** `[vertices]` place on the path: from 0 to 1, ascending. */
  readonly t: Float64Array;
  /** `[paths + 1]` first vertex of each path; every path has two or more. */
  readonly firstVertex: Int32Array;
}

/** A stage's room with what one solve reads from it; no scan behind the last stage: there the rows are outputs. */
interface StageStep extends StageRoom {
  readonly scan: StageScan | null;
}

export class PathSolver {
  readonly #net: PiecewiseNet;
  readonly #kernel: ChordKernel;
  readonly #records: PathRecords;
  readonly #signal: AbortSignal | undefined;
  readonly #steps: readonly StageStep[];

  constructor(
    net: PiecewiseNet,
    { kernel, stages }: SolverRoom,
    parts: {
      readonly totals: PathTotals;
      readonly records: PathRecords;
      readonly signal: AbortSignal | undefined;
    },
  ) {
    this.#net = net;
    this.#kernel = kernel;
    this.#records = parts.records;
    this.#signal = parts.signal;
    this.#steps = stages.map((room, stage) => {
      const scanned = net.stages[stage];
      return { ...room, scan: scanned === undefined ? null : new StageScan(kernel, scanned, parts.totals) };
    });
  }

  /** Solves all paths, one after the other. */
  async solve({ vertices, t, firstVertex }: ChordPaths): Promise<void> {
    const { size } = this.#net.start;
    const { piece, capacity } = this.#steps[0]!;
    const marks = new Uint8Array(t.length);
    const pathOf = new Int32Array(t.length);
    for (let path = 0; path + 1 < firstVertex.length; path++) {
      marks[firstVertex[path]!] = PATH_START;
      marks[firstVertex[path + 1]! - 1] = PATH_END;
      pathOf.fill(path, firstVertex[path]!, firstVertex[path + 1]!);
    }
    const list = { rows: t.length, capacity, markOf: (at: number) => marks[at]! };
    for (let chunk = nextChunk(null, list); chunk !== null; chunk = nextChunk(chunk, list)) {
      const { from, to } = chunk;
      piece.rows = to - from;
      piece.t.set(t.subarray(from, to));
      piece.marks.set(marks.subarray(from, to));
      piece.path.set(pathOf.subarray(from, to));
      const fresh = this.#reuseShared(0, chunk);
      await this.#advance(0, vertices.subarray((from + fresh) * size, to * size), fresh);
      await this.#visit(0);
    }
  }

  async #visit(stage: number): Promise<void> {
    this.#signal?.throwIfAborted();
    const { piece, scan, refinement, hinges } = this.#steps[stage]!;
    if (scan === null) {
      this.#records.addOutputs(this.#kernel.values, piece);
      return;
    }
    scan.scan(piece);
    refinement.build(piece, scan.kinks);
    if (stage + 1 === this.#net.stages.length) this.#records.addBreakpoints(piece, refinement);
    const next = this.#steps[stage + 1];
    if (next === undefined) return;
    if (hinges !== null) await this.#evaluateOld(stage, hinges.oldAt);
    const markOf = (at: number) => (refinement.u[at] === 0 ? piece.marks[refinement.base[at]!]! : 0);
    const list = { rows: refinement.rows, capacity: next.capacity, markOf };
    for (let chunk = nextChunk(null, list); chunk !== null; chunk = nextChunk(chunk, list)) {
      refinement.describe(piece, next.piece, chunk.from, chunk.to);
      await this.#fill(stage, chunk);
      await this.#visit(stage + 1);
    }
  }

  /** The next stage's rows at breakpoints. */
  async #fill(stage: number, chunk: Chunk): Promise<void> {
    const { piece, scan, refinement, hinges, mixedAt, width } = this.#steps[stage]!;
    const next = this.#steps[stage + 1]!;
    const fresh = this.#reuseShared(stage + 1, chunk);
    const from = chunk.from + fresh;
    if (hinges !== null) {
      const out = next.piece.at + fresh * next.width;
      hinges.filler.fill(refinement, scan!.kinks, { from, to: chunk.to, oldAt: hinges.oldAt, out });
      return;
    }
    for (let at = from; at < chunk.to; at++)
      this.#mixRow(stage, at, { from: piece.at, out: mixedAt + (at - from) * width });
    const mixed = this.#kernel.values.subarray(mixedAt, mixedAt + (chunk.to - from) * width);
    await this.#advance(stage + 1, mixed, fresh);
  }

  /** A stage's row at a breakpoint, on the chord; units that bend there take their level exactly. */
  #mixRow(stage: number, at: number, { from, out }: { from: number; out: number }): void {
    const { scan, refinement, width } = this.#steps[stage]!;
    const { kinks } = scan!;
    const left = from + refinement.base[at]! * width;
    const u = refinement.u[at]!;
    const { values } = this.#kernel;
    if (u === 0) {
      values.copyWithin(out, left, left + width);
      return;
    }
    this.#kernel.lerpRow(left, left + width, out, width, u);
    for (let i = refinement.firstKink[at]!; i < refinement.firstKink[at + 1]!; i++) {
      const kink = kinks.order[i]!;
      if (kinks.column[kink]! >= 0) values[out + kinks.column[kink]!] = kinks.level[kink]!;
    }
  }

  /** Takes the row that two chunks share over. @returns how many rows of the chunk are known now. */
  #reuseShared(stage: number, { sharedRow }: Chunk): 0 | 1 {
    if (sharedRow < 0) return 0;
    const { piece, width } = this.#steps[stage]!;
    const at = piece.at + sharedRow * width;
    this.#kernel.values.copyWithin(piece.at, at, at + width);
    return 1;
  }

  /** Evaluates points into the rows of a stage's piece from `firstRow` on. */
  async #advance(stage: number, points: Float64Array, firstRow: number): Promise<void> {
    const { piece, width } = this.#steps[stage]!;
    const count = piece.rows - firstRow;
    if (count === 0) return;
    const rows = await this.#net.advance(stage, points, count);
    this.#kernel.values.set(rows.subarray(0, count * width), piece.at + firstRow * width);
  }

  async #evaluateOld(stage: number, oldAt: number): Promise<void> {
    const { piece, width } = this.#steps[stage]!;
    const points = this.#kernel.values.subarray(piece.at, piece.at + piece.rows * width);
    const rows = await this.#net.advance(stage + 1, points, piece.rows);
    this.#kernel.values.set(rows, oldAt);
  }
}
