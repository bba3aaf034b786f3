import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { excessSimilarity, setScores, unitEmbedding } from '../../activities/polytope/monosemanticity.ts';

const labels = { classOf: Int32Array.of(2, 2, 2, 0, 1, -1, 1, 1), classes: 3 };

describe('setScores', () => {
  // Oracle 15 of the specification.
  it('gives a perfect cluster purity 1 and one effective class', () => {
    expect(setScores([0, 1, 2], labels)).toEqual({
      size: 3,
      labelled: 3,
      purity: 1,
      topLabel: 2,
      entropyBits: 0,
      normalisedEntropy: 0,
      effectiveClasses: 1,
    });
  });

  it('agrees with the formulas for a mixed set, leaving members without a label out', () => {
    // Classes 2, 2, 0, 1: H = 1.5 bits of at most log2 3.
    const scores = setScores([0, 1, 3, 4, 5], labels)!;
    expect(scores).toMatchObject({ size: 5, labelled: 4, purity: 0.5, topLabel: 2 });
    expect(scores.entropyBits).toBeCloseTo(1.5, 12);
    expect(scores.normalisedEntropy).toBeCloseTo(1.5 / Math.log2(3), 12);
    expect(scores.effectiveClasses).toBeCloseTo(2 ** 1.5, 12);
  });

  it('is as mixed as can be with every member of another class, however few members', () => {
    expect(setScores([0, 3], labels)).toMatchObject({ normalisedEntropy: 1, topLabel: 0 });
  });

  it('has no score without a label, and entropy 0 for one member', () => {
    expect(setScores([5], labels)).toBeNull();
    expect(setScores([], labels)).toBeNull();
    expect(setScores([3], labels)).toMatchObject({ purity: 1, normalisedEntropy: 0 });
    expect(() => setScores([8], labels)).toThrow(RangeError);
    expect(() => setScores([0], { ...labels, classes: 2 })).toThrow(RangeError);
  });
});

describe('excessSimilarity', () => {
  const random = randomStream(50);
  const shape = { rows: 60, cols: 8 };
  const values = Float32Array.from({ length: 480 }, (_, i) => random.normal() + (i < 80 ? 3 : 0.3));
  const embedding = unitEmbedding(values, shape);

  it('is the mean cosine over pairs less that over all pairs', () => {
    const cosine = (a: number, b: number): number => {
      const [x, y] = [values.subarray(a * 8, a * 8 + 8), values.subarray(b * 8, b * 8 + 8)];
      const dot = (p: Float32Array, q: Float32Array) => p.reduce((sum, value, j) => sum + value * q[j]!, 0);
      return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
    };
    const meanOver = (points: readonly number[]): number => {
      const pairs = points.flatMap((a, i) => points.slice(i + 1).map((b) => cosine(a, b)));
      return pairs.reduce((sum, value) => sum + value, 0) / pairs.length;
    };
    const all = Array.from({ length: 60 }, (_, i) => i);
    const near = all.slice(0, 10);
    expect(embedding.meanSimilarity).toBeCloseTo(meanOver(all), 10);
    expect(excessSimilarity(near, embedding)).toBeCloseTo(meanOver(near) - meanOver(all), 10);
    expect(excessSimilarity(near, embedding)).toBeGreaterThan(0.3);
  });

  it('is 0 on average for random sets', () => {
    let sum = 0;
    for (let set = 0; set < 400; set++) {
      const members = new Set<number>();
      while (members.size < 5) members.add(random.below(60));
      sum += excessSimilarity([...members], embedding)!;
    }
    expect(Math.abs(sum / 400)).toBeLessThan(0.03);
  });

  it('needs two members, and takes a zero row as similar to nothing', () => {
    expect(excessSimilarity([1], embedding)).toBeNull();
    const withZero = unitEmbedding(Float32Array.of(1, 0, 0, 0, 1, 0), { rows: 3, cols: 2 });
    expect(withZero.meanSimilarity).toBeCloseTo(1 / 3, 12);
    expect(() => unitEmbedding(Float32Array.of(1), { rows: 1, cols: 1 })).toThrow(RangeError);
  });
});
