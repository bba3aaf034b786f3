import { describe, expect, it } from 'vitest';
import { ratioInterval } from '../../activities/numeric/ratio-interval.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

function sumsOf(pairs: readonly (readonly [number, number])[]) {
  const sum = (of: (pair: readonly [number, number]) => number) =>
    pairs.reduce((total, pair) => total + of(pair), 0);
  return {
    clusters: pairs.length,
    a: sum(([a]) => a),
    b: sum(([, b]) => b),
    aa: sum(([a]) => a * a),
    ab: sum(([a, b]) => a * b),
    bb: sum(([, b]) => b * b),
  };
}

describe('ratioInterval', () => {
  it("is nearly Wilson's where every cluster is one trial", () => {
    const pairs = Array.from({ length: 10 }, (_, i) => [i < 8 ? 1 : 0, 1] as const);
    const { low, high } = ratioInterval(sumsOf(pairs))!;
    // Wilson's interval for 8 of 9 effective trials (10 less the one that the mean takes): by hand from its formula.
    const [p, n, z] = [0.8, 9, 1.959963984540054];
    const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
    const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    expect(low).toBeCloseTo(middle - half, 10);
    expect(high).toBeCloseTo(middle + half, 10);
  });

  it('does not shrink to a point where all clusters agree', () => {
    const { low, high } = ratioInterval(sumsOf(Array.from({ length: 20 }, () => [3, 3] as const)))!;
    expect(low).toBeCloseTo(20 / (20 + 1.959963984540054 ** 2), 10);
    expect(high).toBe(1);
  });

  it('has none without clusters', () => {
    expect(ratioInterval(sumsOf([]))).toBeNull();
  });

  // 400 intervals of 95 %: fewer than 365 hits has a chance below 1e-3 if the coverage is 95 %; the seed is fixed.
  it('covers the share of clusters of unequal size about 95 times in 100', () => {
    const random = randomStream(7, 1);
    let hits = 0;
    for (let trial = 0; trial < 400; trial++) {
      const pairs = Array.from({ length: 60 }, () => {
        const b = 2 + Math.floor(8 * random.uniform());
        const share = random.uniform() < 0.5 ? 0.9 : 0.5;
        const a = Array.from({ length: b }, () => (random.uniform() < share ? 1 : 0) as number).reduce(
          (x, y) => x + y,
          0,
        );
        return [a, b] as const;
      });
      const { low, high } = ratioInterval(sumsOf(pairs))!;
      if (low <= 0.7 && 0.7 <= high) hits++;
    }
    expect(hits).toBeGreaterThan(364);
    expect(hits).toBeLessThan(397);
  });
});
