// Entropy, purity and chance level against values worked out by hand or by enumeration.

import { describe, expect, test } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import {
  chancePurity,
  codeEntropy,
  labelSpread,
  RegionSizes,
} from '../../activities/polytope/region-stats.ts';

function sizesOf(counts: readonly number[]): RegionSizes {
  const sizes = new RegionSizes();
  for (const count of counts) sizes.add(count);
  return sizes;
}

describe('labelSpread', () => {
  test('gives entropy in bits and the share of the largest class', () => {
    expect(labelSpread(Int32Array.of(9, 2, 2, 4, 9), 1, 4)).toEqual({ entropyBits: 1.5, purity: 0.5 });
    expect(labelSpread(Int32Array.of(7), 0, 1)).toEqual({ entropyBits: 0, purity: 1 });
  });

  test('is null without labels', () => {
    expect(labelSpread(Int32Array.of(1), 0, 0)).toBeNull();
  });
});

describe('codeEntropy', () => {
  test('gives the hand-computed plug-in entropy and Miller-Madow correction', () => {
    // p = 1/2, 1/4, 1/8, 1/8 over 8 points: H = 1/2 + 2/4 + 3/8 + 3/8 = 1.75 bits; correction (4 - 1) / (2 *
    // 8 * ln 2).
    const entropy = codeEntropy(sizesOf([4, 2, 1, 1]))!;
    expect(entropy).toMatchObject({ points: 8, regions: 4, singletons: 2, occupancy: 0.5 });
    expect(entropy.bits).toBeCloseTo(1.75, 12);
    expect(entropy.correctedBits).toBeCloseTo(1.75 + 3 / (16 * Math.LN2), 12);
  });

  test('is zero for one code, log2 N for all different, and null without points', () => {
    expect(codeEntropy(sizesOf([1000]))).toMatchObject({ bits: 0, correctedBits: 0, regions: 1 });
    expect(codeEntropy(sizesOf(new Array<number>(1024).fill(1)))!.bits).toBeCloseTo(10, 12);
    expect(codeEntropy(new RegionSizes())).toBeNull();
  });

  test('does not depend on the order in which sizes were added or merged', () => {
    const [one, two] = [sizesOf([3, 1, 7, 1]), sizesOf([5, 3, 1])];
    one.merge(two);
    expect(codeEntropy(one)).toEqual(codeEntropy(sizesOf([1, 5, 3, 7, 3, 1, 1])));
  });
});

describe('chancePurity', () => {
  const uniform = () => {
    const random = randomStream(3, 1);
    return () => random.uniform();
  };

  test('agrees with full enumeration of label assignments', () => {
    // Labels 0,0,0,1,1,2 dealt to regions of 3 and 2 points, one left over: every order of the six labels is
    // equally likely.
    const labels = [0, 0, 0, 1, 1, 2];
    const pure = (dealt: readonly number[]) =>
      Math.max(...[0, 1, 2].map((id) => dealt.filter((label) => label === id).length));
    let sum = 0;
    let orders = 0;
    const deal = (left: readonly number[], taken: readonly number[]): void => {
      if (left.length === 1) {
        sum += pure(taken.slice(0, 3)) + pure(taken.slice(3, 5));
        orders++;
      }
      if (left.length === 1) return;
      for (const [i, label] of left.entries()) deal(left.toSpliced(i, 1), [...taken, label]);
    };
    deal(labels, []);
    const exact = sum / orders / 5;
    const rounds = 20_000;
    const found = chancePurity({
      regionLabels: Int32Array.of(3, 2),
      classTotals: Int32Array.of(3, 2, 1),
      uniform: uniform(),
      rounds,
    });
    // One round has a standard deviation below 0.2, so five of their mean are below 0.007 (false alarm below
    // 10^-6).
    expect(Math.abs(found! - exact)).toBeLessThan(0.007);
  });

  test('is one for a single class and null without labels', () => {
    expect(
      chancePurity({
        regionLabels: Int32Array.of(4, 2),
        classTotals: Int32Array.of(9),
        uniform: uniform(),
        rounds: 2,
      }),
    ).toBe(1);
    expect(
      chancePurity({
        regionLabels: Int32Array.of(),
        classTotals: Int32Array.of(9),
        uniform: uniform(),
        rounds: 2,
      }),
    ).toBeNull();
  });
});
