// State rows of a mesh's vertices at one depth of a network, in blocks: they grow without being copied, and a block that
// was taken one stage on is given back.

import { PipelineError } from '#schemas/errors.ts';
import type { PiecewiseNet } from './piecewise-net.ts';

const BLOCK_VALUES = 1 << 17;
const MOST_BLOCK_ROWS = 1 << 12;
const VALUE_BYTES = 8;

/** Bytes that all rows of one slice may hold together. */
export class RowBudget {
  readonly limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** @throws PipelineError `config-invalid` where the slice would hold more than it may. */
  take(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes <= this.limitBytes) return;
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a slice needs more memory for its vertices than it may have',
      where: 'maxStateBytes',
      value: `${this.#heldBytes} of ${this.limitBytes} bytes`,
      remedy: 'Take a smaller box or fewer layers, or raise the limit.',
    });
  }

  giveBack(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

/** Rows of `width` float64 values, `[vertices, width]`. */
export class VertexRows {
  readonly width: number;
  count = 0;
  readonly #shift: number;
  readonly #mask: number;
  readonly #blocks: Float64Array[] = [];
  readonly #budget: RowBudget;

  constructor(width: number, budget: RowBudget) {
    const most = Math.min(MOST_BLOCK_ROWS, Math.max(1, Math.floor(BLOCK_VALUES / Math.max(1, width))));
    this.width = width;
    this.#shift = Math.floor(Math.log2(most));
    this.#mask = (1 << this.#shift) - 1;
    this.#budget = budget;
  }

  /** The block that holds a row; the row starts at {@link start}. */
  block(row: number): Float64Array {
    return this.#blocks[row >> this.#shift]!;
  }

  start(row: number): number {
    return (row & this.#mask) * this.width;
  }

  /** Adds rows, `[count, width]`. */
  append(values: Float64Array, count: number): void {
    for (let row = 0; row < count; row++) {
      const made = this.#add();
      const from = row * this.width;
      this.block(made).set(values.subarray(from, from + this.width), this.start(made));
    }
  }

  /** Adds the row at the fraction `t` of the way from row `a` to row `b`. */
  appendBetween(a: number, b: number, t: number): void {
    const made = this.#add();
    const into = this.block(made);
    const from = this.block(a);
    const to = this.block(b);
    const at = this.start(made);
    const fromAt = this.start(a);
    const toAt = this.start(b);
    for (let i = 0; i < this.width; i++) {
      const value = from[fromAt + i]!;
      into[at + i] = value + t * (to[toAt + i]! - value);
    }
  }

  /** The rows block by block, `[rows, width]` each; a block is given back when the next one is asked for. */
  *drain(): Generator<{ readonly values: Float64Array; readonly rows: number }> {
    const blockRows = this.#mask + 1;
    for (let index = 0; index < this.#blocks.length; index++) {
      const rows = Math.min(blockRows, this.count - index * blockRows);
      const block = this.#blocks[index]!;
      yield { values: block.subarray(0, rows * this.width), rows };
      this.#blocks[index] = new Float64Array();
      this.#budget.giveBack(block.length * VALUE_BYTES);
    }
  }

  #add(): number {
    const row = this.count++;
    if (row >> this.#shift === this.#blocks.length) {
      const values = (this.#mask + 1) * this.width;
      this.#budget.take(values * VALUE_BYTES);
      this.#blocks.push(new Float64Array(values));
    }
    return row;
  }
}

/**
 * Takes every row one stage on; `rows` is empty afterwards.
 * @param step - `stage` as {@link PiecewiseNet.advance} counts them and the `width` that it gives.
 */
export async function advanceRows(
  net: PiecewiseNet,
  rows: VertexRows,
  step: {
    readonly stage: number;
    readonly width: number;
    readonly budget: RowBudget;
    readonly signal?: AbortSignal;
  },
): Promise<VertexRows> {
  const advanced = new VertexRows(step.width, step.budget);
  for (const block of rows.drain()) {
    step.signal?.throwIfAborted();
    advanced.append(await net.advance(step.stage, block.values, block.rows), block.rows);
  }
  return advanced;
}
