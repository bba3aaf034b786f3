// Tests that use ranks: Wilcoxon, Spearman, Holm, permutation p-values.

import { describe, expect, it } from 'vitest';
import { holmAdjust } from '../../activities/numeric/holm.ts';
import { permutationPValue } from '../../activities/numeric/permutation.ts';
import { percentileInterval } from '../../activities/numeric/quantiles.ts';
import { bootstrapSpearmanDifference, spearman } from '../../activities/numeric/rank-correlation.ts';
import { averageRanks } from '../../activities/numeric/ranks.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { signedRankTest } from '../../activities/numeric/wilcoxon.ts';
import { GOLDEN } from './statistics-golden.ts';

describe('averageRanks', () => {
  it('gives equal values the mean of their places', () => {
    const { ranks, tieTerm } = averageRanks([3, 1, 3, 2, 3]);
    expect([...ranks]).toEqual([4, 1, 4, 2, 4]);
    expect(tieTerm).toBe(24);
  });
});

describe('signedRankTest', () => {
  it.each(GOLDEN.wilcoxon)('agrees with scipy: $name', ({ differences, method, statistic, p }) => {
    const test = signedRankTest(differences);
    expect(test.method).toBe(method);
    expect(Math.min(test.positiveSum, test.negativeSum)).toBe(statistic);
    expect(Math.abs(test.pValue / p - 1)).toBeLessThan(1e-11);
  });

  it('finds nothing where every difference is zero, and refuses one that is not finite', () => {
    expect(signedRankTest([0, 0, 0])).toMatchObject({ n: 0, pValue: 1 });
    expect(() => signedRankTest([1, Number.NaN])).toThrow(RangeError);
  });

  it('does not depend on which side is called positive', () => {
    const values = [0.3, -1.2, 2.5, 0.7, -0.1, 4];
    expect(signedRankTest(values.map((v) => -v)).pValue).toBe(signedRankTest(values).pValue);
  });
});

describe('spearman', () => {
  it.each(GOLDEN.spearman)('agrees with scipy: $name', ({ x, y, rho }) => {
    expect(spearman(x, y)).toBeCloseTo(rho, 12);
  });

  it('is null where a side is constant', () => {
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(() => spearman([1], [1, 2])).toThrow(RangeError);
  });
});

describe('bootstrapSpearmanDifference', () => {
  const random = randomStream(3);
  const target = Array.from({ length: 300 }, random.normal);
  const good = target.map((value) => Math.round(4 * (value + 0.5 * random.normal())));
  const poor = target.map((value) => value + 2 * random.normal());

  it('has the difference of both correlations as its value, and an interval above 0 for a better one', () => {
    const found = bootstrapSpearmanDifference(
      { target, first: good, second: poor },
      { seed: 1, replicates: 400 },
    );
    expect(found.value).toBeCloseTo(spearman(good, target)! - spearman(poor, target)!, 12);
    expect(percentileInterval(found.replicates, 0.95)!.low).toBeGreaterThan(0.2);
  });

  it('ranks anew in every resample: equal predictors never differ', () => {
    const same = bootstrapSpearmanDifference(
      { target, first: good, second: good },
      { seed: 1, replicates: 50 },
    );
    expect([...same.replicates].every((value) => value === 0)).toBe(true);
  });

  it('equals Spearman of the written-out resample', () => {
    const short = { target: target.slice(0, 12), first: good.slice(0, 12), second: poor.slice(0, 12) };
    const { replicates } = bootstrapSpearmanDifference(short, { seed: 9, stream: 2, replicates: 3 });
    const drawn = randomStream(9, 2, 1);
    const cases = Array.from({ length: 12 }, () => drawn.below(12));
    const pick = (values: readonly number[]) => cases.map((i) => values[i]!);
    const rho = (values: readonly number[]) => spearman(pick(values), pick(short.target))!;
    expect(replicates[1]).toBeCloseTo(rho(short.first) - rho(short.second), 12);
  });

  it('resamples what cases share', () => {
    const unitOf = Int32Array.from(target, (_, i) => Math.floor(i / 3));
    const by = bootstrapSpearmanDifference(
      { target, first: good, second: poor },
      { seed: 1, replicates: 20, unitOf, units: 100 },
    );
    const cases = bootstrapSpearmanDifference(
      { target, first: good, second: poor },
      { seed: 1, replicates: 20 },
    );
    expect(by.value).toBe(cases.value);
    expect([...by.replicates]).not.toEqual([...cases.replicates]);
  });
});

describe('holmAdjust', () => {
  it('multiplies by the tests that are left, and never falls', () => {
    // Sorted 0.01, 0.02, 0.03, 0.5: times 4, 3, 2, 1 gives 0.04, 0.06, 0.06, 0.5.
    const adjusted = [...holmAdjust([0.03, 0.5, 0.01, 0.02])];
    [0.06, 0.5, 0.04, 0.06].forEach((p, i) => {
      expect(adjusted[i]).toBeCloseTo(p, 14);
    });
  });

  it('gives equal p-values equal answers, at most 1', () => {
    expect([...holmAdjust([0.4, 0.4, 0.4])]).toEqual([1, 1, 1]);
    expect([...holmAdjust([])]).toEqual([]);
  });

  it('refuses what is no p-value', () => {
    expect(() => holmAdjust([0.2, Number.NaN])).toThrow(RangeError);
    expect(() => holmAdjust([1.2])).toThrow(RangeError);
  });
});

describe('permutationPValue', () => {
  const nullValues = [1, 2, 3, 4];

  it('counts the sample itself', () => {
    expect(permutationPValue(9, nullValues, 'greater')).toBe(1 / 5);
    expect(permutationPValue(9, nullValues, 'two-sided')).toBe(2 / 5);
    expect(permutationPValue(9, nullValues, 'less')).toBe(1);
  });

  it('counts ties and undefined values as extreme', () => {
    expect(permutationPValue(3, nullValues, 'greater')).toBe(3 / 5);
    expect(permutationPValue(3, nullValues, 'less')).toBe(4 / 5);
    expect(permutationPValue(3, [1, Number.NaN], 'greater')).toBe(2 / 3);
  });
});
