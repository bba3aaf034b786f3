// One dense layer without a matrix product at every breakpoint: between two old breakpoints an activation is its chord and
// a bend where the unit crosses, so the next layer is its own chord and one rank-1 term per crossing.

import type { ChordKernel } from './chord-kernel.ts';
import type { Kinks, Refinement } from './chord-state.ts';
import type { DenseStep } from './piecewise-net.ts';

/**
 * Rows of the next stage at a piece's old and new breakpoints, in order.
 *
 * With u from 0 to 1 between two old rows and units i that cross at u_i, whose pre-activations rise by d_i, the slope of
 * the next stage's row changes at u_i by (1 - slope_i) |d_i| W[:, i], whichever way they cross.
 */
export class HingeFiller {
  readonly #kernel: ChordKernel;
  readonly #width: number;
  readonly #inputs: number;
  /** `[inputs, width]` in kernel memory: the weights turned around. */
  readonly #columnsAt: number;
  /** `[width]` slope behind the last row that was written. */
  readonly #slopeAt: number;
  readonly #negativeSlopes: Float64Array;

  constructor(kernel: ChordKernel, { weights, bias, negativeSlopes }: DenseStep) {
    this.#kernel = kernel;
    this.#width = bias.length;
    this.#inputs = negativeSlopes.length;
    this.#negativeSlopes = negativeSlopes;
    this.#columnsAt = kernel.reserve(weights.length);
    this.#slopeAt = kernel.reserve(this.#width);
    for (let out = 0; out < this.#width; out++) {
      for (let input = 0; input < this.#inputs; input++)
        kernel.values[this.#columnsAt + input * this.#width + out] = weights[out * this.#inputs + input]!;
    }
  }

  /**
   * Writes the rows of the breakpoints `from` to `to` (exclusive) to `out`. A call goes on where the last one ended: where
   * `from` lies between two old breakpoints, the row before it stands before `out`.
   */
  fill(refinement: Refinement, kinks: Kinks, { from, to, oldAt, out }: FillRange): void {
    const width = this.#width;
    for (let at = from; at < to; at++) {
      const row = out + (at - from) * width;
      if (refinement.u[at] === 0) {
        const old = oldAt + refinement.base[at]! * width;
        this.#kernel.values.copyWithin(row, old, old + width);
        this.#startInterval(refinement, kinks, at, old);
      } else {
        const step = refinement.u[at]! - refinement.u[at - 1]!;
        this.#kernel.addRow(row - width, this.#slopeAt, row, width, step);
        this.#bend(refinement, kinks, at, 1);
      }
    }
  }

  /** Slope just behind an old row: the chord's, less what the bends ahead will add. */
  #startInterval(refinement: Refinement, kinks: Kinks, at: number, old: number): void {
    const base = refinement.base[at]!;
    for (let next = at + 1; next < refinement.rows && refinement.base[next] === base; next++) {
      if (next === at + 1) this.#kernel.differRow(old, old + this.#width, this.#slopeAt, this.#width);
      this.#bend(refinement, kinks, next, refinement.u[next]! - 1);
    }
  }

  /** Adds `factor` times the slope changes of a breakpoint's kinks to the slope. */
  #bend({ firstKink }: Refinement, kinks: Kinks, at: number, factor: number): void {
    for (let i = firstKink[at]!; i < firstKink[at + 1]!; i++) {
      const kink = kinks.order[i]!;
      const input = kinks.column[kink]!;
      const change = (1 - this.#negativeSlopes[input]!) * Math.abs(kinks.rise[kink]!);
      const column = this.#columnsAt + input * this.#width;
      this.#kernel.addRow(this.#slopeAt, column, this.#slopeAt, this.#width, factor * change);
    }
  }
}

/** Breakpoints to fill, and where. */
export interface FillRange {
  readonly from: number;
  readonly to: number;
  /** The next stage's rows at the piece's own rows. */
  readonly oldAt: number;
  readonly out: number;
}
