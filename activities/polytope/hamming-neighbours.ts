// Regions that are neighbours among those seen: codes that differ in one bit.

import { randomStream } from '../numeric/rng.ts';
import { hammingDistance, type WordCodes } from './hamming.ts';

/**
 * How many of the other codes differ from each in exactly one bit. In general position these are regions across a facet, as far
 * as they were visited.
 * @param codes - different codes, pad bits zero.
 * @param codeBits - bits of a code; bit `j` at bit `j & 31` of word `j >> 5`.
 * @returns `[rows]`.
 * @throws RangeError where two codes are equal.
 * @see polytope-lens specification, 1.4 and 3.4.
 */
export function hammingOneNeighbours({ words, rows, wordsPerRow }: WordCodes, codeBits: number): Int32Array {
  const bits = Array.from({ length: codeBits }, (_, bit) => bit);
  // A code's hash is the XOR of one random number per set bit, so flipping a bit is one XOR.
  const random = randomStream(0x4841_4d31);
  const numbers = Uint32Array.from({ length: wordsPerRow * 32 }, random.uint32);
  const hashes = new Uint32Array(rows);
  const byHash = new Map<number, number[]>();
  for (let row = 0; row < rows; row++) {
    for (const bit of bits) if (isSet(words, row * wordsPerRow, bit)) hashes[row]! ^= numbers[bit]!;
    const bucket = byHash.get(hashes[row]!) ?? [];
    bucket.push(row);
    byHash.set(hashes[row]!, bucket);
  }
  const distance = (a: number, b: number) =>
    hammingDistance(words, a * wordsPerRow, words, b * wordsPerRow, wordsPerRow);
  checkDifferent(byHash, distance);
  const neighbours = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    for (const bit of bits) {
      const flipped = (hashes[row]! ^ numbers[bit]!) >>> 0;
      for (const other of byHash.get(flipped) ?? []) {
        // Two bits with one number would lead to the same code twice: the bit itself must differ.
        const isOtherSide = isSet(words, row * wordsPerRow, bit) !== isSet(words, other * wordsPerRow, bit);
        if (isOtherSide && distance(row, other) === 1) neighbours[row]!++;
      }
    }
  }
  return neighbours;
}

function isSet(words: Uint32Array, at: number, bit: number): boolean {
  return ((words[at + (bit >>> 5)]! >>> (bit & 31)) & 1) === 1;
}

function checkDifferent(
  byHash: ReadonlyMap<number, readonly number[]>,
  distance: (a: number, b: number) => number,
): void {
  for (const bucket of byHash.values()) {
    for (const [i, row] of bucket.entries()) {
      const same = bucket.slice(i + 1).find((other) => distance(row, other) === 0);
      if (same !== undefined) throw new RangeError(`codes ${row} and ${same} are equal`);
    }
  }
}
