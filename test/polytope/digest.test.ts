import { describe, expect, it } from 'vitest';
import { digestRows, partitionOf, spanSeed } from '../../activities/polytope/digest.ts';

// Made by Python's mmh3 5.x: mmh3.hash_bytes(words as little-endian uint32, 42, x64arch=False), word i = (i + 1) * 2654435761.
const GOLDEN: Readonly<Record<number, string>> = {
  1: 'f08674b30a8a7f500a8a7f500a8a7f50',
  2: 'd627f6fc6575e2b46d1f571f6d1f571f',
  3: 'e36b7a34ac41bd5d71740a9229e46e38',
  4: 'e87d9cf649e88025bc2ecc5079fe671c',
  5: '443875d3a0565b79cf76d6342ddb454c',
  8: '375ee1b7cca402411775e20eebd7869e',
  16: 'afaa65f3714637fdebb6ee6e09e5b184',
};

function digestHex(words: Uint32Array, seed: number): string {
  const out = new Uint32Array(4);
  digestRows(words, { rows: 1, wordsPerRow: words.length, seed, out });
  return Buffer.from(out.buffer).toString('hex');
}

describe('digestRows', () => {
  for (const [count, hex] of Object.entries(GOLDEN)) {
    it(`equals the reference MurmurHash3_x86_128 on ${count} words`, () => {
      const words = Uint32Array.from({ length: Number(count) }, (_, i) => Math.imul(i + 1, 2654435761) >>> 0);
      expect(digestHex(words, 42)).toBe(hex);
    });
  }

  it('digests each row as if it stood alone', () => {
    const words = Uint32Array.from({ length: 6 }, (_, i) => i * 7919);
    const out = new Uint32Array(8);
    digestRows(words, { rows: 2, wordsPerRow: 3, seed: 1, out });
    expect(Buffer.from(out.buffer).toString('hex')).toBe(
      digestHex(words.slice(0, 3), 1) + digestHex(words.slice(3), 1),
    );
  });

  it('separates spans by their names', () => {
    const words = Uint32Array.of(1, 2);
    expect(digestHex(words, spanSeed('fc1'))).not.toBe(digestHex(words, spanSeed('fc2')));
    // FNV-1a of 'a', from the algorithm's published test vectors.
    expect(spanSeed('a')).toBe(0xe40c292c);
  });

  it('spreads digests evenly over partitions', () => {
    const rows = 8000;
    const out = new Uint32Array(rows * 4);
    digestRows(
      Uint32Array.from({ length: rows }, (_, i) => i),
      { rows, wordsPerRow: 1, seed: 0, out },
    );
    const counts = [0, 0, 0, 0, 0];
    for (let row = 0; row < rows; row++) counts[partitionOf(out[row * 4]!, 5)]!++;
    // Binomial(8000, 1/5) has standard deviation 36; six of them is a false alarm once in 5e8 runs.
    for (const count of counts) expect(Math.abs(count - 1600)).toBeLessThan(6 * 36);
  });
});
