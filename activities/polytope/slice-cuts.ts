// Cuts the polygons of a mesh where the units of one stage bend and where its max-pools change their winner.

import { PipelineError } from '#schemas/errors.ts';
import type { FaceCodes } from './face-codes.ts';
import type { Stage } from './piecewise-net.ts';
import { type LineTolerance, StageLines } from './slice-lines.ts';
import { PolygonLoop } from './slice-loop.ts';
import type { LineMark, VertexMarks } from './slice-marks.ts';
import { REMOVED, type SliceMesh } from './slice-mesh.ts';
import { type PoolContest, StagePools } from './slice-pools.ts';
import type { VertexRows } from './vertex-rows.ts';

/** The polygons of a slice as they are cut, stage after stage. */
export interface SliceFaces {
  readonly mesh: SliceMesh;
  readonly marks: VertexMarks;
  /** First word of each tap in a code; -1 for pools, which carry no bits. */
  readonly tapWords: readonly number[];
  readonly codes: FaceCodes;
  /** Faces too small to follow: they stay in the mesh, uncut, and are no polygons of the result. */
  readonly slivers: Set<number>;
  /** Faces that went up in others. */
  joined: number;
  readonly sliverArea: number;
  readonly maxPolygons: number;
}

/** A function that is affine on every polygon, and what draws its line. */
interface Cut extends LineMark {
  readonly tap: number;
  readonly unit: number;
}

/** Some faces, cut as far as memory went. */
export interface CutFaces {
  /** Faces that no line of the stage crosses any more, neighbours near each other. */
  readonly whole: readonly number[];
  /** Faces that are yet to be cut. */
  readonly left: readonly number[];
}

/** Cuts polygons by the lines of one stage, part by part of a slice. */
export class StageCutter {
  readonly #faces: SliceFaces;
  readonly #index: number;
  readonly #lines: StageLines;
  readonly #pools: StagePools;
  readonly #loop = new PolygonLoop();
  #rows!: VertexRows;
  #whole: number[] = [];

  constructor(faces: SliceFaces, { index, stage }: { readonly index: number; readonly stage: Stage }) {
    this.#faces = faces;
    this.#index = index;
    this.#lines = new StageLines(stage);
    this.#pools = new StagePools(stage);
  }

  /** Whether the stage has max-pools, whose lines are joined when all faces of a part are cut. */
  get hasPools(): boolean {
    return this.#pools.words > 0;
  }

  /**
   * Cuts faces by all lines of the stage, until there are more than `mostRows` rows and twice as many as there were; stages
   * with pools are cut to the end.
   * @param rows - the stage's state at the faces' corners; grows with them.
   * @throws PipelineError `config-invalid` where there are more polygons than `maxPolygons`; `non-finite-input`.
   */
  cut(
    faces: readonly number[],
    { rows, mostRows, tolerance }: { rows: VertexRows; mostRows: number; tolerance: LineTolerance },
  ): CutFaces {
    const { mesh } = this.#faces;
    this.#rows = rows;
    this.#whole = [];
    this.#lines.measure(rows, tolerance);
    this.#pools.measure(rows, tolerance.unit);
    const firstEdge = mesh.edges;
    const limit = this.hasPools ? Number.POSITIVE_INFINITY : Math.max(mostRows, 2 * rows.count);
    const left: number[] = [];
    for (const face of faces) this.#cutFace(face, limit, left);
    this.#joinAgreeing(firstEdge);
    return { whole: this.#whole.filter((face) => mesh.faceEdge[face] !== REMOVED), left };
  }

  /** Cuts one polygon and its parts until no line crosses any; lines and windows that are done are not looked at again. */
  #cutFace(face: number, mostRows: number, left: number[]): void {
    const loop = this.#loop;
    const { mesh, codes, tapWords } = this.#faces;
    const stack = [face, 0, 0];
    while (stack.length > 0) {
      const window = stack.pop()!;
      const word = stack.pop()!;
      const at = stack.pop()!;
      if (this.#rows.count > mostRows) {
        left.push(at);
        continue;
      }
      loop.collect(mesh, at, { rows: this.#rows });
      const line = this.#lines.mixedLine(loop.rows, loop.count, word);
      if (line >= 0) {
        this.#pushParts(stack, at, this.#cutByLine(line), [line >>> 5, 0]);
        continue;
      }
      const contest = this.#pools.contest(loop.rows, loop.count, window);
      if (contest !== null) {
        this.#pushParts(stack, at, this.#cutByPair(contest), [this.#lines.words, contest.index]);
        continue;
      }
      this.#lines.writeBits(loop.rows, loop.count, { words: codes.words, at: codes.start(at), tapWords });
      this.#whole.push(at);
    }
  }

  /**
   * A line between two candidates of a window may run on through the part where a third one wins: its pieces there, from
   * `firstEdge` on, part nothing and are removed.
   */
  #joinAgreeing(firstEdge: number): void {
    if (!this.hasPools) return;
    const { mesh, slivers } = this.#faces;
    const rows = this.#rows;
    for (let edge = firstEdge; edge < mesh.edges; edge++) {
      const h = 2 * edge;
      const label = { tap: mesh.edgeTap[edge]!, window: mesh.edgeUnit[edge]! };
      const [left, right] = [mesh.face[h]!, mesh.face[h + 1]!];
      const removed = mesh.origin[h] === REMOVED || left === right;
      if (removed || right < 0 || slivers.has(left) || slivers.has(right) || !this.#pools.has(label.tap))
        continue;
      this.#loop.collect(mesh, left, { rows });
      this.#loop.collect(mesh, right, { rows, count: this.#loop.count });
      if (!this.#pools.agree(label, this.#loop.rows, this.#loop.count)) continue;
      mesh.removeEdge(h);
      this.#faces.joined++;
    }
  }

  #cutByLine(bit: number): number {
    const { column, bend, tap, unit } = this.#lines.line(bit);
    const { positive, negative, words } = this.#lines;
    const loop = this.#loop;
    const mask = 1 << (bit & 31);
    for (let i = 0; i < loop.count; i++) {
      const row = loop.rows[i]!;
      const at = row * words + (bit >>> 5);
      loop.sides[i] = positive[at]! & mask ? 1 : negative[at]! & mask ? -1 : 0;
      loop.heights[i] = this.#rows.block(row)[this.#rows.start(row) + column]! - bend;
    }
    return this.#split({ stage: this.#index, tap, unit, column, other: -1, bend });
  }

  #cutByPair({ first, second, tap, window }: PoolContest): number {
    const loop = this.#loop;
    for (let i = 0; i < loop.count; i++) {
      const values = this.#rows.block(loop.rows[i]!);
      const start = this.#rows.start(loop.rows[i]!);
      loop.heights[i] = values[start + first]! - values[start + second]!;
    }
    // Falls back on the bare sign: a contest between two that all but tie would never end.
    loop.takeSides(this.#pools.toleranceOf(tap));
    return this.#split({ stage: this.#index, tap, unit: window, column: first, other: second, bend: 0 });
  }

  /** Cuts a run of corners below the line off the polygon. @returns the new face: the part below. */
  #split(cut: Cut): number {
    const loop = this.#loop;
    const { before, from, last, after } = loop.runBelow();
    const onLineBefore = (from + loop.count - 1) % loop.count;
    const onLineAfter = (last + 1) % loop.count;
    const entry = onLineBefore === before ? this.#newCorner(before, from, cut) : loop.edges[onLineBefore]!;
    const exit = onLineAfter === after ? this.#newCorner(last, after, cut) : loop.edges[onLineAfter]!;
    return this.#faces.mesh.splitFace(entry, exit, { tap: cut.tap, unit: cut.unit });
  }

  /** Puts a vertex where the cut passes between two neighbours. @returns the half-edge that starts there. */
  #newCorner(from: number, to: number, cut: Cut): number {
    const { edges, heights, rows: corners } = this.#loop;
    const { mesh, marks } = this.#faces;
    const rows = this.#rows;
    const edge = edges[from]!;
    const t = heights[from]! / (heights[from]! - heights[to]!);
    const vertex = mesh.splitEdge(edge, t);
    const row = rows.appendBetween(vertex, { a: corners[from]!, b: corners[to]!, t });
    // Exactly on the line: neighbours and the next stages must see the same from both sides.
    marks.set(vertex, cut);
    marks.apply(vertex, this.#index, { values: rows.block(row), start: rows.start(row) });
    this.#lines.classify(rows, row);
    this.#pools.classify(rows, row);
    return mesh.next[edge]!;
  }

  #pushParts(stack: number[], old: number, made: number, done: readonly [number, number]): void {
    const { mesh, codes, slivers, joined, sliverArea, maxPolygons } = this.#faces;
    if (mesh.faces - slivers.size - joined > maxPolygons) throw tooMany(maxPolygons);
    codes.copy(made, old);
    for (const part of [made, old]) {
      if (mesh.area(part) < sliverArea) slivers.add(part);
      else stack.push(part, ...done);
    }
  }
}

function tooMany(maxPolygons: number): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: 'a slice has more polygons than allowed',
    where: 'maxPolygons',
    value: String(maxPolygons),
    remedy: 'Take a smaller box or fewer layers, or raise the limit.',
  });
}
