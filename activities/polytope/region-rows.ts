// Columns that cross the border of the region table: code rows in, region rows in and out.

/** Code rows of one or more points, as columns. */
export interface CodeRows {
  readonly rows: number;
  /** `[rows]` index into the plan's spans. */
  readonly span: Int16Array;
  /** `[rows]` */
  readonly pointId: Int32Array;
  /** `[rows]` class id, -1 for none. */
  readonly label: Int32Array;
  /** `[rows, 4]` the 16 digest bytes, seen as little-endian words. */
  readonly digest: Uint32Array;
  /** `[rows + 1]` byte offsets into `words`, multiples of 4. */
  readonly wordOffsets: Int32Array;
  /** 4-byte aligned. */
  readonly words: Uint8Array;
}

/** Partial or whole regions, as columns. */
export interface RegionRows {
  readonly rows: number;
  readonly span: Int16Array;
  readonly digest: Uint32Array; // [rows, 4]
  readonly wordOffsets: Int32Array; // [rows + 1] bytes
  readonly words: Uint8Array;
  readonly count: Int32Array;
  readonly firstPointId: Int32Array;
  readonly classOffsets: Int32Array; // [rows + 1] entries
  readonly classIds: Int32Array; // ascending within a row
  readonly classCounts: Int32Array;
  readonly exemplarOffsets: Int32Array; // [rows + 1] entries
  readonly exemplars: Int32Array; // in seeded random order within a row
}

/** A copy with at least `needed` entries, doubling so that growing stays linear. */
export function grown<T extends Int32Array | Uint32Array>(array: T, needed: number): T {
  if (needed <= array.length) return array;
  const Type = array.constructor as new (length: number) => T;
  const copy = new Type(Math.max(needed, array.length * 2));
  copy.set(array);
  return copy;
}

/** The four bytes of a word in reverse, so that comparing numbers compares bytes in file order. */
export function byteSwapped(word: number): number {
  return (((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
