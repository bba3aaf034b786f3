import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox4x32, randomStream, shuffle } from '../../activities/numeric/rng.ts';

// Known answers of philox4x32-10 as published with the Random123 library.
const KNOWN = [
  { counter: [0, 0, 0, 0], key: [0, 0], words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

describe('philox4x32', () => {
  it.each(KNOWN)('gives the published words for key $key', ({ counter, key, words }) => {
    expect(philox4x32(counter, key)).toEqual(words);
  });
});

describe('randomStream', () => {
  it('repeats itself for the same seed and stream, and differs in any other', () => {
    const draw = (seed: number, ...stream: number[]) =>
      Array.from({ length: 9 }, randomStream(seed, ...stream).uint32);
    expect(draw(5, 1, 2, 3, 4)).toEqual(draw(5, 1, 2, 3, 4));
    const others = [
      draw(6, 1, 2, 3, 4),
      draw(5, 2, 2, 3, 4),
      draw(5, 1, 3, 3, 4),
      draw(5, 1, 2, 4, 4),
      draw(5, 1, 2, 3, 5),
    ];
    for (const other of others) expect(other).not.toEqual(draw(5, 1, 2, 3, 4));
  });

  it('draws uniforms and normals with the right moments', () => {
    const random = randomStream(1);
    const count = 40_000;
    const uniforms = Array.from({ length: count }, random.uniform);
    const normals = Array.from({ length: count }, random.normal);
    const mean = (values: number[], power: number) => values.reduce((sum, v) => sum + v ** power, 0) / count;
    expect(Math.min(...uniforms)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...uniforms)).toBeLessThan(1);
    expect(mean(uniforms, 1)).toBeCloseTo(1 / 2, 1.9);
    expect(mean(uniforms, 2)).toBeCloseTo(1 / 3, 1.9);
    expect(Math.abs(mean(normals, 1))).toBeLessThan(0.02);
    expect(Math.abs(mean(normals, 2) - 1)).toBeLessThan(0.03);
    expect(Math.abs(mean(normals, 4) - 3)).toBeLessThan(0.3);
  });

  it('keeps integers below their bound and reaches each', () => {
    const random = randomStream(2, 7);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6000; i++) {
      const drawn = random.below(6);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    expect(counts).toHaveLength(6);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('refuses names that it could not tell apart', () => {
    expect(() => randomStream(0, 1, 2, 3, 4, 5)).toThrow(RangeError);
    expect(() => randomStream(-1)).toThrow(RangeError);
    expect(() => randomStream(0, 0.5)).toThrow(RangeError);
  });
});

describe('shuffle', () => {
  it('permutes: the same entries, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 60 }), fc.nat(), (values, seed) => {
        const shuffled = shuffle([...values], randomStream(seed));
        expect([...shuffled].sort((a, b) => a - b)).toEqual([...values].sort((a, b) => a - b));
      }),
    );
  });

  it('puts every entry everywhere about equally often', () => {
    const counts = new Float64Array(16);
    for (let seed = 0; seed < 4000; seed++) {
      const [first = 0, second = 0] = shuffle([0, 1, 2, 3], randomStream(seed));
      counts[first * 4 + second] = (counts[first * 4 + second] ?? 0) + 1;
    }
    for (const [pair, count] of counts.entries()) {
      if (pair >> 2 === (pair & 3)) expect(count).toBe(0);
      else expect(Math.abs(count - 4000 / 12)).toBeLessThan(90);
    }
  });
});
