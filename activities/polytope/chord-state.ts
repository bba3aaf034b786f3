// The state of paths at one depth as rows at breakpoints, the kinks found between the rows, and the finer rows they make.

/** Consecutive breakpoints of one or more paths, in order; a row holds the stage's state there. */
export interface Piece {
  rows: number;
  /** First double of the rows in kernel memory. */
  readonly at: number;
  /** `[rows]` place on the path. */
  readonly t: Float64Array;
  /** `[rows]` index of the path. */
  readonly path: Int32Array;
  /** `[rows]` {@link PATH_START} and {@link PATH_END}. */
  readonly marks: Uint8Array;
}

export const PATH_START = 1;
export const PATH_END = 2;

/** Kinks of one interval that are closer than this in t share a breakpoint: they are as close as rounding puts equal ones. */
const SAME_BREAKPOINT = 1e-14;

export function emptyPiece(at: number, capacity: number): Piece {
  return {
    rows: 0,
    at,
    t: new Float64Array(capacity),
    path: new Int32Array(capacity),
    marks: new Uint8Array(capacity),
  };
}

/** Where units bend between the rows of a piece, interval by interval. */
export class Kinks {
  count = 0;
  /** `[count]` row at the left of the kink. */
  interval: Int32Array = new Int32Array(256);
  /** `[count]` place between the two rows, above 0, at most 1. */
  u: Float64Array = new Float64Array(256);
  /** `[count]` column that takes exactly the value `level` there; -1 for none. */
  column: Int32Array = new Int32Array(256);
  level: Float64Array = new Float64Array(256);
  /** `[count]` size of the column's step from row to row. */
  rise: Float64Array = new Float64Array(256);
  /** `[count]` kinks by interval, then place, then column. */
  order: Int32Array = new Int32Array(256);
  #closed = 0;

  clear(): void {
    this.count = 0;
    this.#closed = 0;
  }

  add(interval: number, u: number, column: number, level: number, rise: number): void {
    if (this.count === this.u.length) this.#grow();
    const at = this.count++;
    this.interval[at] = interval;
    this.u[at] = u;
    this.column[at] = column;
    this.level[at] = level;
    this.rise[at] = rise;
    this.order[at] = at;
  }

  /** Orders the kinks that were added since the last interval. */
  closeInterval(): void {
    const { u, column } = this;
    if (this.count > this.#closed + 1) {
      this.order
        .subarray(this.#closed, this.count)
        .sort((a, b) => u[a]! - u[b]! || column[a]! - column[b]! || a - b);
    }
    this.#closed = this.count;
  }

  #grow(): void {
    this.interval = doubled(this.interval);
    this.u = doubled(this.u);
    this.column = doubled(this.column);
    this.level = doubled(this.level);
    this.rise = doubled(this.rise);
    this.order = doubled(this.order);
  }
}

/** The breakpoints of a piece with its kinks between them. */
export class Refinement {
  rows = 0;
  /** `[rows]` row of the piece at or left of the breakpoint. */
  base: Int32Array = new Int32Array(256);
  /** `[rows]` place behind the base row, 0 for the row itself. */
  u: Float64Array = new Float64Array(256);
  /** `[rows + 1]` first of the breakpoint's kinks in `kinks.order`. */
  firstKink: Int32Array = new Int32Array(257);

  build(piece: Piece, kinks: Kinks): void {
    this.#reserve(piece.rows + kinks.count);
    this.rows = 0;
    let kink = 0;
    for (let row = 0; row < piece.rows; row++) {
      this.#push(row, 0, kink);
      const span = row + 1 < piece.rows ? piece.t[row + 1]! - piece.t[row]! : 0;
      for (let group = -1; kink < kinks.count; kink++) {
        const at = kinks.order[kink]!;
        if (kinks.interval[at] !== row) break;
        const u = kinks.u[at]!;
        if (group >= 0 && (u - group) * span <= SAME_BREAKPOINT) continue;
        this.#push(row, u, kink);
        group = u;
      }
    }
    this.firstKink[this.rows] = kink;
  }

  /** Place on the path of a breakpoint. */
  t(piece: Piece, at: number): number {
    const row = this.base[at]!;
    const from = piece.t[row]!;
    return this.u[at] === 0 ? from : placeBetween(from, piece.t[row + 1]!, this.u[at]!);
  }

  /** Fills places, paths and marks of `next` with the breakpoints `from` to `to` (exclusive). */
  describe(piece: Piece, next: Piece, from: number, to: number): void {
    for (let at = from; at < to; at++) {
      const row = this.base[at]!;
      next.t[at - from] = this.t(piece, at);
      next.path[at - from] = piece.path[row]!;
      next.marks[at - from] = this.u[at] === 0 ? piece.marks[row]! : 0;
    }
    next.rows = to - from;
  }

  #push(base: number, u: number, kink: number): void {
    this.base[this.rows] = base;
    this.u[this.rows] = u;
    this.firstKink[this.rows] = kink;
    this.rows++;
  }

  #reserve(rows: number): void {
    while (this.u.length < rows) {
      this.base = doubled(this.base);
      this.u = doubled(this.u);
      this.firstKink = new Int32Array(this.u.length + 1);
    }
  }
}

/** A point of an interval, never outside it. */
export function placeBetween(from: number, to: number, u: number): number {
  return Math.min(from + (to - from) * u, to);
}

function doubled<T extends Int32Array | Float64Array>(old: T): T {
  const next = new (old.constructor as new (length: number) => T)(old.length * 2);
  next.set(old);
  return next;
}
