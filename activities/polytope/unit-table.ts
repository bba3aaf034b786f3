// How often every unit was on, by tap and class: a commutative monoid of integer sums, exact in any order.

/** Sums of one tap and class. */
export interface UnitCounts {
  readonly tap: number;
  /** Class id, -1 for none. */
  readonly classId: number;
  rows: number;
  /** `[codeBits]` */
  readonly on: Uint32Array;
  /** How often |z| < 2, over all units; NaN where the activation is piecewise linear. */
  soft: number;
}

export class UnitTable {
  readonly #counts = new Map<string, UnitCounts>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add({ tap, classId, rows, on, soft }: UnitCounts): void {
    const key = `${tap} ${classId}`;
    const sums = this.#counts.get(key);
    if (sums === undefined) {
      this.#counts.set(key, { tap, classId, rows, on: on.slice(), soft });
      this.#bytes += on.byteLength + 64;
      return;
    }
    sums.rows += rows;
    sums.soft += soft;
    for (let unit = 0; unit < on.length; unit++) sums.on[unit]! += on[unit]!;
  }

  merge(other: UnitTable): void {
    for (const counts of other.entries()) this.add(counts);
  }

  /** All sums, by tap and class. */
  entries(): UnitCounts[] {
    return [...this.#counts.values()].sort((a, b) => a.tap - b.tap || a.classId - b.classId);
  }

  clear(): void {
    this.#counts.clear();
    this.#bytes = 0;
  }
}
