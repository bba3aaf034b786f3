// The way of a slice's polygons through a network: part by part, each through all stages that are left before the next one.
// A part's values are dropped when its polygons are whole, so memory is that of a few parts, one a stage.

import type { PiecewiseNet } from './piecewise-net.ts';
import { type SliceFaces, StageCutter } from './slice-cuts.ts';
import type { LineTolerance } from './slice-lines.ts';
import { roomFor } from './slice-mesh.ts';
import { RowRoom, VertexRows } from './vertex-rows.ts';

// What lies within the rounding of a stage's values counts as on the line.
const TOLERANCE: Record<PiecewiseNet['dtype'], LineTolerance> = {
  float64: { unit: 1e-12, tap: 1e-14 },
  float32: { unit: 1e-5, tap: 1e-6 },
};
/** Rows of a part that memory never makes fewer. */
const LEAST_ROWS = 16;
const VALUE_BYTES = 8;
/** Values that a network is given at once. */
const BATCH_VALUES = 2 ** 20;
/** Rows of a part double at most in most stages; pools are cut to the end, whatever comes of it. */
const GROWTH = { lines: 2, pools: 4 } as const;

/** Vertices with their values, as a network takes them. */
interface Batch {
  readonly vertices: Int32Array;
  /** `[vertices, width]`. */
  readonly values: Float64Array;
}

export class SliceDescent {
  readonly #net: PiecewiseNet;
  readonly #faces: SliceFaces;
  readonly #room: RowRoom;
  readonly #cutters: readonly StageCutter[];
  readonly #signal: AbortSignal | undefined;
  /** `[vertices, outputs]`. */
  #outputs: Float64Array;
  /** Per vertex the last part that it was counted in. */
  #seen = new Int32Array(1024);
  #parts = 0;

  constructor(
    net: PiecewiseNet,
    faces: SliceFaces,
    { maxStateBytes, signal }: { readonly maxStateBytes: number; readonly signal?: AbortSignal },
  ) {
    this.#net = net;
    this.#faces = faces;
    this.#room = new RowRoom(maxStateBytes);
    this.#cutters = net.stages.map((stage, index) => new StageCutter(faces, { index, stage }));
    this.#signal = signal;
    this.#outputs = new Float64Array(net.outputs);
  }

  /**
   * Cuts the whole box.
   * @param lift - takes plane points `[count, 2]` to the network's start space.
   * @returns `[vertices, outputs]`: what the network gives at the mesh's vertices; NaN at those of slivers alone.
   */
  async cutBox(lift: (points: Float64Array) => Float64Array): Promise<Float64Array> {
    const { points } = this.#faces.mesh;
    const vertices = Int32Array.of(0, 1, 2, 3);
    const rows = await this.#rowsAt(0, [{ vertices, values: lift(points.subarray(0, 8)) }]);
    await this.#descend(0, [0], rows);
    return this.#outputs.subarray(0, this.#faces.mesh.vertices * this.#net.outputs);
  }

  /** Cuts faces by the lines of a stage and of those behind it. @param rows - the stage's state at their corners; used up. */
  async #descend(stage: number, faces: readonly number[], rows: VertexRows): Promise<void> {
    const cutter = this.#cutters[stage]!;
    const tolerance = TOLERANCE[this.#net.dtype];
    let [open, own] = [faces, rows];
    for (;;) {
      const { whole, left } = cutter.cut(open, { rows: own, mostRows: this.#rowsOf(stage), tolerance });
      let from = 0;
      while (from < whole.length) {
        this.#signal?.throwIfAborted();
        const { to, vertices } = this.#part(whole, from, { rows: own, mostRows: this.#partRows(stage + 1) });
        const part = whole.slice(from, to);
        const isLast = to === whole.length && left.length === 0;
        await this.#passOn(stage, part, { vertices, rows: own, isLast });
        from = to;
      }
      if (left.length === 0) return own.release();
      const { vertices } = this.#part(left, 0, { rows: own, mostRows: Number.POSITIVE_INFINITY });
      const kept = new VertexRows(own.width, this.#room);
      for (const vertex of vertices) {
        const row = own.rowOf(vertex);
        kept.append(vertex, own.block(row), own.start(row));
      }
      own.release();
      [open, own] = [left, kept];
    }
  }

  /** Takes faces that a stage left whole to the next one, or to the end. */
  async #passOn(
    stage: number,
    part: readonly number[],
    at: { readonly vertices: readonly number[]; readonly rows: VertexRows; readonly isLast: boolean },
  ): Promise<void> {
    const batches = this.#batches(at.rows, at.vertices);
    if (stage + 1 < this.#net.stages.length) {
      const next = await this.#rowsAt(stage + 1, batches);
      // A wide network's last part would otherwise hold the rows of all stages at once.
      if (at.isLast) at.rows.release();
      return this.#descend(stage + 1, part, next);
    }
    for (const face of part) this.#faces.codes.finish(face);
    const { outputs } = this.#net;
    if (outputs === 0) return;
    const length = this.#faces.mesh.vertices * outputs;
    if (length > this.#outputs.length) this.#growOutputs(length);
    for (const { vertices, values } of batches) {
      const found = await this.#net.advance(stage + 1, values, vertices.length);
      for (const [i, vertex] of vertices.entries())
        this.#outputs.set(found.subarray(i * outputs, (i + 1) * outputs), vertex * outputs);
    }
  }

  #growOutputs(length: number): void {
    const known = this.#outputs.length;
    this.#outputs = roomFor(this.#outputs, length);
    this.#outputs.fill(Number.NaN, known);
    this.#room.take((this.#outputs.length - known) * VALUE_BYTES);
  }

  /** A stage's state at vertices whose values before it are given. */
  async #rowsAt(stage: number, batches: Iterable<Batch>): Promise<VertexRows> {
    const { width } = this.#net.stages[stage]!;
    const rows = new VertexRows(width, this.#room);
    for (const { vertices, values } of batches) {
      this.#signal?.throwIfAborted();
      const state = await this.#net.advance(stage, values, vertices.length);
      for (const [i, vertex] of vertices.entries()) {
        const row = rows.append(vertex, state, i * width);
        this.#faces.marks.apply(vertex, stage, { values: rows.block(row), start: rows.start(row) });
      }
    }
    return rows;
  }

  /** Rows of some vertices, copied together a block at a time, but for those of all. */
  *#batches(rows: VertexRows, vertices: readonly number[]): Generator<Batch> {
    if (vertices.length === rows.count) return yield* rows.blocks();
    const { width } = rows;
    const most = Math.max(LEAST_ROWS, Math.floor(BATCH_VALUES / width));
    for (let from = 0; from < vertices.length; from += most) {
      const some = Int32Array.from(vertices.slice(from, from + most));
      const values = new Float64Array(some.length * width);
      for (const [i, vertex] of some.entries()) {
        const row = rows.rowOf(vertex);
        const start = rows.start(row);
        values.set(rows.block(row).subarray(start, start + width), i * width);
      }
      yield { vertices: some, values };
    }
  }

  /**
   * Faces from `from` on whose corners are at most `mostRows` vertices together, at least one face. Corners without a row,
   * which other parts put on an edge since, get theirs.
   */
  #part(
    faces: readonly number[],
    from: number,
    { rows, mostRows }: { readonly rows: VertexRows; readonly mostRows: number },
  ): { readonly to: number; readonly vertices: readonly number[] } {
    const { mesh } = this.#faces;
    const vertices: number[] = [];
    const part = ++this.#parts;
    this.#seen = roomFor(this.#seen, mesh.vertices);
    let to = from;
    for (; to < faces.length && (to === from || vertices.length < mostRows); to++) {
      const start = mesh.faceEdge[faces[to]!]!;
      let at = start;
      do {
        const vertex = mesh.origin[at]!;
        if (this.#seen[vertex] !== part) {
          if (rows.rowOf(vertex) < 0) this.#fillEdges(faces[to]!, rows);
          this.#seen[vertex] = part;
          vertices.push(vertex);
        }
        at = mesh.next[at]!;
      } while (at !== start);
    }
    return { to, vertices };
  }

  /** Gives vertices of a face's edges their rows: between the two vertices with a row that they lie between. */
  #fillEdges(face: number, rows: VertexRows): void {
    const { mesh } = this.#faces;
    const { origin, next } = mesh;
    let start = mesh.faceEdge[face]!;
    while (rows.rowOf(origin[start]!) < 0) start = next[start]!;
    let at = start;
    do {
      const a = origin[at]!;
      let end = next[at]!;
      while (rows.rowOf(origin[end]!) < 0) end = next[end]!;
      const b = origin[end]!;
      const way = { a: rows.rowOf(a), b: rows.rowOf(b) };
      for (let between = next[at]!; between !== end; between = next[between]!) {
        const vertex = origin[between]!;
        rows.appendBetween(vertex, { ...way, t: mesh.placeBetween(vertex, a, b) });
      }
      at = end;
    } while (at !== start);
  }

  /** Rows that a stage may hold. */
  #rowsOf(stage: number): number {
    const { stages } = this.#net;
    const bytes = this.#room.limitBytes / (stages.length + 1);
    const width = Math.max(1, stages[stage]?.width ?? this.#net.outputs);
    return Math.max(LEAST_ROWS, Math.floor(bytes / (VALUE_BYTES * width)));
  }

  /** Rows that a part starts a stage with. */
  #partRows(stage: number): number {
    const growth = this.#cutters[stage]?.hasPools === true ? GROWTH.pools : GROWTH.lines;
    return this.#rowsOf(stage) / growth;
  }
}
