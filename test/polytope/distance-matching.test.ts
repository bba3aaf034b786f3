import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchPairs } from '../../activities/polytope/distance-matching.ts';

const relative = (value: number, wanted: number) => Math.abs(value - wanted) / wanted;

describe('matchPairs', () => {
  it('takes the nearest free pair within the tolerance and counts those without one', () => {
    const intra = { distance: Float64Array.of(1, 2, 3) };
    const inter = { distance: Float64Array.of(2.03, 1.005, 1.01, 9) };
    const found = matchPairs(intra, inter, { seed: 1 });
    expect([...found.intra]).toEqual([0, 1]);
    expect([...found.inter]).toEqual([1, 0]);
    expect(found).toMatchObject({ matched: 2, unmatched: 1 });
    expect(found.meanGap).toBeCloseTo((0.005 + 0.015) / 2, 12);
  });

  it('never uses a pair twice, keeps the tolerance, and leaves no possible match undone', () => {
    const distances = fc.array(fc.double({ min: 1, max: 1.5, noNaN: true }), { maxLength: 40 });
    fc.assert(
      fc.property(distances, distances, fc.nat(1000), (own, other, seed) => {
        const found = matchPairs(
          { distance: Float64Array.from(own) },
          { distance: Float64Array.from(other) },
          { seed, tolerance: 0.05 },
        );
        expect(new Set(found.inter).size).toBe(found.matched);
        expect(new Set(found.intra).size).toBe(found.matched);
        expect(found.matched + found.unmatched).toBe(own.length);
        found.intra.forEach((pair, i) => {
          expect(relative(other[found.inter[i]!]!, own[pair]!)).toBeLessThanOrEqual(0.05);
        });
        const free = other.filter((_, pair) => !found.inter.includes(pair));
        const alone = own.filter((_, pair) => !found.intra.includes(pair));
        for (const distance of alone) {
          for (const candidate of free) expect(relative(candidate, distance)).toBeGreaterThan(0.05);
        }
      }),
    );
  });

  it('matches both norms too, whichever end is the longer', () => {
    const intra = { distance: Float64Array.of(1), norms: Float64Array.of(2, 5) };
    const inter = {
      distance: Float64Array.of(1, 1.01, 1.015),
      norms: Float64Array.of(2, 6, 5.05, 2.02, 2, 5),
    };
    const found = matchPairs(intra, inter, { seed: 0 });
    expect([...found.inter]).toEqual([1]);
    expect(found.meanGap).toBeCloseTo(0.01, 12);
    expect(matchPairs(intra, inter, { seed: 0, tolerance: 0.005 })).toMatchObject({
      matched: 0,
      unmatched: 1,
    });
    expect(() => matchPairs(intra, { distance: Float64Array.of(1) }, { seed: 0 })).toThrow(RangeError);
  });

  it('has no mean gap without a match', () => {
    const none = { distance: new Float64Array(0) };
    expect(matchPairs({ distance: Float64Array.of(1) }, none, { seed: 1 }).meanGap).toBeNaN();
    expect(matchPairs(none, none, { seed: 1 })).toMatchObject({ matched: 0, unmatched: 0 });
  });
});
