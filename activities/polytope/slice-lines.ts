// Where the units of one stage bend, as signs at a mesh's vertices: one bit per line and vertex, so that the lines through
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

/** Sign words of a stage's lines: `positive` and `negative` are `[vertices, words]`; on the line both bits are 0. */
export class StageLines {
  readonly words: number;
  positive = new Uint32Array();
  negative = new Uint32Array();
  readonly #groups: LineGroup[] = [];
  readonly #groupOfWord: LineGroup[] = [];
  /** `[words x 32]`. */
  readonly #tolerance: Float64Array;

  constructor(stage: Stage) {
    for (const units of stage.taps) {
      if (units.kind === 'relu') for (const bend of bendsOf(units)) this.#add(units, bend);
    }
    this.words = this.#groupOfWord.length;
    this.#tolerance = new Float64Array(this.words * WORD_BITS);
  }

  /**
   * Sets the tolerances by the stage's values at all vertices, then the sign words of these.
   * @throws PipelineError `non-finite-input` naming the tap and unit.
   */
  measure(rows: VertexRows, tolerance: LineTolerance): void {
    for (const group of this.#groups) this.#measureGroup(group, rows, tolerance);
    for (let vertex = 0; vertex < rows.count; vertex++) this.classify(rows, vertex);
  }

  /** Finds a vertex's sign words; values on a line become exactly the bend, so every polygon there sees the same. */
  classify(rows: VertexRows, vertex: number): void {
    const { words } = this;
    if (words === 0) return;
    this.positive = roomFor(this.positive, (vertex + 1) * words);
    this.negative = roomFor(this.negative, (vertex + 1) * words);
    const values = rows.block(vertex);
    const start = rows.start(vertex);
    for (const group of this.#groups) this.#classifyGroup(group, { values, start, to: vertex * words });
  }

  /** What a line is: its column in the state, its bend, its tap and unit. */
  line(bit: number): { column: number; bend: number; tap: number; unit: number } {
    const group = this.#groupOfWord[bit >>> 5]!;
    const unit = bit - group.firstWord * WORD_BITS;
    return { column: group.column + unit, bend: group.bend, tap: group.tap, unit };
  }

  /**
   * Writes the bits of one polygon: a unit is on where any vertex lies above 0, as none lies below it then.
   * @param loop - the polygon's vertices, `[count]`.
   * @param code - code words, with the first word of each tap in `tapWords`.
   */
  writeBits(
    loop: Int32Array,
    count: number,
    code: { readonly words: Uint32Array; readonly at: number; readonly tapWords: readonly number[] },
  ): void {
    const { positive, words } = this;
    for (const group of this.#groups) {
      if (group.bend !== 0) continue;
      const to = code.at + code.tapWords[group.tap]!;
      for (let word = 0; word < group.words; word++) {
        let bits = 0;
        for (let i = 0; i < count; i++) bits |= positive[loop[i]! * words + group.firstWord + word]!;
        code.words[to + word] = bits;
      }
    }
  }

  #add({ tap, units, offset }: ReluUnits, bend: number): void {
    const words = Math.ceil(units / WORD_BITS);
    const group = { tap, units, column: offset, bend, firstWord: this.#groupOfWord.length, words };
    this.#groups.push(group);
    for (let word = 0; word < words; word++) this.#groupOfWord.push(group);
  }

  #measureGroup(group: LineGroup, rows: VertexRows, tolerance: LineTolerance): void {
    const first = group.firstWord * WORD_BITS;
    const scales = this.#tolerance.subarray(first, first + group.units);
    for (let vertex = 0; vertex < rows.count; vertex++) {
      const values = rows.block(vertex);
      const at = rows.start(vertex) + group.column;
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

  // Hot loop (bench: slices): every new vertex passes here with the whole stage.
  #classifyGroup(group: LineGroup, row: { values: Float64Array; start: number; to: number }): void {
    const { values, to } = row;
    const { bend, units } = group;
    const tolerance = this.#tolerance;
    let at = row.start + group.column;
    let unit = 0;
    for (let word = group.firstWord; word < group.firstWord + group.words; word++) {
      const last = Math.min(units, unit + WORD_BITS);
      let above = 0;
      let below = 0;
      for (let bit = 0; unit < last; bit++, unit++, at++) {
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
