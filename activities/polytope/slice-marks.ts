// Which line a vertex was put on. Parts of a slice are worked on one after the other, and each evaluates its vertices again:
// a vertex that a neighbour put on a line must lie on it here too, whatever rounding says.

import { roomFor } from './slice-mesh.ts';

/** A function that is 0 at a vertex: column `column` of a stage's state, less column `other` (or, where that is -1, `bend`). */
export interface LineMark {
  readonly stage: number;
  readonly column: number;
  readonly other: number;
  readonly bend: number;
}

export class VertexMarks {
  /** Stage plus 1; 0 for none. */
  #stages = new Int32Array(1024);
  #columns = new Int32Array(1024);
  #others = new Int32Array(1024);
  #bends = new Float64Array(1024);

  set(vertex: number, { stage, column, other, bend }: LineMark): void {
    this.#stages = roomFor(this.#stages, vertex + 1);
    this.#columns = roomFor(this.#columns, vertex + 1);
    this.#others = roomFor(this.#others, vertex + 1);
    this.#bends = roomFor(this.#bends, vertex + 1);
    this.#stages[vertex] = stage + 1;
    this.#columns[vertex] = column;
    this.#others[vertex] = other;
    this.#bends[vertex] = bend;
  }

  /** Makes a vertex's values at a stage lie exactly on the line that it was put on there, if any. */
  apply(vertex: number, stage: number, row: { readonly values: Float64Array; readonly start: number }): void {
    if (this.#stages[vertex] !== stage + 1) return;
    const other = this.#others[vertex]!;
    const { values, start } = row;
    values[start + this.#columns[vertex]!] = other >= 0 ? values[start + other]! : this.#bends[vertex]!;
  }
}
