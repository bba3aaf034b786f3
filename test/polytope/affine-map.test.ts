import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import {
  affineDistance,
  applyMap,
  frobeniusNorm,
  mapFromCorners,
  planeSingularValues,
  rademacherProbes,
} from '../../activities/polytope/affine-map.ts';
import { partitionSlice } from '../../activities/polytope/slice-partition.ts';
import { planeThroughRows } from '../../activities/polytope/slice-plane.ts';
import { polygonMap } from '../../activities/polytope/slice-polygons.ts';
import { squareAround } from '../oracle/slice-facts.ts';
import { convNet, denseNet, randomLayers } from '../oracle/slice-reference-net.ts';

describe('the map from corners', () => {
  it('gives back a planted map, whatever corners lie on one line', () => {
    const points = Float64Array.of(0, 0, 1, 0, 2, 0, 2, 1, 0, 3);
    const planted = (x: number, y: number) => [2 * x - 3 * y + 1, 0.5 * y - 4];
    const outputs = Float64Array.from(
      [0, 1, 2, 3, 4].flatMap((i) => planted(points[2 * i]!, points[2 * i + 1]!)),
    );
    const map = mapFromCorners({ points, outputs, width: 2, loop: [0, 1, 2, 3, 4] });
    expect([...map.weights].map(rounded)).toEqual([2, -3, 0, 0.5]);
    expect([...map.bias].map(rounded)).toEqual([1, -4]);
    expect([...applyMap(map, 7, -2)].map(rounded)).toEqual(planted(7, -2));
  });
});

const CONV_PLANE = planeThroughRows(
  [1, 2, 3].map((row) => Float64Array.from({ length: 36 }, randomStream(row, 36).normal)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ],
  { margin: -0.3 },
);

describe.each([
  ...[1, 2, 3].map((seed) => ({
    name: `dense, seed ${seed}`,
    net: denseNet(randomLayers([2, 10, 10, 10, 4], { seed })).net,
    plane: squareAround(2),
  })),
  { name: 'with convolutions, a pool and a residual branch', net: convNet(1).net, plane: CONV_PLANE },
])('neighbours in a slice of a net $name', ({ net, plane }) => {
  it('differ by a map of rank 1 and agree on the edge between them', async () => {
    const partition = await partitionSlice(net, plane);
    const { edges, polygons, vertices } = partition;
    let compared = 0;
    for (let edge = 0; edge < edges.count; edge++) {
      const [left, right] = [edges.left[edge]!, edges.right[edge]!];
      if (right < 0 || Math.min(polygons.areas[left]!, polygons.areas[right]!) < 1e-5) continue;
      const [a, b] = [polygonMap(partition, left), polygonMap(partition, right)];
      const difference = a.weights.map((value, i) => value - b.weights[i]!);
      const [, second] = planeSingularValues(difference);
      expect(second).toBeLessThan(1e-9 * (frobeniusNorm(a.weights) + frobeniusNorm(b.weights)));
      for (const end of [edges.ends[2 * edge]!, edges.ends[2 * edge + 1]!]) {
        const [x, y] = [vertices[2 * end]!, vertices[2 * end + 1]!];
        const gap = applyMap(a, x, y).map((value, i) => value - applyMap(b, x, y)[i]!);
        expect(frobeniusNorm(gap)).toBeLessThan(1e-10);
      }
      compared++;
    }
    expect(compared).toBeGreaterThan(100);
  });
});

describe('comparing maps', () => {
  it('finds both singular values of a map in the plane', () => {
    // diag(3, 1e-7) turned by angles on both sides.
    const [c, s, d, t] = [Math.cos(0.3), Math.sin(0.3), Math.cos(1.1), Math.sin(1.1)];
    const [p, q] = [3, 1e-7];
    const turned = [
      c * p * d - s * q * t,
      c * p * t + s * q * d,
      s * p * d + c * q * t,
      s * p * t - c * q * d,
    ];
    const [first, second] = planeSingularValues(Float64Array.of(...turned));
    expect(first).toBeCloseTo(3, 12);
    expect(second / 1e-7).toBeCloseTo(1, 6);
    expect(planeSingularValues(new Float64Array(6))).toEqual([0, 0]);
  });

  it('has distance 0 to itself, 1 / sqrt(2) to its double and infinity to zero', () => {
    const map = Float64Array.of(1, -2, 3, 4);
    const double = map.map((value) => 2 * value);
    expect(affineDistance(map, map)).toBe(0);
    expect(affineDistance(map, double)).toBeCloseTo(Math.SQRT1_2, 14);
    expect(affineDistance(map, new Float64Array(4))).toBe(Number.POSITIVE_INFINITY);
    expect(affineDistance(new Float64Array(4), new Float64Array(4))).toBe(0);
  });

  // With 4,000 probes the estimate's deviation is below 1 % here; 5 % is beyond five deviations.
  it('is estimated by Rademacher probes', () => {
    const random = randomStream(3);
    const matrix = () => Float64Array.from({ length: 6 * 20 }, () => random.normal());
    const [a, b] = [matrix(), matrix()];
    const probes = rademacherProbes(randomStream(4), { probes: 4000, size: 20 });
    expect(new Set(probes)).toEqual(new Set([1, -1]));
    const estimate = affineDistance(products(a, probes), products(b, probes));
    expect(Math.abs(estimate / affineDistance(a, b) - 1)).toBeLessThan(0.05);
    expect(rademacherProbes(randomStream(4), { size: 20 }).length).toBe(64 * 20);
  });
});

/** `[probes, 6]` products of a `[6, 20]` matrix with the probes. */
function products(matrix: Float64Array, probes: Float64Array): Float64Array {
  const count = probes.length / 20;
  return Float64Array.from({ length: count * 6 }, (_, at) => {
    const [probe, row] = [Math.floor(at / 6), at % 6];
    let sum = 0;
    for (let i = 0; i < 20; i++) sum += matrix[row * 20 + i]! * probes[probe * 20 + i]!;
    return sum;
  });
}

function rounded(value: number): number {
  return Math.round(value * 1e12) / 1e12 + 0;
}
