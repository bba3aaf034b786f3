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
  /** Number of the window among those looked at: where the search goes on. */
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
  readonly windows: number;
  readonly firstWord: number;
  /** Words of one window's mask. */
  readonly maskWords: number;
  tolerance: number;
}

/**
 * Winner masks of a stage's pools, `[rows, words]`. Windows that one candidate wins at all rows of the part of the slice at
 * hand are not looked at again.
 */
export class StagePools {
  readonly words: number;
  #masks = new Uint32Array();
  readonly #groups: PoolGroup[] = [];
  /** Windows without such a candidate, group by group. */
  #live: { readonly group: PoolGroup; readonly window: number }[] = [];

  constructor(stage: Stage) {
    let words = 0;
    for (const units of stage.taps) {
      if (units.kind !== 'pool') continue;
      const group = poolGroup(units, words);
      this.#groups.push(group);
      words += group.windows * group.maskWords;
    }
    this.words = words;
  }

  /**
   * Sets the tolerances by the largest values at all rows, then the masks of these.
   * @throws PipelineError `non-finite-input` naming the tap.
   */
  measure(rows: VertexRows, share: number): void {
    for (const group of this.#groups) group.tolerance = share * largest(group, rows);
    const all = this.#groups.flatMap((group) =>
      Array.from({ length: group.windows }, (_, window) => ({ group, window })),
    );
    this.#live = all;
    for (let row = 0; row < rows.count; row++) this.classify(rows, row);
    const loop = Int32Array.from({ length: rows.count }, (_, row) => row);
    this.#live = all.filter((one) => this.#commonWinner(loop, rows.count, one) < 0);
  }

  /** Finds a row's winner masks of live windows. */
  classify(rows: VertexRows, row: number): void {
    if (this.words === 0) return;
    this.#masks = roomFor(this.#masks, (row + 1) * this.words);
    const target = { values: rows.block(row), start: rows.start(row), to: row * this.words };
    for (const { group, window } of this.#live) this.#classifyWindow(group, window, target);
  }

  /**
   * The first live window from `fromIndex` on that no candidate wins over a whole polygon.
   * @param loop - rows of the polygon's corners, `[count]`.
   */
  contest(loop: Int32Array, count: number, fromIndex: number): PoolContest | null {
    for (let index = fromIndex; index < this.#live.length; index++) {
      if (this.#commonWinner(loop, count, this.#live[index]!) < 0) return this.#contestOf(index, loop, count);
    }
    return null;
  }

  /** Whether the tap is one of this stage's pools. */
  has(tap: number): boolean {
    return this.#groups.some((group) => group.tap === tap);
  }

  /** Difference of two entries of a tap's windows that counts as none. */
  toleranceOf(tap: number): number {
    return this.#groups.find((group) => group.tap === tap)?.tolerance ?? 0;
  }

  /** Whether some candidate of a live window wins at all of the rows. */
  agree(label: { readonly tap: number; readonly window: number }, loop: Int32Array, count: number): boolean {
    const group = this.#groups.find(({ tap }) => tap === label.tap);
    return group !== undefined && this.#commonWinner(loop, count, { group, window: label.window }) >= 0;
  }

  #classifyWindow(
    { columns, windowSize, maskWords, tolerance, firstWord }: PoolGroup,
    window: number,
    row: { values: Float64Array; start: number; to: number },
  ): void {
    const { values, start } = row;
    const from = window * windowSize;
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < windowSize; i++) {
      const column = columns[from + i]!;
      if (column >= 0 && values[start + column]! > most) most = values[start + column]!;
    }
    const to = row.to + firstWord + window * maskWords;
    this.#masks.fill(0, to, to + maskWords);
    for (let i = 0; i < windowSize; i++) {
      const column = columns[from + i]!;
      if (column >= 0 && values[start + column]! >= most - tolerance)
        this.#masks[to + (i >> 5)]! |= 1 << (i & 31);
    }
  }

  /**
   * Walks the corners with the candidates that won so far. Where none of them wins at a corner, one of them and a winner
   * there are told apart strictly: the winner lost at an earlier corner, or it would still be among them.
   */
  #contestOf(index: number, loop: Int32Array, count: number): PoolContest {
    const one = this.#live[index]!;
    const { group, window } = one;
    let through = 1;
    while (through < count && this.#commonWinner(loop, through + 1, one) >= 0) through++;
    const first = this.#commonWinner(loop, through, one);
    const second = this.#commonWinner(loop.subarray(through), 1, one);
    const columnOf = (candidate: number) => group.columns[window * group.windowSize + candidate]!;
    return { tap: group.tap, window, index, first: columnOf(first), second: columnOf(second) };
  }

  /** The lowest candidate that wins at all of the first `count` rows, -1 where none does. */
  #commonWinner(
    loop: Int32Array,
    count: number,
    { group, window }: { readonly group: PoolGroup; readonly window: number },
  ): number {
    const at = group.firstWord + window * group.maskWords;
    for (let word = 0; word < group.maskWords; word++) {
      let bits = 0xffffffff;
      for (let i = 0; i < count; i++) bits &= this.#masks[loop[i]! * this.words + at + word]!;
      if (bits !== 0) return word * WORD_BITS + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }
}

function poolGroup(units: PoolUnits, firstWord: number): PoolGroup {
  const { tap, offset, windows, windowSize } = units;
  const columns = windows.map((column) => (column < 0 ? -1 : offset + column));
  const maskWords = Math.ceil(windowSize / WORD_BITS);
  const count = windows.length / windowSize;
  return { tap, windowSize, columns, windows: count, firstWord, maskWords, tolerance: 0 };
}

function largest({ columns, tap }: PoolGroup, rows: VertexRows): number {
  let most = 0;
  for (let row = 0; row < rows.count; row++) {
    const values = rows.block(row);
    const start = rows.start(row);
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
