import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countUnits } from '../../activities/polytope/unit-counts.ts';

it('equals a count bit by bit, for any codes and classes', () => {
  const cases = fc.record({
    rows: fc.integer({ min: 0, max: 70 }),
    codeBits: fc.integer({ min: 1, max: 75 }),
    classes: fc.integer({ min: 1, max: 4 }),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(cases, ({ rows, codeBits, classes, seed }) => {
      const wordsPerRow = (codeBits + 31) >>> 5;
      let state = seed;
      const next = () => {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        return state >>> 8;
      };
      const words = new Uint32Array(rows * wordsPerRow);
      const classOf = Int32Array.from({ length: rows }, () => next() % classes);
      const expected = new Uint32Array(classes * codeBits);
      for (let row = 0; row < rows; row++) {
        for (let bit = 0; bit < codeBits; bit++) {
          if (next() % 3 !== 0) continue;
          words[row * wordsPerRow + (bit >>> 5)]! |= 1 << (bit & 31);
          expected[classOf[row]! * codeBits + bit]!++;
        }
      }
      expect(countUnits(words, classOf, { rows, wordsPerRow, codeBits, classes })).toEqual(expected);
    }),
  );
});
