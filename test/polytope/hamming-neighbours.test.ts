import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { hammingOneNeighbours } from '../../activities/polytope/hamming-neighbours.ts';

describe('hammingOneNeighbours', () => {
  it('counts codes across one bit', () => {
    // 000, 001, 011, 110: a chain of the first three, the last alone.
    const words = Uint32Array.of(0b000, 0b001, 0b011, 0b110);
    expect([...hammingOneNeighbours({ words, rows: 4, wordsPerRow: 1 }, 3)]).toEqual([1, 2, 1, 0]);
  });

  it('gives every corner of a cube its dimension', () => {
    const words = Uint32Array.from({ length: 64 }, (_, code) => code);
    expect(new Set(hammingOneNeighbours({ words, rows: 64, wordsPerRow: 1 }, 6))).toEqual(new Set([6]));
  });

  it('agrees with all pairs on codes of several words', () => {
    const random = randomStream(5);
    const base = Array.from({ length: 3 }, random.uint32);
    const codes = new Map<string, number[]>();
    for (let i = 0; i < 300; i++) {
      const code = base.map((word) => word >>> 0);
      for (let flips = random.below(3); flips > 0; flips--) {
        const bit = random.below(70);
        code[bit >> 5] = (code[bit >> 5]! ^ (1 << (bit & 31))) >>> 0;
      }
      codes.set(code.join(), code);
    }
    const rows = [...codes.values()];
    const words = Uint32Array.from(rows.flat());
    const ones = (x: number) => [...x.toString(2)].filter((bit) => bit === '1').length;
    const distance = (a: number[], b: number[]) =>
      a.reduce((sum, word, i) => sum + ones((word ^ b[i]!) >>> 0), 0);
    const expected = rows.map((a) => rows.filter((b) => distance(a, b) === 1).length);
    expect(Math.max(...expected)).toBeGreaterThan(1);
    // Bits are 0 to 95 here; 70 and above are equal in all codes.
    expect([...hammingOneNeighbours({ words, rows: rows.length, wordsPerRow: 3 }, 96)]).toEqual(expected);
  });

  it('refuses equal codes, which no region table has', () => {
    const words = Uint32Array.of(5, 1, 5);
    expect(() => hammingOneNeighbours({ words, rows: 3, wordsPerRow: 1 }, 3)).toThrow(
      'codes 0 and 2 are equal',
    );
  });
});
