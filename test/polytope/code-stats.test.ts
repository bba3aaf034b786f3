// Statistics of bits against hand-computed values and direct linear algebra.

import { describe, expect, test } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { codeDimension } from '../../activities/polytope/code-dimension.ts';
import { CodeSample, samplePoints } from '../../activities/polytope/code-sample.ts';
import type { SampledCodes } from '../../activities/polytope/code-sample.ts';
import { unitStats } from '../../activities/polytope/code-stats.ts';
import { pointHash } from '../../activities/polytope/point-hash.ts';
import type { CodeRows } from '../../activities/polytope/region-rows.ts';
import { UnitTable } from '../../activities/polytope/unit-table.ts';

const counts = (classId: number, rows: number, on: readonly number[], soft = Number.NaN) => ({
  tap: 0,
  classId,
  rows,
  on: Uint32Array.from(on),
  soft,
});

describe('unitStats', () => {
  // Two classes of 4 rows. Units: the class itself; never on; always on; independent of the class.
  const stats = unitStats([counts(0, 4, [0, 0, 4, 2]), counts(1, 4, [4, 0, 4, 2])])!;

  test('counts rates, dead and always-on units', () => {
    expect([...stats.rate]).toEqual([0.5, 0, 1, 0.5]);
    expect(stats).toMatchObject({ rows: 8, dead: 1, alwaysOn: 1, independentBits: 2, softFraction: null });
  });

  test('gives one bit of information to a unit that tells two classes apart, none to the others', () => {
    expect([...stats.labelBits!]).toEqual([1, 0, 0, 0]);
  });

  test('leaves unlabelled rows out of the information but not out of the rate', () => {
    const some = unitStats([counts(-1, 8, [8]), counts(0, 2, [2]), counts(1, 2, [0])])!;
    expect(some.rate[0]).toBeCloseTo(10 / 12, 12);
    expect(some.labelBits![0]).toBe(1);
    expect(unitStats([counts(-1, 8, [8])])!.labelBits).toBeNull();
  });

  test('agrees with the formula for a partly informative unit', () => {
    // p(on) = 3/8; given the classes 1/4 and 1/2: I = h(3/8) - (h(1/4) + h(1/2)) / 2.
    const h = (p: number) => -(p * Math.log2(p) + (1 - p) * Math.log2(1 - p));
    const [bits] = unitStats([counts(0, 4, [1]), counts(1, 4, [2])])!.labelBits!;
    expect(bits).toBeCloseTo(h(3 / 8) - (h(1 / 4) + h(1 / 2)) / 2, 12);
  });

  test('averages the soft count over rows and units', () => {
    expect(unitStats([counts(0, 4, [1, 1], 6), counts(1, 6, [1, 1], 0)])!.softFraction).toBe(6 / 20);
  });
});

describe('UnitTable', () => {
  test('sums in any order', () => {
    const parts = [counts(0, 4, [1, 2], 3), counts(1, 1, [1, 0], 0), counts(0, 2, [2, 2], 5)];
    const [one, two] = [new UnitTable(), new UnitTable()];
    for (const part of parts) one.add(part);
    for (const part of parts.toReversed()) two.add(part);
    expect(one.entries()).toEqual([counts(0, 6, [3, 4], 8), counts(1, 1, [1, 0], 0)]);
    expect(two.entries()).toEqual(one.entries());
  });
});

/** Bits as one word per row. */
function sampleOf(rows: readonly (readonly number[])[]): SampledCodes {
  const width = Math.ceil((rows[0]?.length ?? 0) / 32);
  const words = new Uint32Array(rows.length * width);
  rows.forEach((bits, row) => {
    bits.forEach((bit, j) => {
      if (bit === 1) words[row * width + (j >>> 5)]! |= 1 << (j & 31);
    });
  });
  return { rows: rows.length, pointId: Int32Array.from(rows.keys()), words };
}

describe('codeDimension', () => {
  test('gives the participation ratio of the covariance matrix', () => {
    const random = randomStream(11, 0);
    // Correlated bits with repeats of whole rows.
    const rows = Array.from({ length: 60 }, () => {
      const shared = random.uniform() < 0.5 ? 1 : 0;
      return Array.from({ length: 40 }, (_, j) => (j % 4 === 0 ? shared : random.uniform() < 0.3 ? 1 : 0));
    });
    rows.push(rows[0]!, rows[0]!, rows[1]!);
    const mean = (j: number) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length;
    let trace = 0;
    let squares = 0;
    for (let j = 0; j < 40; j++) {
      for (let k = 0; k < 40; k++) {
        const covariance =
          rows.reduce((sum, row) => sum + (row[j]! - mean(j)) * (row[k]! - mean(k)), 0) / rows.length;
        if (j === k) trace += covariance;
        squares += covariance ** 2;
      }
    }
    expect(codeDimension(sampleOf(rows)).participationRatio).toBeCloseTo(trace ** 2 / squares, 8);
  });

  test('is null where nothing varies', () => {
    expect(
      codeDimension(
        sampleOf([
          [1, 0],
          [1, 0],
        ]),
      ),
    ).toEqual({ participationRatio: null, twoNearest: null });
    expect(codeDimension({ rows: 0, pointId: new Int32Array(0), words: new Uint32Array(0) })).toEqual({
      participationRatio: null,
      twoNearest: null,
    });
  });

  test('spreads ties: four codes on the corners of a square', () => {
    // Every corner has two others at distance 1, counted as 1/2 + 1/3 and 1/2 + 2/3: ratio 7/5 in all four
    // rows.
    const { twoNearest } = codeDimension(
      sampleOf([
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ]),
    );
    expect(twoNearest).toBeCloseTo(3 / (4 * Math.log(7 / 5)), 12);
  });

  test('finds the dimension of a plane and of a four-dimensional ball through random hyperplanes', () => {
    for (const dimension of [2, 4]) {
      const random = randomStream(5, dimension);
      const planes = Array.from({ length: 1600 }, () =>
        Array.from({ length: dimension + 1 }, () => random.normal()),
      );
      const rows = Array.from({ length: 400 }, () => {
        const x = Array.from({ length: dimension }, () => 2 * random.uniform() - 1);
        return planes.map((plane) =>
          x.reduce((sum, value, i) => sum + value * plane[i]!, plane[dimension]!) > 0 ? 1 : 0,
        );
      });
      const { twoNearest } = codeDimension(sampleOf(rows));
      // The estimate of 400 points has a standard error of 5 %; the rest is the edge of the box and the grid
      // of bits.
      expect(Math.abs(twoNearest! / dimension - 1)).toBeLessThan(0.25);
    }
  });
});

describe('CodeSample', () => {
  const codes = (ids: readonly number[]): CodeRows => ({
    rows: ids.length,
    span: new Int16Array(ids.length),
    pointId: Int32Array.from(ids),
    label: new Int32Array(ids.length),
    digest: new Uint32Array(ids.length * 4),
    wordOffsets: Int32Array.from({ length: ids.length + 1 }, (_, i) => i * 4),
    words: new Uint8Array(Uint32Array.from(ids, (id) => id * 3).buffer),
  });
  const options = { spanWords: [1], spanPoints: [9000], seed: 9 };

  test('keeps the points with the smallest hashes, whatever the order and grouping', () => {
    const ids = Array.from({ length: 9000 }, (_, i) => i);
    const wanted = ids.toSorted((a, b) => pointHash(a, 9) - pointHash(b, 9)).slice(0, samplePoints(1));
    const whole = new CodeSample(options);
    whole.addCodes(codes(ids.toReversed()));
    expect([...whole.sampled(0).pointId]).toEqual(wanted);
    expect([...whole.sampled(0).words]).toEqual(wanted.map((id) => id * 3));
    const [odd, even] = [new CodeSample(options), new CodeSample(options)];
    odd.addCodes(codes(ids.filter((id) => id % 2 === 1)));
    even.addCodes(codes(ids.filter((id) => id % 2 === 0)));
    odd.addSample(0, even.sampled(0));
    expect(odd.sampled(0)).toEqual(whole.sampled(0));
  });

  test('keeps every point of a small run, and none where spans have no words', () => {
    const small = new CodeSample({ spanWords: [1, 0], spanPoints: [50, 50], seed: 1 });
    small.addCodes(codes(Array.from({ length: 50 }, (_, i) => i)));
    expect(small.sampled(0).rows).toBe(50);
    expect(small.sampled(1).rows).toBe(0);
  });
});
