// Cuts the polygons of a mesh where the units of one stage bend and where its max-pools change their winner.

import { PipelineError } from '#schemas/errors.ts';
import type { Stage } from './piecewise-net.ts';
import { type LineTolerance, StageLines } from './slice-lines.ts';
import { PolygonLoop } from './slice-loop.ts';
import { REMOVED, roomFor, type SliceMesh } from './slice-mesh.ts';
import { type PoolContest, StagePools } from './slice-pools.ts';
import type { VertexRows } from './vertex-rows.ts';

/** The polygons of a slice as they are cut, stage after stage. */
export interface SliceFaces {
  readonly mesh: SliceMesh;
  /** First word of each tap in a code; -1 for pools, which carry no bits. */
  readonly tapWords: readonly number[];
  readonly codeWords: number;
  /** `[faces, codeWords]`. */
  codes: Uint32Array;
  /** Faces too small to follow: they stay in the mesh, uncut, and are no polygons of the result. */
  readonly slivers: Set<number>;
  /** Faces that went up in others. */
  joined: number;
  readonly sliverArea: number;
  readonly maxPolygons: number;
}

/** A function that is affine on every polygon, and the columns that meet where it is 0. */
interface Cut {
  readonly tap: number;
  readonly unit: number;
  readonly column: number;
  /** Column that is subtracted, or -1: then `bend` is. */
  readonly other: number;
  readonly bend: number;
}

/**
 * Cuts every polygon by all lines of a stage.
 * @param rows - the stage's state at the mesh's vertices; grows with them.
 * @throws PipelineError `config-invalid` where there are more polygons than `maxPolygons`; `non-finite-input`.
 */
export function cutStage(
  faces: SliceFaces,
  rows: VertexRows,
  { stage, tolerance }: { readonly stage: Stage; readonly tolerance: LineTolerance },
): void {
  const cutter = new StageCutter(faces, rows, stage);
  cutter.measure(tolerance);
  const { mesh, slivers } = faces;
  const { faces: before, edges } = mesh;
  for (let face = 0; face < before; face++) {
    if (!slivers.has(face) && mesh.faceEdge[face] !== REMOVED) cutter.cut(face);
  }
  cutter.joinAgreeing(edges);
}

class StageCutter {
  readonly #faces: SliceFaces;
  readonly #rows: VertexRows;
  readonly #lines: StageLines;
  readonly #pools: StagePools;
  readonly #loop = new PolygonLoop();

  constructor(faces: SliceFaces, rows: VertexRows, stage: Stage) {
    this.#faces = faces;
    this.#rows = rows;
    this.#lines = new StageLines(stage);
    this.#pools = new StagePools(stage);
  }

  measure(tolerance: LineTolerance): void {
    this.#lines.measure(this.#rows, tolerance);
    this.#pools.measure(this.#rows, tolerance.unit);
  }

  /** Cuts one polygon and its parts until no line crosses any; lines and windows that are done are not looked at again. */
  cut(face: number): void {
    const loop = this.#loop;
    const { mesh, codeWords, tapWords } = this.#faces;
    const stack = [face, 0, 0];
    while (stack.length > 0) {
      const window = stack.pop()!;
      const word = stack.pop()!;
      const at = stack.pop()!;
      loop.collect(mesh, at);
      const line = this.#mixedLine(word);
      if (line >= 0) {
        this.#pushParts(stack, at, this.#cutByLine(line), [line >>> 5, 0]);
        continue;
      }
      const contest = this.#pools.contest(loop.vertices, loop.count, window);
      if (contest !== null) {
        this.#pushParts(stack, at, this.#cutByPair(contest), [this.#lines.words, contest.index]);
        continue;
      }
      const code = { words: this.#faces.codes, at: at * codeWords, tapWords };
      this.#lines.writeBits(loop.vertices, loop.count, code);
    }
  }

  /**
   * A line between two candidates of a window may run on through the part where a third one wins: its pieces there, from
   * `firstEdge` on, part nothing and are removed.
   */
  joinAgreeing(firstEdge: number): void {
    if (this.#pools.words === 0) return;
    const { mesh, slivers } = this.#faces;
    for (let edge = firstEdge; edge < mesh.edges; edge++) {
      const h = 2 * edge;
      const [left, right] = [mesh.face[h]!, mesh.face[h + 1]!];
      const removed = mesh.origin[h] === REMOVED || left === right;
      if (removed || right < 0 || slivers.has(left) || slivers.has(right)) continue;
      this.#loop.collect(mesh, left);
      this.#loop.collect(mesh, right, this.#loop.count);
      const label = { tap: mesh.edgeTap[edge]!, window: mesh.edgeUnit[edge]! };
      if (!this.#pools.agree(label, this.#loop.vertices, this.#loop.count)) continue;
      mesh.removeEdge(h);
      this.#faces.joined++;
    }
  }

  /** The lowest line with vertices of the loop on both of its sides, -1 where there is none. */
  #mixedLine(fromWord: number): number {
    const { positive, negative, words } = this.#lines;
    const { vertices, count } = this.#loop;
    for (let word = fromWord; word < words; word++) {
      let above = 0;
      let below = 0;
      for (let i = 0; i < count; i++) {
        const at = vertices[i]! * words + word;
        above |= positive[at]!;
        below |= negative[at]!;
      }
      const mixed = above & below;
      if (mixed !== 0) return 32 * word + 31 - Math.clz32(mixed & -mixed);
    }
    return -1;
  }

  #cutByLine(bit: number): number {
    const { column, bend, tap, unit } = this.#lines.line(bit);
    const { positive, negative, words } = this.#lines;
    const loop = this.#loop;
    const mask = 1 << (bit & 31);
    for (let i = 0; i < loop.count; i++) {
      const vertex = loop.vertices[i]!;
      const at = vertex * words + (bit >>> 5);
      loop.sides[i] = positive[at]! & mask ? 1 : negative[at]! & mask ? -1 : 0;
      loop.heights[i] = this.#rows.block(vertex)[this.#rows.start(vertex) + column]! - bend;
    }
    return this.#split({ tap, unit, column, other: -1, bend });
  }

  #cutByPair({ first, second, tap, window }: PoolContest): number {
    const loop = this.#loop;
    for (let i = 0; i < loop.count; i++) {
      const values = this.#rows.block(loop.vertices[i]!);
      const start = this.#rows.start(loop.vertices[i]!);
      loop.heights[i] = values[start + first]! - values[start + second]!;
    }
    // Falls back on the bare sign: a contest between two that all but tie would never end.
    loop.takeSides(this.#pools.toleranceOf(tap));
    return this.#split({ tap, unit: window, column: first, other: second, bend: 0 });
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
    const { edges, heights } = this.#loop;
    const { mesh } = this.#faces;
    const edge = edges[from]!;
    const t = heights[from]! / (heights[from]! - heights[to]!);
    const [a, b] = [mesh.origin[edge]!, mesh.origin[edge ^ 1]!];
    const vertex = mesh.splitEdge(edge, t);
    this.#rows.appendBetween(a, b, t);
    const values = this.#rows.block(vertex);
    const start = this.#rows.start(vertex);
    // Exactly on the line: the next stage must see the same from both sides.
    values[start + cut.column] = cut.other >= 0 ? values[start + cut.other]! : cut.bend;
    this.#lines.classify(this.#rows, vertex);
    this.#pools.classify(this.#rows, vertex);
    return mesh.next[edge]!;
  }

  #pushParts(stack: number[], old: number, made: number, done: readonly [number, number]): void {
    const faces = this.#faces;
    const { codeWords, mesh, slivers } = faces;
    if (mesh.faces - slivers.size - faces.joined > faces.maxPolygons) throw tooMany(faces.maxPolygons);
    faces.codes = roomFor(faces.codes, mesh.faces * codeWords);
    faces.codes.copyWithin(made * codeWords, old * codeWords, (old + 1) * codeWords);
    for (const part of [made, old]) {
      if (mesh.area(part) < faces.sliverArea) slivers.add(part);
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
