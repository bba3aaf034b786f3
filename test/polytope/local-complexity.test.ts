// Oracle for the first layer: a hyperplane w x + b = 0 passes the cross-polytope of radius r around p exactly where
// |w p + b| < r max |w v| over the directions v.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import {
  crossingUnits,
  crossPolytope,
  orthonormalDirections,
} from '../../activities/polytope/local-complexity.ts';

const SIZE = 7;
const basis = orthonormalDirections(SIZE, { directions: 4, seed: 1, stream: 2 });
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);
const rowOf = (all: Float64Array, row: number) => all.subarray(row * SIZE, (row + 1) * SIZE);

describe('orthonormalDirections', () => {
  it('are orthonormal, and the same for the same seed', () => {
    for (let a = 0; a < 4; a++)
      for (let b = 0; b < 4; b++)
        expect(dot(rowOf(basis, a), rowOf(basis, b))).toBeCloseTo(a === b ? 1 : 0, 14);
    expect(orthonormalDirections(SIZE, { directions: 4, seed: 1, stream: 2 })).toEqual(basis);
    expect(orthonormalDirections(SIZE, { directions: 4, seed: 2, stream: 2 })).not.toEqual(basis);
  });

  it('are at most as many as the space has dimensions', () => {
    expect(orthonormalDirections(3, { directions: 25, seed: 0, stream: 0 }).length).toBe(9);
  });
});

describe('local complexity', () => {
  it('has vertices at the radius in both senses of every direction, and not the point itself', () => {
    const point = Float64Array.from({ length: SIZE }, (_, i) => i);
    const vertices = crossPolytope(point, basis, 0.5);
    expect(vertices.length).toBe(8 * SIZE);
    for (let vertex = 0; vertex < 8; vertex++) {
      const step = Array.from(vertices.subarray(vertex * SIZE, (vertex + 1) * SIZE), (x, i) => x - point[i]!);
      const along = dot(step, rowOf(basis, vertex >> 1));
      expect(along).toBeCloseTo(vertex % 2 === 0 ? 0.5 : -0.5, 5);
      expect(Math.hypot(...step)).toBeCloseTo(0.5, 5);
    }
  });

  it('counts the hyperplanes of a first layer that pass the cross-polytope', () => {
    const random = randomStream(3);
    const draw = (length: number) => Float64Array.from({ length }, random.normal);
    const units = 200;
    const weights = Array.from({ length: units }, () => draw(SIZE));
    const bias = draw(units);
    for (const radius of [0.05, 0.3, 2]) {
      const point = draw(SIZE);
      const vertices = crossPolytope(point, basis, radius);
      const pre = Float64Array.from({ length: 8 * units }, (_, at) => {
        const vertex = Math.floor(at / units);
        return (
          dot(weights[at % units]!, vertices.subarray(vertex * SIZE, (vertex + 1) * SIZE)) + bias[at % units]!
        );
      });
      const passed = weights.filter((w, unit) => {
        const reach = Math.max(...[0, 1, 2, 3].map((row) => Math.abs(dot(w, rowOf(basis, row)))));
        return Math.abs(dot(w, point) + bias[unit]!) < radius * reach;
      });
      expect(passed.length).toBeGreaterThan(0);
      expect(crossingUnits(pre, units)).toBe(passed.length);
    }
  });

  it('takes 0 for off, as codes do', () => {
    expect(crossingUnits(Float32Array.of(0, -1, 0, 1), 2)).toBe(1);
    expect(crossingUnits(Float32Array.of(0, -1, -0, -2), 2)).toBe(0);
  });
});
