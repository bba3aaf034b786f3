import { describe, expect, it } from 'vitest';
import { columnMeans } from '../../activities/numeric/matrix.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import {
  bestAlignedNeuron,
  centroidDirection,
  euclideanBall,
  hammingBall,
  projectionsOnto,
  randomDirection,
  rangeSets,
  topOfDirection,
} from '../../activities/polytope/fair-baselines.ts';

// Four points at the corners of a rectangle and one far along the second axis.
const x = { values: Float32Array.of(0, 0, 2, 0, 0, 1, 2, 1, 0, 9), rows: 5, cols: 2 };

describe('topOfDirection', () => {
  it('takes the furthest, the lower number of equals first', () => {
    const along = projectionsOnto(x, [0, 1]);
    expect([...along]).toEqual([0, 0, 1, 1, 9]);
    expect([...topOfDirection(along, 4)]).toEqual([4, 2, 3, 0]);
    expect([...topOfDirection(along, 9)]).toEqual([4, 2, 3, 0, 1]);
  });

  it('takes the same points however many are asked for', () => {
    const random = randomStream(3);
    // Values that repeat, both zeros among them.
    const values = Float64Array.from({ length: 300 }, (_, i) => (i % 50 === 0 ? -0 : random.below(40) - 20));
    const all = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
    for (let k = 0; k <= 300; k += k < 50 ? 1 : 25)
      expect([...topOfDirection(values, k)]).toEqual(all.slice(0, k));
  });
});

describe('centroidDirection and bestAlignedNeuron', () => {
  it('point from the mean of all to the mean of the members, along the neuron that gains most', () => {
    // Mean of all (0.8, 2.2); of points 1 and 3 (2, 0.5).
    const direction = centroidDirection(x, [1, 3], columnMeans(x))!;
    const length = Math.hypot(1.2, -1.7);
    expect(direction[0]).toBeCloseTo(1.2 / length, 6);
    expect(direction[1]).toBeCloseTo(-1.7 / length, 6);
    const { neuron, cosine } = bestAlignedNeuron(direction);
    expect(neuron).toBe(0);
    expect(cosine).toBeCloseTo(1.2 / length, 6);
  });

  it('have no direction for a cluster at the mean', () => {
    const still = { values: Float32Array.of(1, 1, 1, 1), rows: 2, cols: 2 };
    expect(centroidDirection(still, [0], columnMeans(still))).toBeNull();
  });
});

describe('randomDirection', () => {
  it('has unit length and no preferred side', () => {
    const random = randomStream(1);
    const mean = new Float64Array(3);
    for (let i = 0; i < 900; i++) {
      const direction = randomDirection(3, random);
      expect(Math.hypot(...direction)).toBeCloseTo(1, 12);
      direction.forEach((value, j) => {
        mean[j]! += value / 900;
      });
    }
    for (const value of mean) expect(Math.abs(value)).toBeLessThan(0.08);
  });
});

describe('balls', () => {
  it('take the nearest of a point, itself first', () => {
    expect([...euclideanBall(x, 3, 3)]).toEqual([3, 1, 2]);
  });

  it('put a point before its duplicates', () => {
    const twins = { values: Float32Array.of(1, 1, 5), rows: 3, cols: 1 };
    expect([...euclideanBall(twins, 1, 2)]).toEqual([1, 0]);
    const codes = { words: Uint32Array.of(0b1011, 0b1011, 0b0100, 0b1111), rows: 4, wordsPerRow: 1 };
    expect([...hammingBall(codes, 1, 4)]).toEqual([1, 0, 3, 2]);
  });
});

describe('rangeSets', () => {
  const projections = Float64Array.from({ length: 1000 }, (_, i) => (i * 7) % 1000);

  it('draw from the middle, the upper part and the top', () => {
    const sets = rangeSets(projections, 20, randomStream(2));
    expect(sets.map(({ from, to }) => [from, to])).toEqual([
      [0.5, 0.6],
      [0.8, 0.9],
      [0.99, 1],
    ]);
    expect(sets.map(({ members }) => members.length)).toEqual([20, 20, 10]);
    for (const { from, to, members } of sets) {
      expect(new Set(members).size).toBe(members.length);
      for (const member of members) {
        expect(projections[member]).toBeGreaterThanOrEqual(from * 1000);
        expect(projections[member]).toBeLessThan(to * 1000);
      }
    }
  });

  it('give an empty set where a range holds no point', () => {
    expect(rangeSets([1, 2, 3], 2, randomStream(1)).map(({ members }) => members.length)).toEqual([0, 1, 0]);
  });
});
