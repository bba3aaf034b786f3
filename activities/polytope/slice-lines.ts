// Where the units of one stage bend, as signs at a mesh's vertices: one bit per line and row, so that the lines through
// a polygon are found 32 at a time.

import { PipelineError } from '#schemas/errors.ts';
import { WORD_BITS } from './code-layout.ts';
import type { ReluUnits, Stage } from './piecewise-net.ts';
import { roomFor } from './slice-mesh.ts';
import type { VertexRows } from './vertex-rows.ts';

/** Shares of a unit's, and of its tap's, largest value within which a value counts as lying on a line. */
export interface LineTolerance {
  readonly unit: number;
  readonly tap: number;
}

/** One bend of a tap's units: bit `32 x firstWord + unit` of a vertex's sign words. */
interface LineGroup {
  readonly tap: number;
  readonly units: number;
  readonly column: number;
  readonly bend: number;
  readonly firstWord: number;
  readonly words: number;
}

/**
 * Sign words of a stage's lines: `positive` and `negative` are `[rows, words]`; on the line both bits are 0. Most words of a
 * convolutional net hold no line that crosses the part of the slice at hand: those are the same in all of its polygons.
 */
export class StageLines {
  readonly words: number;
  positive = new Uint32Array();
  negative = new Uint32Array();
  readonly #groups: LineGroup[] = [];
  readonly #groupOfWord: LineGroup[] = [];
  /** Words with a line between the rows measured, ascending; filled up to `#liveCount`. */
  readonly #live: Int32Array;
  #liveCount = 0;
  /** `[words]`: the bits that are on at any of the rows measured. */
  readonly #anyPositive: Uint32Array;
  /** `[words x 32]`. */
  readonly #tolerance: Float64Array;

  constructor(stage: Stage) {
    for (const units of stage.taps) {
      if (units.kind === 'relu') for (const bend of bendsOf(units)) this.#add(units, bend);
    }
    this.words = this.#groupOfWord.length;
    this.#tolerance = new Float64Array(this.words * WORD_BITS);
    this.#anyPositive = new Uint32Array(this.words);
    this.#live = new Int32Array(this.words);
  }

  /**
   * Sets the tolerances by the stage's values at all rows, then the sign words of these.
   * @throws PipelineError `non-finite-input` naming the tap and unit.
   */
  measure(rows: VertexRows, tolerance: LineTolerance): void {
    if (this.words === 0) return;
    this.#tolerance.fill(0);
    for (const group of this.#groups) this.#measureGroup(group, rows, tolerance);
    this.#liveCount = this.words;
    for (let word = 0; word < this.words; word++) this.#live[word] = word;
    for (let row = 0; row < rows.count; row++) this.classify(rows, row);
    this.#findLive(rows.count);
  }

  /** Finds a row's live sign words; values on a line become exactly the bend, so every polygon there sees the same. */
  classify(rows: VertexRows, row: number): void {
    const { words } = this;
    if (words === 0) return;
    this.positive = roomFor(this.positive, (row + 1) * words);
    this.negative = roomFor(this.negative, (row + 1) * words);
    const target = { values: rows.block(row), start: rows.start(row), to: row * words };
    for (let i = 0; i < this.#liveCount; i++) this.#classifyWord(this.#live[i]!, target);
  }

  /**
   * The lowest line with rows of the loop on both of its sides, -1 where there is none.
   * @param loop - rows of the polygon's corners, `[count]`.
   */
  mixedLine(loop: Int32Array, count: number, fromWord: number): number {
    const { positive, negative, words } = this;
    for (let i = 0; i < this.#liveCount; i++) {
      const word = this.#live[i]!;
      if (word < fromWord) continue;
      let above = 0;
      let below = 0;
      for (let corner = 0; corner < count; corner++) {
        const at = loop[corner]! * words + word;
        above |= positive[at]!;
        below |= negative[at]!;
      }
      const mixed = above & below;
      if (mixed !== 0) return WORD_BITS * word + 31 - Math.clz32(mixed & -mixed);
    }
    return -1;
  }

  /** What a line is: its column in the state, its bend, its tap and unit. */
  line(bit: number): { column: number; bend: number; tap: number; unit: number } {
    const group = this.#groupOfWord[bit >>> 5]!;
    const unit = bit - group.firstWord * WORD_BITS;
    return { column: group.column + unit, bend: group.bend, tap: group.tap, unit };
  }

  /**
   * Writes the bits of one polygon: a unit is on where any vertex lies above 0, as none lies below it then.
   * @param loop - rows of the polygon's corners, `[count]`.
   * @param code - code words, with the first word of each tap in `tapWords`.
   */
  writeBits(
    loop: Int32Array,
    count: number,
    code: { readonly words: Uint32Array; readonly at: number; readonly tapWords: readonly number[] },
  ): void {
    const { positive, words } = this;
    for (const { bend, tap, firstWord, words: own } of this.#groups) {
      if (bend !== 0) continue;
      const to = code.at + code.tapWords[tap]!;
      for (let word = 0; word < own; word++) code.words[to + word] = this.#anyPositive[firstWord + word]!;
    }
    for (let i = 0; i < this.#liveCount; i++) {
      const word = this.#live[i]!;
      const { bend, tap, firstWord } = this.#groupOfWord[word]!;
      if (bend !== 0) continue;
      let bits = 0;
      for (let corner = 0; corner < count; corner++) bits |= positive[loop[corner]! * words + word]!;
      code.words[code.at + code.tapWords[tap]! + word - firstWord] = bits;
    }
  }

  #add({ tap, units, offset }: ReluUnits, bend: number): void {
    const words = Math.ceil(units / WORD_BITS);
    const group = { tap, units, column: offset, bend, firstWord: this.#groupOfWord.length, words };
    this.#groups.push(group);
    for (let word = 0; word < words; word++) this.#groupOfWord.push(group);
  }

  /** Words in which some line has rows on both of its sides. */
  #findLive(rows: number): void {
    const { positive, negative, words } = this;
    const anyNegative = new Uint32Array(words);
    this.#anyPositive.fill(0);
    for (let row = 0, at = 0; row < rows; row++) {
      for (let word = 0; word < words; word++, at++) {
        this.#anyPositive[word]! |= positive[at]!;
        anyNegative[word]! |= negative[at]!;
      }
    }
    this.#liveCount = 0;
    for (let word = 0; word < words; word++)
      if ((this.#anyPositive[word]! & anyNegative[word]!) !== 0) this.#live[this.#liveCount++] = word;
  }

  #measureGroup(group: LineGroup, rows: VertexRows, tolerance: LineTolerance): void {
    const first = group.firstWord * WORD_BITS;
    const scales = this.#tolerance.subarray(first, first + group.units);
    for (let row = 0; row < rows.count; row++) {
      const values = rows.block(row);
      const at = rows.start(row) + group.column;
      for (let unit = 0; unit < group.units; unit++) {
        const size = Math.abs(values[at + unit]!);
        if (!(size < Number.POSITIVE_INFINITY)) throw nonFinite(group.tap, unit, values[at + unit]!);
        if (size > scales[unit]!) scales[unit] = size;
      }
    }
    let most = 0;
    for (const scale of scales) most = Math.max(most, scale);
    for (let unit = 0; unit < group.units; unit++) {
      const scale = Math.max(scales[unit]!, Math.abs(group.bend));
      scales[unit] = Math.max(tolerance.unit * scale, tolerance.tap * most);
    }
  }

  // Hot loop (bench: slices): every new vertex passes here with the live words of the stage.
  #classifyWord(word: number, row: { values: Float64Array; start: number; to: number }): void {
    const { values, to } = row;
    const { bend, units, column, firstWord } = this.#groupOfWord[word]!;
    const tolerance = this.#tolerance;
    const first = (word - firstWord) * WORD_BITS;
    const bits = Math.min(WORD_BITS, units - first);
    let at = row.start + column + first;
    let above = 0;
    let below = 0;
    for (let bit = 0; bit < bits; bit++, at++) {
      const height = values[at]! - bend;
      const near = tolerance[word * WORD_BITS + bit]!;
      if (height > near) above |= 1 << bit;
      else if (height < -near) below |= 1 << bit;
      else values[at] = bend;
    }
    this.positive[to + word] = above;
    this.negative[to + word] = below;
  }
}

/** The bends of a tap; 0 always among them, for it flips the bit. */
function bendsOf({ bends }: ReluUnits): number[] {
  return [0, ...bends.filter((bend) => bend !== 0)];
}

function nonFinite(tap: number, unit: number, value: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what: 'a pre-activation is not finite on the slice',
    where: `tap ${tap}, unit ${unit}`,
    value: String(value),
    remedy: 'Check the weights for NaN and overflow, or take a smaller box.',
  });
}
