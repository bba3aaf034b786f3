import { describe, expect, it } from 'vitest';
import { normalCdf } from '../../activities/numeric/normal-distribution.ts';
import { percentileInterval, quantileSorted, quantiles } from '../../activities/numeric/quantiles.ts';
import { GOLDEN, largestGap } from './statistics-golden.ts';

describe('quantiles', () => {
  it('agree with numpy', () => {
    const { values, shares, quantiles: expected } = GOLDEN.quantiles;
    expect(largestGap(quantiles(values, shares), expected)).toBeLessThan(1e-15);
  });

  it('refuse an empty sample and a share outside [0, 1]', () => {
    expect(() => quantileSorted([], 0.5)).toThrow(RangeError);
    expect(() => quantileSorted([1, 2], 1.01)).toThrow(RangeError);
  });
});

describe('percentileInterval', () => {
  const ramp = Float64Array.from({ length: 1001 }, (_, i) => 1000 - i);

  it('holds the middle share of the replicates', () => {
    const { low, high } = percentileInterval(ramp, 0.95)!;
    expect([low, high].map((end) => end.toFixed(9))).toEqual(['25.000000000', '975.000000000']);
  });

  it('leaves out undefined replicates while most are defined, and gives none otherwise', () => {
    const holes = (undefinedCount: number) =>
      ramp.map((value, i) => (i < undefinedCount ? Number.NaN : value));
    expect(percentileInterval(holes(500), 0.9)).not.toBeNull();
    expect(percentileInterval(holes(501), 0.9)).toBeNull();
    expect(percentileInterval(new Float64Array(0), 0.9)).toBeNull();
  });
});

describe('normalCdf', () => {
  it('agrees with scipy in the middle and, relative to their size, in both tails', () => {
    const { z, cdf } = GOLDEN.normal_cdf;
    const relative = z.map((value, i) => Math.abs(normalCdf(value) / cdf[i]! - 1));
    expect(Math.max(...relative)).toBeLessThan(2e-13);
  });

  it('is symmetric and reaches its limits', () => {
    for (const z of [0.1, 2.9, 3.1, 8]) expect(normalCdf(z) + normalCdf(-z)).toBeCloseTo(1, 15);
    expect([Number.NEGATIVE_INFINITY, -50, 50].map(normalCdf)).toEqual([0, 0, 1]);
  });
});
