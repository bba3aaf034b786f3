// Oracle 15 of the specification: intervals cover, and tests of nothing find nothing.

import { describe, expect, it } from 'vitest';
import {
  bootstrap,
  bootstrapMean,
  bootstrapMeanDifference,
  bootstrapPValue,
  bootstrapRatioOfSums,
  drawUnits,
} from '../../activities/numeric/bootstrap.ts';
import { bootstrapPairs } from '../../activities/numeric/pair-bootstrap.ts';
import type { PairSample } from '../../activities/numeric/pair-bootstrap.ts';
import { percentileInterval } from '../../activities/numeric/quantiles.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { pairSample } from './pair-sample.ts';

const covers = (replicates: Float64Array, truth: number, level = 0.95): boolean => {
  const { low, high } = percentileInterval(replicates, level)!;
  return low <= truth && truth <= high;
};

describe('bootstrap', () => {
  it('has the statistic of the sample as its value and draws as many units as there are', () => {
    const totals: number[] = [];
    const found = bootstrap(
      7,
      (multiplicity) => {
        totals.push(multiplicity.reduce((sum, n) => sum + n, 0));
        return multiplicity[0]!;
      },
      { seed: 3, replicates: 5 },
    );
    expect(found.value).toBe(1);
    expect(totals).toEqual([7, 7, 7, 7, 7, 7]);
  });

  it('repeats itself for seed, stream and replicate', () => {
    const drawn = (seed: number, stream: number, replicate: number) => {
      const multiplicity = new Int32Array(50);
      drawUnits(multiplicity, seed, stream, replicate);
      return [...multiplicity];
    };
    expect(drawn(1, 2, 3)).toEqual(drawn(1, 2, 3));
    for (const other of [drawn(2, 2, 3), drawn(1, 3, 3), drawn(1, 2, 4)])
      expect(other).not.toEqual(drawn(1, 2, 3));
  });

  it('spreads a mean by its standard error', () => {
    const random = randomStream(5);
    const values = Float64Array.from({ length: 400 }, random.normal);
    const { replicates, value } = bootstrapMean(values, { seed: 1 });
    const spread = Math.sqrt(replicates.reduce((sum, r) => sum + (r - value) ** 2, 0) / replicates.length);
    expect(replicates).toHaveLength(2000);
    // Standard error 0.05, known to 1/sqrt(4000) of itself, and the sample's own deviation to 1/sqrt(800).
    expect(Math.abs(spread / 0.05 - 1)).toBeLessThan(0.15);
  });

  it('resamples what values share: a mean of repeats is no surer than of one each', () => {
    const random = randomStream(6);
    const values = Float64Array.from({ length: 60 }, random.normal);
    const tenfold = Float64Array.from({ length: 600 }, (_, i) => values[Math.floor(i / 10)]!);
    const unitOf = Int32Array.from(tenfold, (_, i) => Math.floor(i / 10));
    const once = bootstrapMean(values, { seed: 2, replicates: 100 });
    const often = bootstrapMean(tenfold, { seed: 2, replicates: 100, units: 60, unitOf });
    often.replicates.forEach((value, i) => {
      expect(value).toBeCloseTo(once.replicates[i]!, 12);
    });
  });

  it('keeps pairs together and divides sums, not ratios', () => {
    const difference = bootstrapMeanDifference([3, 5, 9], [2, 4, 8], { seed: 1, replicates: 10 });
    expect([...difference.replicates]).toEqual(new Array(10).fill(1));
    expect(bootstrapRatioOfSums([1, 5], [1, 2], { seed: 1, replicates: 1 }).value).toBe(2);
    expect(() => bootstrapMeanDifference([1], [1, 2], { seed: 1 })).toThrow(RangeError);
    expect(() => bootstrapMean([1, 2], { seed: 1, units: 1, unitOf: Int32Array.of(0, 1) })).toThrow(
      RangeError,
    );
  });

  it('covers a planted mean difference in about 95 % of 200 simulations', () => {
    let covered = 0;
    for (let simulation = 0; simulation < 200; simulation++) {
      const random = randomStream(77, simulation);
      const base = Array.from({ length: 80 }, random.normal);
      const higher = base.map((value) => value + 0.4 + 0.5 * random.normal());
      const options = { seed: simulation, replicates: 500 };
      if (covers(bootstrapMeanDifference(higher, base, options).replicates, 0.4)) covered++;
    }
    // 190 expected, deviation 3.1: outside three deviations once in 370 seeds.
    expect(covered).toBeGreaterThanOrEqual(181);
    expect(covered).toBeLessThanOrEqual(199);
  });
});

describe('bootstrapPValue', () => {
  it('is twice the smaller side, with the sample counted', () => {
    const replicates = Float64Array.from({ length: 99 }, (_, i) => i - 3);
    expect(bootstrapPValue(replicates, -0.5)).toBeCloseTo((2 * 4) / 100, 12);
    expect(bootstrapPValue(replicates, -10)).toBeCloseTo(2 / 100, 12);
    expect(bootstrapPValue(Float64Array.of(1, Number.NaN, 1), 0)).toBeCloseTo(2 / 3, 12);
    expect(bootstrapPValue(Float64Array.of(0, 0), 0)).toBe(1);
  });
});

describe('bootstrapPairs', () => {
  it('weighs a pair by how often both ends were drawn', () => {
    const sample: PairSample = {
      units: 4,
      ends: Int32Array.of(0, 1, 2, 3, 0, 2, 1, 3),
      values: Float64Array.of(1, 2, 30, 40),
      groups: Uint8Array.of(1, 1, 0, 0),
    };
    const found = bootstrapPairs(sample, { seed: 4, replicates: 6 });
    expect([found.meanA, found.meanB, found.difference, found.ratio].map(({ value }) => value)).toEqual([
      35,
      1.5,
      33.5,
      35 / 1.5,
    ]);
    const m = new Int32Array(4);
    found.difference.replicates.forEach((difference, replicate) => {
      drawUnits(m, 4, 0, replicate);
      const [a, b, c, d] = [m[0]! * m[2]!, m[1]! * m[3]!, m[0]! * m[1]!, m[2]! * m[3]!];
      expect(difference).toBe((30 * a + 40 * b) / (a + b) - (c + 2 * d) / (c + d));
    });
  });

  it('gives no ratio over a mean of zero and refuses ends that are no units', () => {
    const sample = {
      units: 2,
      ends: Int32Array.of(0, 1, 0, 1),
      values: Float64Array.of(1, 0),
      groups: Uint8Array.of(0, 1),
    };
    expect(bootstrapPairs(sample, { seed: 1, replicates: 1 }).ratio.value).toBeNaN();
    expect(() => bootstrapPairs({ ...sample, units: 1 }, { seed: 1 })).toThrow(RangeError);
    expect(() => bootstrapPairs({ ...sample, groups: Uint8Array.of(1) }, { seed: 1 })).toThrow(RangeError);
  });

  it('covers a planted difference in about 95 % of 200 simulations where images differ', () => {
    let covered = 0;
    for (let simulation = 0; simulation < 200; simulation++) {
      const sample = pairSample(simulation, { effect: 0.5, noise: 0.2 });
      const { difference } = bootstrapPairs(sample, { seed: simulation, replicates: 400 });
      if (covers(difference.replicates, 0.5)) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(181);
    expect(covered).toBeLessThanOrEqual(199);
  });

  it('is wide rather than narrow where only pairs differ', () => {
    let covered = 0;
    for (let simulation = 0; simulation < 100; simulation++) {
      const random = randomStream(31, simulation);
      const sample = pairSample(simulation, { effect: 0, noise: 0 });
      const values = sample.values.map(() => random.normal());
      const { difference } = bootstrapPairs({ ...sample, values }, { seed: simulation, replicates: 200 });
      if (covers(difference.replicates, 0)) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(97);
  });
});
