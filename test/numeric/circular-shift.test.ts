import { describe, expect, it } from 'vitest';
import {
  bootstrapNearRatio,
  circularShiftTest,
  swappedMarksTest,
} from '../../activities/numeric/circular-shift.ts';
import type { DensityLeg } from '../../activities/numeric/circular-shift.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

const flat = (marks: readonly number[], bins = 64): DensityLeg => ({
  density: new Float64Array(bins).fill(3),
  marks,
});

/** Noisy legs with a bump of the given height around each mark. */
function legs(count: number, height: number, seed = 0): DensityLeg[] {
  const random = randomStream(100, seed);
  return Array.from({ length: count }, () => {
    const mark = random.uniform();
    const density = Float64Array.from({ length: 64 }, (_, bin) => {
      const isNear = Math.abs((bin + 0.5) / 64 - mark) < 0.05;
      return 1 + random.uniform() + (isNear ? height : 0);
    });
    return { density, marks: [mark] };
  });
}

describe('circularShiftTest', () => {
  it('cuts bins exactly and does not count overlapping windows twice', () => {
    // Ten bins with density 0 .. 9; windows [0.27, 0.37], [0.33, 0.43] and, cut at the end, [0.94, 1].
    const leg = { density: Float64Array.from({ length: 10 }, (_, i) => i), marks: [0.38, 0.99, 0.32] };
    const found = circularShiftTest([leg], { seed: 1, shifts: 10 })!;
    const near = 0.03 * 2 + 0.1 * 3 + 0.03 * 4 + 0.06 * 9;
    expect(found.near).toBeCloseTo(near / 0.22, 12);
    expect(found.elsewhere).toBeCloseTo((4.5 - near) / 0.78, 12);
    expect(found.ratio).toBeCloseTo(found.near / found.elsewhere, 12);
  });

  it('leaves out legs without a mark, whatever their density', () => {
    const quiet = { density: new Float64Array(64).fill(1000), marks: [] };
    const found = circularShiftTest([flat([0.5]), quiet], { seed: 1, shifts: 20 })!;
    expect(found).toMatchObject({ legs: 1 });
    expect(found.ratio).toBeCloseTo(1, 12);
  });

  it('finds a bump at marks and calls no bump chance', () => {
    const bump = circularShiftTest(legs(40, 1.5), { seed: 2 })!;
    expect(bump.pValue).toBeLessThan(0.005);
    expect(bump.ratio).toBeGreaterThan(1.5);
    expect(Math.abs(bump.nullRatio - 1)).toBeLessThan(0.05);
  });

  it('has uniform p-values without an effect', () => {
    let small = 0;
    for (let run = 0; run < 200; run++) {
      if (circularShiftTest(legs(10, 0, run), { seed: run, shifts: 99 })!.pValue <= 0.1) small++;
    }
    // 20 expected, deviation 4.2.
    expect(small).toBeGreaterThan(6);
    expect(small).toBeLessThan(34);
  });

  it('is null where the ratio is undefined', () => {
    expect(circularShiftTest([], { seed: 1 })).toBeNull();
    expect(circularShiftTest([flat([])], { seed: 1 })).toBeNull();
    expect(circularShiftTest([{ density: new Float64Array(8), marks: [0.5] }], { seed: 1 })).toBeNull();
  });
});

describe('swappedMarksTest', () => {
  /** Legs with marks in the middle third, and a bump there: at each mark, or in the same place on every leg. */
  function peaked(where: 'at the mark' | 'in the middle', seed: number): DensityLeg[] {
    const random = randomStream(101, seed);
    return Array.from({ length: 40 }, () => {
      const mark = 1 / 3 + random.uniform() / 3;
      const peak = where === 'at the mark' ? mark : 0.5;
      const density = Float64Array.from({ length: 64 }, (_, bin) => {
        const distance = Math.abs((bin + 0.5) / 64 - peak);
        return (
          1 +
          0.5 * random.uniform() +
          2 * Math.exp(-((distance / (where === 'at the mark' ? 0.05 : 0.2)) ** 2))
        );
      });
      return { density, marks: [mark] };
    });
  }

  it('tells a bump at the marks from one at the place where marks often are', () => {
    const own = peaked('at the mark', 1);
    expect(circularShiftTest(own, { seed: 1, shifts: 199 })!.pValue).toBe(1 / 200);
    expect(swappedMarksTest(own, { seed: 1, shifts: 199 })!.pValue).toBe(1 / 200);
    const place = peaked('in the middle', 1);
    expect(circularShiftTest(place, { seed: 1, shifts: 199 })!.pValue).toBe(1 / 200);
    const swapped = swappedMarksTest(place, { seed: 1, shifts: 199 })!;
    expect(swapped.pValue).toBeGreaterThan(0.05);
    expect(swapped.nullRatio).toBeCloseTo(swapped.ratio, 1);
  });

  it('has uniform p-values where the density depends on the place alone', () => {
    let small = 0;
    for (let run = 0; run < 200; run++) {
      if (swappedMarksTest(peaked('in the middle', run), { seed: run, shifts: 99 })!.pValue <= 0.1) small++;
    }
    // 20 expected, deviation 4.2.
    expect(small).toBeGreaterThan(6);
    expect(small).toBeLessThan(34);
  });

  it('is null where there is nothing to swap', () => {
    expect(swappedMarksTest([flat([0.5]), flat([])], { seed: 1 })).toBeNull();
    expect(swappedMarksTest([flat([]), flat([])], { seed: 1 })).toBeNull();
  });
});

describe('bootstrapNearRatio', () => {
  it('has the same value as the test, and spread between chains', () => {
    const sample = [...legs(20, 1), flat([])];
    const unitOf = Int32Array.from(sample, (_, i) => i % 7);
    const found = bootstrapNearRatio(sample, { seed: 1, replicates: 200, units: 7, unitOf })!;
    expect(found.value).toBeCloseTo(circularShiftTest(sample, { seed: 1, shifts: 1 })!.ratio, 12);
    expect(Math.min(...found.replicates)).toBeLessThan(found.value);
    expect(Math.max(...found.replicates)).toBeGreaterThan(found.value);
  });

  it('is null without a mark', () => {
    expect(bootstrapNearRatio([flat([])], { seed: 1 })).toBeNull();
  });
});
