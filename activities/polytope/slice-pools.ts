// Max-pools of one stage at a mesh's vertices: per window the candidates that are largest there, as bits. A polygon is
// whole where some candidate is largest at all of its vertices; otherwise two of the winners are told apart by a line.

import { PipelineError } from '#schemas/errors.ts';
import { WORD_BITS } from './code-layout.ts';
import type { PoolUnits, Stage } from './piecewise-net.ts';
import { roomFor } from './slice-mesh.ts';
import type { VertexRows } from './vertex-rows.ts';

/** Two candidates of a window that each win at some vertex of a polygon and lose at another. */
export interface PoolContest {
  readonly tap: number;
  readonly window: number;
  /** Number of the window over all pools of the stage: where the search goes on. */
  readonly index: number;
  /** Columns of the two in the state. */
  readonly first: number;
  readonly second: number;
}

interface PoolGroup {
  readonly tap: number;
  readonly windowSize: number;
  /** `[windows, windowSize]` columns in the state, -1 for padding. */
  readonly columns: Int32Array;
  readonly firstWindow: number;
  readonly windows: number;
  readonly firstWord: number;
  /** Words of one window's mask. */
  readonly maskWords: number;
  tolerance: number;
}

/** Winner masks of a stage's pools, `[vertices, words]`. */
export class StagePools {
  readonly words: number;
  #masks = new Uint32Array();
  readonly #groups: PoolGroup[] = [];

  constructor(stage: Stage) {
    let words = 0;
    let windows = 0;
    for (const units of stage.taps) {
      if (units.kind !== 'pool') continue;
      const group = poolGroup(units, windows, words);
      this.#groups.push(group);
      windows += group.windows;
      words += group.windows * group.maskWords;
    }
    this.words = words;
  }

  /**
   * Sets the tolerances by the largest values at all vertices, then the masks of these.
   * @throws PipelineError `non-finite-input` naming the tap.
   */
  measure(rows: VertexRows, share: number): void {
    for (const group of this.#groups) group.tolerance = share * largest(group, rows);
    for (let vertex = 0; vertex < rows.count; vertex++) this.classify(rows, vertex);
  }

  /** Finds a vertex's winner masks. */
  classify(rows: VertexRows, vertex: number): void {
    if (this.words === 0) return;
    this.#masks = roomFor(this.#masks, (vertex + 1) * this.words);
    this.#masks.fill(0, vertex * this.words, (vertex + 1) * this.words);
    const values = rows.block(vertex);
    const start = rows.start(vertex);
    for (const group of this.#groups) this.#classifyGroup(group, { values, start, to: vertex * this.words });
  }

  /**
   * The first window from `fromIndex` on that no candidate wins over a whole polygon.
   * @param loop - the polygon's vertices, `[count]`.
   */
  contest(loop: Int32Array, count: number, fromIndex: number): PoolContest | null {
    for (const group of this.#groups) {
      const from = Math.max(0, fromIndex - group.firstWindow);
      for (let window = from; window < group.windows; window++) {
        const found = this.#contestOf(group, window, loop, count);
        if (found !== null) return found;
      }
    }
    return null;
  }

  /** Difference of two entries of a tap's windows that counts as none. */
  toleranceOf(tap: number): number {
    return this.#groups.find((group) => group.tap === tap)?.tolerance ?? 0;
  }

  /** Whether this stage pools the tap and some candidate of the window wins at all of the vertices. */
  agree(label: { readonly tap: number; readonly window: number }, loop: Int32Array, count: number): boolean {
    const group = this.#groups.find(({ tap }) => tap === label.tap);
    if (group === undefined) return false;
    const at = group.firstWord + label.window * group.maskWords;
    return this.#commonWinner(loop, count, at, group.maskWords) >= 0;
  }

  #classifyGroup(group: PoolGroup, row: { values: Float64Array; start: number; to: number }): void {
    const { columns, windowSize, maskWords, tolerance } = group;
    const { values, start } = row;
    for (let window = 0; window < group.windows; window++) {
      const from = window * windowSize;
      let most = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < windowSize; i++) {
        const column = columns[from + i]!;
        if (column >= 0 && values[start + column]! > most) most = values[start + column]!;
      }
      const to = row.to + group.firstWord + window * maskWords;
      for (let i = 0; i < windowSize; i++) {
        const column = columns[from + i]!;
        if (column >= 0 && values[start + column]! >= most - tolerance) {
          this.#masks[to + (i >> 5)]! |= 1 << (i & 31);
        }
      }
    }
  }

  /**
   * Walks the vertices with the candidates that won so far. Where none of them wins at a vertex, one of them and a winner
   * there are told apart strictly: the winner lost at an earlier vertex, or it would still be among them.
   */
  #contestOf(group: PoolGroup, window: number, loop: Int32Array, count: number): PoolContest | null {
    const { maskWords } = group;
    const at = group.firstWord + window * maskWords;
    const common = (through: number) => this.#commonWinner(loop, through, at, maskWords);
    if (common(count) >= 0) return null;
    let through = 1;
    while (common(through + 1) >= 0) through++;
    const first = common(through);
    const second = this.#commonWinner(loop.subarray(through), 1, at, maskWords);
    return {
      tap: group.tap,
      window,
      index: group.firstWindow + window,
      first: group.columns[window * group.windowSize + first]!,
      second: group.columns[window * group.windowSize + second]!,
    };
  }

  /** The lowest candidate that wins at all of the first `count` vertices, -1 where none does. */
  #commonWinner(loop: Int32Array, count: number, at: number, maskWords: number): number {
    for (let word = 0; word < maskWords; word++) {
      let bits = 0xffffffff;
      for (let i = 0; i < count; i++) bits &= this.#masks[loop[i]! * this.words + at + word]!;
      if (bits !== 0) return word * WORD_BITS + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }
}

function poolGroup(units: PoolUnits, firstWindow: number, firstWord: number): PoolGroup {
  const { tap, offset, windows, windowSize } = units;
  const columns = windows.map((column) => (column < 0 ? -1 : offset + column));
  const maskWords = Math.ceil(windowSize / WORD_BITS);
  const count = windows.length / windowSize;
  return { tap, windowSize, columns, firstWindow, windows: count, firstWord, maskWords, tolerance: 0 };
}

function largest({ columns, tap }: PoolGroup, rows: VertexRows): number {
  let most = 0;
  for (let vertex = 0; vertex < rows.count; vertex++) {
    const values = rows.block(vertex);
    const start = rows.start(vertex);
    for (const column of columns) {
      if (column < 0) continue;
      const size = Math.abs(values[start + column]!);
      if (!(size < Number.POSITIVE_INFINITY)) throw nonFinite(tap, size);
      if (size > most) most = size;
    }
  }
  return most;
}

function nonFinite(tap: number, value: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what: "a max-pool's input is not finite on the slice",
    where: `tap ${tap}`,
    value: String(value),
    remedy: 'Check the weights for NaN and overflow, or take a smaller box.',
  });
}
