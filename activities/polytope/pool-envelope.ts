// Upper envelope of a few lines over [0, 1], with the sign of the maximum.

/**
 * The entries of one pooling window between two rows: line i runs from `left[i]` to `right[i]`. Pieces of the envelope
 * come out in order, each with its symbol: 0 where the maximum is not above 0, else 1 + winner, the first one on ties.
 */
export class Envelope {
  /** `[size]` value at 0; -Infinity for padding. */
  readonly left: Float64Array;
  /** `[size]` value at 1. */
  readonly right: Float64Array;
  /** Pieces found. */
  count = 0;
  /** `[count]` where the piece starts. */
  readonly place: Float64Array;
  /** `[count]` */
  readonly symbol: Int32Array;
  /** `[count]` 1 where the maximum bends at the piece's start, 0 where it only changes its sign. */
  readonly isKink: Uint8Array;

  constructor(size: number) {
    this.left = new Float64Array(size);
    this.right = new Float64Array(size);
    // Every line wins at most once, and the maximum, being convex, changes its sign at most twice.
    this.place = new Float64Array(size + 3);
    this.symbol = new Int32Array(size + 3);
    this.isKink = new Uint8Array(size + 3);
  }

  /** Walks the envelope. Values within `tolerance` are equal. */
  trace(tolerance: number): void {
    this.count = 0;
    let winner = this.#firstWinner(tolerance);
    let from = 0;
    for (;;) {
      const next = this.#nextWinner(winner, tolerance);
      const to = next < 0 ? 1 : Math.max(from, this.#meeting(winner, next));
      if (to > from || next < 0) this.#piece(winner, from, to);
      if (next < 0) return;
      winner = next;
      from = to;
    }
  }

  /** One winner from `from` to `to`, cut where its line changes its sign. */
  #piece(winner: number, from: number, to: number): void {
    const [a, b] = [this.#value(winner, from), this.#value(winner, to)];
    const isOnLeft = a > 0 || (a === 0 && b > 0);
    const isOnRight = b > 0 || (b === 0 && a > 0);
    this.#push(from, isOnLeft ? 1 + winner : 0, 1);
    if (isOnLeft !== isOnRight) this.#push(from + (to - from) * (a / (a - b)), isOnRight ? 1 + winner : 0, 0);
  }

  #push(place: number, symbol: number, isKink: number): void {
    this.place[this.count] = place;
    this.symbol[this.count] = symbol;
    this.isKink[this.count] = isKink;
    this.count++;
  }

  /** Highest just behind 0: highest at 0, then steepest, then first. */
  #firstWinner(tolerance: number): number {
    const { left, right } = this;
    const most = left.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    let winner = -1;
    for (let i = 0; i < left.length; i++) {
      if (!(left[i]! >= most - tolerance) || left[i] === Number.NEGATIVE_INFINITY) continue;
      if (winner < 0 || right[i]! > right[winner]! + tolerance) winner = i;
    }
    return winner;
  }

  /** The line that overtakes the winner first; of those that do so together the steepest, then the first. -1 for none. */
  #nextWinner(winner: number, tolerance: number): number {
    const { right } = this;
    let next = -1;
    let nearest = 2;
    for (let i = 0; i < right.length; i++) {
      if (!(right[i]! > right[winner]! + tolerance)) continue;
      const place = this.#meeting(winner, i);
      const isTogether = next >= 0 && Math.abs(place - nearest) <= 1e-14;
      if (isTogether ? !(right[i]! > right[next]! + tolerance) : place > nearest) continue;
      next = i;
      nearest = place;
    }
    return next;
  }

  #meeting(winner: number, other: number): number {
    const behind = Math.max(this.left[winner]! - this.left[other]!, 0);
    return behind / (behind + (this.right[other]! - this.right[winner]!));
  }

  #value(line: number, u: number): number {
    if (u === 0) return this.left[line]!;
    if (u === 1) return this.right[line]!;
    return this.left[line]! + u * (this.right[line]! - this.left[line]!);
  }
}
