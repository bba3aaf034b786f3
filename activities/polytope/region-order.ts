// Puts regions in file order with counting sorts: comparing 128-bit keys in JavaScript is ten times slower
// (bench: aggregate).

import { byteSwapped } from './region-rows.ts';

/** What the order depends on. */
export interface OrderKeys {
  readonly rows: number;
  readonly span: ArrayLike<number>;
  readonly count: ArrayLike<number>;
  /** `[rows, 4]` */
  readonly digest: Uint32Array;
}

export type RegionOrder = 'digest' | 'count';

/**
 * Row numbers in the order (span, digest), or (span, count descending, digest); digests compare bytewise.
 * @returns `[rows]`
 */
export function regionOrder(keys: OrderKeys, { order }: { readonly order: RegionOrder }): Int32Array {
  const { rows, span, count, digest } = keys;
  let from: Int32Array = Int32Array.from({ length: rows }, (_, row) => row);
  if (rows < 4096) return from.sort((a, b) => compareRows(keys, a, b, order));
  let to: Int32Array = new Int32Array(rows);
  const key = new Uint32Array(rows);
  const pass = (shift: number): void => {
    if (countingPass(from, to, key, shift)) [from, to] = [to, from];
  };
  for (let row = 0; row < rows; row++) key[row] = byteSwapped(digest[row * 4]!);
  pass(0);
  pass(16);
  breakTies(from, digest);
  if (order === 'count') {
    for (let row = 0; row < rows; row++) key[row] = ~count[row]!;
    pass(0);
    pass(16);
  }
  for (let row = 0; row < rows; row++) key[row] = span[row]!;
  pass(0);
  return from;
}

function compareRows({ span, count, digest }: OrderKeys, a: number, b: number, order: RegionOrder): number {
  const bySpan = span[a]! - span[b]!;
  if (bySpan !== 0) return bySpan;
  const byCount = order === 'count' ? count[b]! - count[a]! : 0;
  return byCount !== 0 ? byCount : compareDigests(digest, a, b);
}

function compareDigests(digest: Uint32Array, a: number, b: number): number {
  for (let word = 0; word < 4; word++) {
    const difference = byteSwapped(digest[a * 4 + word]!) - byteSwapped(digest[b * 4 + word]!);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** One stable counting sort by 16 bits of `key`; false (and nothing done) where all keys share them. */
function countingPass(from: Int32Array, to: Int32Array, key: Uint32Array, shift: number): boolean {
  const starts = new Int32Array(65537);
  for (let row = 0; row < key.length; row++) starts[((key[row]! >>> shift) & 0xffff) + 1]!++;
  const first = (key[0]! >>> shift) & 0xffff;
  if (starts[first + 1] === key.length) return false;
  for (let digit = 0; digit < 65536; digit++) starts[digit + 1]! += starts[digit]!;
  for (let at = 0; at < from.length; at++) {
    const row = from[at]!;
    to[starts[(key[row]! >>> shift) & 0xffff]!++] = row;
  }
  return true;
}

/** After sorting by the first word of the digest: insertion sort of the few runs that share it. */
function breakTies(order: Int32Array, digest: Uint32Array): void {
  for (let at = 1; at < order.length; at++) {
    const row = order[at]!;
    let hole = at;
    while (
      hole > 0 &&
      digest[order[hole - 1]! * 4] === digest[row * 4] &&
      compareDigests(digest, order[hole - 1]!, row) > 0
    ) {
      order[hole] = order[hole - 1]!;
      hole--;
    }
    order[hole] = row;
  }
}
