// Counts that are known in closed form: lines in general position, in a box, and inside the polygons of a layer before.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { partitionSlice } from '../../activities/polytope/slice-partition.ts';
import { planeAlongAxes } from '../../activities/polytope/slice-plane.ts';
import type { SlicePartition } from '../../activities/polytope/slice-polygons.ts';
import { codeOf, codeTexts, cornersOf, eulerCount, middleOf, squareAround } from '../oracle/slice-facts.ts';
import { denseNet, type Layer, randomLayers } from '../oracle/slice-reference-net.ts';

describe('lines of one layer', () => {
  it.each([
    [1, 2],
    [3, 7],
    [5, 16],
    [10, 56],
    [20, 211],
    [40, 821],
  ])('%i in general position make %i polygons', async (n, expected) => {
    const partition = await sliceOf([linesInGeneralPosition(n, 1)], 300);
    expect(partition.polygons.count).toBe(expected);
    expect(eulerCount(partition)).toBe(1);
  });

  it('n parallel ones make n + 1', async () => {
    const weights = Array.from({ length: 9 }, () => [0.6, 0.8]);
    const bias = weights.map((_, i) => 0.1 * i - 0.4);
    expect((await sliceOf([{ weights, bias }], 2)).polygons.count).toBe(10);
  });

  it.each([3, 5, 8, 40])('%i without bias make 2 n sectors that meet in one vertex', async (n) => {
    const { weights } = linesInGeneralPosition(n, 2);
    const partition = await sliceOf([{ weights, bias: new Array<number>(n).fill(0) }], 3);
    expect(partition.polygons.count).toBe(2 * n);
    expect(partition.slivers).toBe(0);
    expect(partition.vertices.length / 2).toBe(1 + 4 + 2 * n);
  });

  it('coincident ones cut once, whatever their scale and direction', async () => {
    const line = { weights: [0.37, -0.71], bias: 0.123 };
    const scales = [1, 3.7, -1, 1e-6, -1e5, 0.3];
    const layer = {
      weights: scales.map((scale) => line.weights.map((weight) => weight * scale)),
      bias: scales.map((scale) => line.bias * scale),
    };
    const partition = await sliceOf([layer], 2);
    expect(partition.polygons.count).toBe(2);
    expect(Uint32Array.of(...[0, 1].flatMap((i) => [...codeOf(partition.polygons, i)])).toSorted()).toEqual(
      Uint32Array.of(0b010100, 0b101011),
    );
  });

  it('units that are constant, zero or never cross the box cut nothing', async () => {
    const layer = {
      weights: [
        [0, 0],
        [0, 0],
        [1, 1],
      ],
      bias: [0, 1, 9],
    };
    const partition = await sliceOf([layer], 2);
    expect(partition.polygons.count).toBe(1);
    expect([...codeOf(partition.polygons, 0)]).toEqual([0b110]);
  });

  it('a plane through five dimensions gives the count of the plane', async () => {
    const [layer] = randomLayers([5, 8, 1], { seed: 4 });
    const axes = [
      [1, 2, -1, 0.5, 0.3],
      [-0.2, 1, 0.4, -2, 1],
    ] as const;
    const half = 1e4;
    const box = { x0: -half, y0: -half, x1: half, y1: half };
    const plane = planeAlongAxes([0.1, 0.2, 0.3, -0.4, 0.5], { axes, box });
    const { net } = denseNet([layer!, constantOutput(8)]);
    expect((await partitionSlice(net, plane)).polygons.count).toBe(1 + 8 + 28);
  });

  it.each([1, 2, 3, 4])('in a box: 1 + lines that meet it + crossings inside (seed %i)', async (seed) => {
    const [layer] = randomLayers([2, 24, 1], { seed, bias: 1.5 });
    const partition = await sliceOf([layer!], 1);
    const corners: [number, number][] = [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, 1],
    ];
    expect(partition.polygons.count).toBe(regionsInside(corners, linesOf(layer!)));
  });
});

describe('fixtures', () => {
  it('three lines make 7 regions', async () => {
    const weights = [
      [1, 0],
      [0, 1],
      [1, 1],
    ];
    const partition = await sliceOf([{ weights, bias: [-0.3, -0.4, -1] }], 2);
    expect(partition.polygons.count).toBe(7);
    expect(new Set(codeTexts(partition)).size).toBe(7);
  });

  it('the abs fold makes 16 regions of 16 codes, and the diamond inside has area 2', async () => {
    const first = {
      weights: [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ],
      bias: [0, 0, 0, 0],
    };
    const second = {
      weights: [
        [1, 1, 1, 1],
        [1, 1, -1, -1],
      ],
      bias: [-1, 0],
    };
    const partition = await sliceOf([first, second], 2);
    const { areas, count } = partition.polygons;
    expect(count).toBe(16);
    expect(new Set(codeTexts(partition)).size).toBe(16);
    const inside = areas.filter((_, polygon) => (codeOf(partition.polygons, polygon)[1]! & 1) === 0);
    expect(inside.reduce((sum, area) => sum + area, 0)).toBeCloseTo(2, 12);
  });
});

describe('a deeper layer', () => {
  it.each([1, 2, 3])('obeys the box formula inside every polygon of the first (seed %i)', async (seed) => {
    const [first, second] = randomLayers([2, 9, 11, 1], { seed, bias: 0.5 }) as [Layer, Layer];
    const shallow = await sliceOf([first], 2);
    const deep = await sliceOf([first, second], 2);
    const parts = new Map<number, number>();
    for (let polygon = 0; polygon < deep.polygons.count; polygon++) {
      const code = codeOf(deep.polygons, polygon)[0]!;
      parts.set(code, (parts.get(code) ?? 0) + 1);
    }
    const expected = Array.from({ length: shallow.polygons.count }, (_, polygon) => {
      const lines = linesInside(shallow, polygon, [first, second]);
      return [codeOf(shallow.polygons, polygon)[0]!, regionsInside(cornersOf(shallow, polygon), lines)];
    });
    expect([...parts].toSorted(byCode)).toEqual(expected.toSorted(byCode));
  });

  it.each([1, 2, 3])('has at most the product of the layer bounds (seed %i)', async (seed) => {
    const { polygons } = await sliceOf(randomLayers([2, 8, 8, 8], { seed }), 20);
    expect(polygons.count).toBeGreaterThan(50);
    expect(polygons.count).toBeLessThanOrEqual(37 ** 3);
  });
});

/** A line as `a x + b y + c`. */
type Line = readonly [number, number, number];

function linesOf({ weights, bias }: Layer): Line[] {
  return weights.map(([a, b], i) => [a!, b!, bias[i]!]);
}

/** The second layer's lines where the first one has the code of the polygon's middle. */
function linesInside(partition: SlicePartition, polygon: number, [first, second]: [Layer, Layer]): Line[] {
  const [x, y] = middleOf(partition, polygon);
  const on = linesOf(first).map((line) => (line[0] * x + line[1] * y + line[2] > 0 ? line : [0, 0, 0]));
  return second.weights.map((row, i) => {
    const sum = (k: 0 | 1 | 2) => row.reduce((total, weight, j) => total + weight * on[j]![k]!, 0);
    return [sum(0), sum(1), sum(2) + second.bias[i]!];
  });
}

function regionsInside(corners: readonly [number, number][], lines: readonly Line[]): number {
  const meeting = lines.filter(([a, b, c]) => {
    const heights = corners.map(([x, y]) => a * x + b * y + c);
    return Math.min(...heights) < 0 && Math.max(...heights) > 0;
  });
  let crossings = 0;
  for (const [i, p] of meeting.entries()) {
    for (const q of meeting.slice(i + 1)) {
      const area = p[0] * q[1] - p[1] * q[0];
      const x = (p[1] * q[2] - q[1] * p[2]) / area;
      const y = (q[0] * p[2] - p[0] * q[2]) / area;
      if (contains(corners, x, y)) crossings++;
    }
  }
  return 1 + meeting.length + crossings;
}

/** Whether a point lies to the left of every side of a counter-clockwise polygon. */
function contains(corners: readonly [number, number][], x: number, y: number): boolean {
  return corners.every(([x0, y0], i) => {
    const [x1, y1] = corners[(i + 1) % corners.length]!;
    return (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0);
  });
}

/** Directions spread over the half circle, so that every crossing lies within a known distance. */
function linesInGeneralPosition(n: number, seed: number): Layer {
  const random = randomStream(seed, n);
  const angles = Array.from({ length: n }, (_, i) => (Math.PI * (i + 0.4 * random.uniform())) / n);
  return {
    weights: angles.map((angle) => [Math.cos(angle), Math.sin(angle)]),
    bias: angles.map(() => random.normal()),
  };
}

function constantOutput(inputs: number): Layer {
  return { weights: [new Array<number>(inputs).fill(1)], bias: [0] };
}

function sliceOf(hidden: readonly Layer[], halfSide: number): Promise<SlicePartition> {
  const { net } = denseNet([...hidden, constantOutput(hidden.at(-1)!.bias.length)]);
  return partitionSlice(net, squareAround(halfSide));
}

function byCode(a: readonly number[], b: readonly number[]): number {
  return a[0]! - b[0]!;
}
