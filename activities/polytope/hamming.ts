// Hamming distance of packed codes.

/** Codes in whole words, as the tables hold them. */
export interface WordCodes {
  /** `[rows, wordsPerRow]`, bit `j` at bit `j & 31` of word `j >> 5`. */
  readonly words: Uint32Array;
  readonly rows: number;
  readonly wordsPerRow: number;
}

/**
 * Differing bits of two rows of words.
 * @param atA - index of the row's first word.
 * @param width - words of a row.
 */
export function hammingDistance(
  a: Uint32Array,
  atA: number,
  b: Uint32Array,
  atB: number,
  width: number,
): number {
  let bits = 0;
  for (let word = 0; word < width; word++) {
    let x = a[atA + word]! ^ b[atB + word]!;
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    x = (x + (x >>> 4)) & 0x0f0f0f0f;
    bits += Math.imul(x, 0x01010101) >>> 24;
  }
  return bits;
}

/** Bits that are on in all of some words. */
export function bitsOn(words: Uint32Array): number {
  return hammingDistance(words, 0, new Uint32Array(words.length), 0, words.length);
}
