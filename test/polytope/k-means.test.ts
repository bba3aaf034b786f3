import { describe, expect, it } from 'vitest';
import type { Observations } from '../../activities/numeric/matrix.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { bisectingKMeans, type KMeans, kMeans } from '../../activities/polytope/k-means.ts';
import { agreement } from '../../activities/polytope/agreement.ts';

const WAYS = [
  ['k-means', kMeans],
  ['bisecting k-means', bisectingKMeans],
] as const;

/** Six well-parted blobs of unequal size; row `i` belongs to blob `blobs[i]`. */
function blobs(): { x: Observations; blobs: Int32Array } {
  const random = randomStream(6);
  const of = Int32Array.from({ length: 240 }, () => Math.floor(Math.sqrt(random.below(36))));
  const values = Float32Array.from({ length: 240 * 4 }, (_, i) => {
    const blob = of[Math.floor(i / 4)]!;
    return 30 * Math.sin(1 + blob * 7.3 + (i % 4) * 2.1) + random.normal();
  });
  return { x: { values, rows: 240, cols: 4 }, blobs: of };
}

function squares({ values, cols }: Observations, row: number, { centres }: KMeans, centre: number): number {
  let sum = 0;
  for (let j = 0; j < cols; j++) sum += (values[row * cols + j]! - centres[centre * cols + j]!) ** 2;
  return sum;
}

describe.each(WAYS)('%s', (_, cluster) => {
  it('finds well-parted blobs', () => {
    const { x, blobs: planted } = blobs();
    const found = [1, 2, 3, 4, 5].map((seed) => cluster(x, { clusters: 6, seed }));
    const best = found.reduce((a, b) => (b.inertia < a.inertia ? b : a));
    expect(agreement(planted, best.labels).ari).toBeGreaterThan(0.99);
  });

  it('puts centres at the means of their rows and counts the squares to them', () => {
    const { x } = blobs();
    const found = cluster(x, { clusters: 9, seed: 2 });
    expect(new Set(found.labels).size).toBe(9);
    let inertia = 0;
    for (let centre = 0; centre < 9; centre++) {
      const own = [...found.labels.keys()].filter((row) => found.labels[row] === centre);
      for (let j = 0; j < 4; j++) {
        const mean = own.reduce((sum, row) => sum + x.values[row * 4 + j]!, 0) / own.length;
        expect(found.centres[centre * 4 + j]).toBeCloseTo(mean, 8);
      }
      inertia += own.reduce((sum, row) => sum + squares(x, row, found, centre), 0);
    }
    expect(found.inertia / inertia).toBeCloseTo(1, 10);
  });

  it('gives every point a cluster of its own where there are as many, also of equal points', () => {
    const x = { values: Float32Array.of(1, 1, 1, 5, 7), rows: 5, cols: 1 };
    expect([...cluster(x, { clusters: 5, seed: 1 }).labels].toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect(new Set(cluster(x, { clusters: 1, seed: 1 }).labels)).toEqual(new Set([0]));
    expect(() => cluster(x, { clusters: 6, seed: 1 })).toThrow(RangeError);
  });
});

describe('k-means', () => {
  it('gives every row its nearest centre', () => {
    const { x } = blobs();
    const found = kMeans(x, { clusters: 9, seed: 2 });
    for (let row = 0; row < x.rows; row++) {
      const own = squares(x, row, found, found.labels[row]!);
      for (let centre = 0; centre < 9; centre++)
        expect(own).toBeLessThanOrEqual(squares(x, row, found, centre) + 1e-9);
    }
  });

  it('finds the best split of a few points', () => {
    const values = Float32Array.of(0, 1, 4, 6, 9, 20, 21);
    const x = { values, rows: 7, cols: 1 };
    // Every split of seven points in two.
    let least = Number.POSITIVE_INFINITY;
    for (let split = 1; split < 64; split++) {
      const halves = [0, 1].map((half) => [...values].filter((_, i) => ((split >> i) & 1) === half));
      const cost = halves.reduce((sum, half) => {
        const mean = half.reduce((a, b) => a + b, 0) / half.length;
        return sum + half.reduce((a, b) => a + (b - mean) ** 2, 0);
      }, 0);
      least = Math.min(least, cost);
    }
    expect(kMeans(x, { clusters: 2, seed: 3 }).inertia).toBeCloseTo(least, 6);
  });
});
