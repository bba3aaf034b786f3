import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { digestRows, spanSeed } from '../../activities/polytope/digest.ts';
import type { PiecewiseNet } from '../../activities/polytope/piecewise-net.ts';
import { partitionSlice } from '../../activities/polytope/slice-partition.ts';
import { liftToStart } from '../../activities/polytope/slice-plane.ts';
import { BOX_SIDE, type SlicePartition } from '../../activities/polytope/slice-polygons.ts';
import {
  codeOf,
  codeText,
  codeTexts,
  eulerCount,
  middleOf,
  squareAround,
  totalArea,
} from '../oracle/slice-facts.ts';
import { codeWords, convNet, denseNet, type Layer, randomLayers } from '../oracle/slice-reference-net.ts';
import { anchorPlane, expectForward } from './expect-slice.ts';

const PLANE = squareAround(2);

describe.each([1, 2, 3, 4, 5])('the slice of a random 2-8-8-8-3 net, seed %i', (seed) => {
  const layers = randomLayers([2, 8, 8, 8, 3], { seed });
  const reference = denseNet(layers);

  it('fills the box with polygons of distinct codes, without gaps', async () => {
    const partition = await partitionSlice(reference.net, PLANE);
    expect(Math.abs(totalArea(partition) / 16 - 1)).toBeLessThan(1e-9);
    expect(new Set(codeTexts(partition)).size).toBe(partition.polygons.count);
    expect(eulerCount(partition)).toBe(1);
    expect(partition.slivers).toBe(0);
  });

  it('has at every point of a grid a code that some polygon has', async () => {
    const partition = await partitionSlice(reference.net, PLANE);
    const known = new Set(codeTexts(partition));
    const seen = gridCodes(layers, seed === 1 ? 2001 : 301);
    expect([...seen].filter((code) => !known.has(code))).toEqual([]);
    expect(seen.size).toBeGreaterThan(0.8 * known.size);
  });

  it('has in every polygon the code, the class and the affine map of the forward pass', async () => {
    expectForward(await partitionSlice(reference.net, PLANE), reference, (x, y) => [x, y]);
  });
});

describe('columns of a slice', () => {
  it('give every edge the polygons on its two sides, the outside along the box', async () => {
    const partition = await partitionSlice(denseNet(randomLayers([2, 8, 8, 2], { seed: 2 })).net, PLANE);
    const { edges, polygons } = partition;
    const sides = new Int32Array(polygons.count);
    for (let edge = 0; edge < edges.count; edge++) {
      const isBox = edges.taps[edge] === -1;
      expect(edges.right[edge]! === BOX_SIDE).toBe(isBox);
      sides[edges.left[edge]!]!++;
      if (!isBox) sides[edges.right[edge]!]!++;
    }
    const corners = polygons.offsets.slice(1).map((offset, i) => offset - polygons.offsets[i]!);
    expect(sides).toEqual(corners);
  });

  it("cross one bit of the edge's tap and unit", async () => {
    const partition = await partitionSlice(denseNet(randomLayers([2, 40, 8, 2], { seed: 3 })).net, PLANE);
    const { edges, polygons } = partition;
    const firstWord = [0, 2];
    for (let edge = 0; edge < edges.count; edge++) {
      if (edges.taps[edge] === -1) continue;
      const unit = edges.units[edge]!;
      const expected = [0, 0, 0];
      expected[firstWord[edges.taps[edge]!]! + (unit >> 5)] = (1 << (unit & 31)) >>> 0;
      const differing = [0, 1, 2].map((word) => {
        const [a, b] = [edges.left, edges.right].map((side) => codeOf(polygons, side[edge]!)[word]!);
        return (a! ^ b!) >>> 0;
      });
      expect(differing).toEqual(expected);
    }
  });

  it("carry the digests that a sweep's span has", async () => {
    const { net } = denseNet(randomLayers([2, 40, 8, 2], { seed: 3 }));
    const { polygons } = await partitionSlice(net, PLANE);
    const out = new Uint32Array(4 * polygons.count);
    const shape = { rows: polygons.count, wordsPerRow: 3 };
    digestRows(polygons.codes!, { ...shape, seed: spanSeed('network'), out });
    expect(polygons.digests).toEqual(out);
    const named = await partitionSlice(net, PLANE, { span: 'other' });
    expect(named.polygons.digests).not.toEqual(out);
  });

  it('are the same bytes twice', async () => {
    const { net } = convNet(2);
    const plane = anchorPlane(36, 1.5, -0.4);
    expect(bytesOf(await partitionSlice(net, plane))).toEqual(bytesOf(await partitionSlice(net, plane)));
  });

  it('have no classes and norms where the net ends in a tap', async () => {
    const { net } = denseNet(randomLayers([2, 8, 8, 2], { seed: 2 }));
    const { polygons, outputs } = await partitionSlice({ ...net, outputs: 0 }, PLANE);
    expect(new Set(polygons.classes)).toEqual(new Set([-1]));
    expect(polygons.jacobianNorms.every(Number.isNaN)).toBe(true);
    expect(outputs.length).toBe(0);
  });
});

describe('a slice through 30 dimensions', () => {
  it('agrees with the forward pass in every polygon', async () => {
    const reference = denseNet(randomLayers([30, 20, 20, 4], { seed: 8 }));
    const plane = anchorPlane(30, 2);
    const partition = await partitionSlice(reference.net, plane);
    expect(partition.polygons.count).toBeGreaterThan(100);
    expectForward(partition, reference, (x, y) => liftToStart(plane, [x, y]));
  });
});

describe('other nonlinearities', () => {
  it('LeakyReLU: polygons are codes, and the maps are those of the forward pass', async () => {
    const reference = denseNet(randomLayers([2, 10, 10, 10, 3], { seed: 5 }), { slope: 0.1 });
    const partition = await partitionSlice(reference.net, PLANE);
    expect(new Set(codeTexts(partition)).size).toBe(partition.polygons.count);
    expect(eulerCount(partition)).toBe(1);
    expectForward(partition, reference, (x, y) => [x, y]);
  });

  it('Clip(0, 6): the bend at 6 cuts and flips no bit', async () => {
    const layers = randomLayers([2, 10, 10, 3], { seed: 6, bias: 3 });
    const reference = denseNet(layers, { top: 6 });
    const partition = await partitionSlice(reference.net, squareAround(6));
    expect(partition.polygons.count).toBeGreaterThan(new Set(codeTexts(partition)).size);
    expect(eulerCount(partition)).toBe(1);
    expectForward(partition, reference, (x, y) => [x, y]);
    const { edges } = partition;
    const inner = [...edges.taps.keys()].filter((edge) => edges.taps[edge]! >= 0);
    const unflipped = inner.filter(
      (edge) => codeText(partition, edges.left[edge]!) === codeText(partition, edges.right[edge]!),
    );
    expect(unflipped.length).toBeGreaterThan(0);
    expect(unflipped.length).toBeLessThan(inner.length);
  });

  it('float32 values leave a whole mesh with the right codes in all but the smallest polygons', async () => {
    const reference = denseNet(randomLayers([2, 24, 24, 24, 3], { seed: 7 }));
    const { polygons: exact } = await partitionSlice(reference.net, PLANE);
    const partition = await partitionSlice(inFloat32(reference.net), PLANE);
    expect(eulerCount(partition)).toBe(1);
    expect(Math.abs(totalArea(partition) / 16 - 1)).toBeLessThan(1e-9);
    expect(Math.abs(partition.polygons.count / exact.count - 1)).toBeLessThan(0.01);
    const large = [...partition.polygons.areas.keys()].filter((i) => partition.polygons.areas[i]! > 1e-4);
    for (const polygon of large) {
      const { bits } = reference.forward(middleOf(partition, polygon));
      expect(codeText(partition, polygon)).toBe(codeWords(bits).join());
    }
  });
});

describe.each([1, 2, 3])('a conv net with pooling and a residual branch, seed %i', (seed) => {
  const reference = convNet(seed);
  const plane = anchorPlane(36, 1.5, -0.3);
  const lift = (x: number, y: number) => liftToStart(plane, [x, y]);
  const cut = partitionSlice(reference.net, plane);

  it('has the codes and affine maps of the forward pass, without gaps', async () => {
    const partition = await cut;
    const { x0, x1, y0, y1 } = plane.box;
    expect(Math.abs(totalArea(partition) / ((x1 - x0) * (y1 - y0)) - 1)).toBeLessThan(1e-9);
    expect(eulerCount(partition)).toBe(1);
    expect(partition.polygons.count).toBeGreaterThan(200);
    expectForward(partition, reference, lift);
  });

  it('has one polygon per code and choice of winners, and every code of a grid', async () => {
    const partition = await cut;
    const middles = Array.from({ length: partition.polygons.count }, (_, i) =>
      lift(...middleOf(partition, i)),
    );
    const winners = await winnersAt(reference.net, middles);
    const symbols = codeTexts(partition).map((code, i) => `${code}|${winners[i]}`);
    expect(new Set(symbols).size).toBe(partition.polygons.count);
    const known = new Set(codeTexts(partition));
    const { x0, x1, y0, y1 } = plane.box;
    for (let i = 0; i < 30 * 30; i++) {
      const point = lift(x0 + ((x1 - x0) * (i % 30)) / 29.5, y0 + ((y1 - y0) * Math.floor(i / 30)) / 29.5);
      expect(known).toContain(codeWords(reference.forward(point).bits).join());
    }
  });

  it('crosses no bit at the edges of the pool', async () => {
    const partition = await cut;
    const { edges } = partition;
    const pool = [...edges.taps.keys()].filter((edge) => edges.taps[edge] === 1 && edges.left[edge]! >= 0);
    expect(pool.length).toBeGreaterThan(0);
    for (const edge of pool) {
      if (edges.right[edge]! < 0) continue;
      // Later taps may bend on the same line by chance only: the first tap's bits are the same on both sides.
      const [left, right] = [codeText(partition, edges.left[edge]!), codeText(partition, edges.right[edge]!)];
      expect(left.split(',').slice(0, 4)).toEqual(right.split(',').slice(0, 4));
    }
  });
});

describe('a slice that cannot be made', () => {
  const { net } = denseNet(randomLayers([2, 30, 30, 2], { seed: 1 }));

  it('stops at the limit of polygons', async () => {
    const slicing = partitionSlice(net, PLANE, { maxPolygons: 100 });
    await expect(slicing).rejects.toThrow(/maxPolygons: .*more polygons than allowed \(100\).*smaller box/);
    const whole = await partitionSlice(net, PLANE);
    const { count } = whole.polygons;
    expect((await partitionSlice(net, PLANE, { maxPolygons: count })).polygons.count).toBe(count);
  });

  it('stops at the limit of memory', async () => {
    const slicing = partitionSlice(net, PLANE, { maxStateBytes: 1000 });
    await expect(slicing).rejects.toThrow(/maxStateBytes: .*of 1000 bytes/);
  });

  it('names a plane of another space and a box without area', async () => {
    await expect(partitionSlice(net, anchorPlane(5, 1))).rejects.toThrow(/input: .*\(5 values, 2 expected\)/);
    const flat = { ...PLANE, box: { ...PLANE.box, y1: PLANE.box.y0 } };
    await expect(partitionSlice(net, flat)).rejects.toThrow(/box has no area/);
  });

  it('names the unit whose value is not finite', async () => {
    const layers: Layer[] = [
      {
        weights: [
          [1, 0],
          [Number.NaN, 0],
        ],
        bias: [0, 0],
      },
      { weights: [[1, 1]], bias: [0] },
    ];
    await expect(partitionSlice(denseNet(layers).net, PLANE)).rejects.toThrow(/tap 0, unit 1: .*not finite/);
  });

  it('stops when it is told to', async () => {
    const slicing = partitionSlice(net, PLANE, { signal: AbortSignal.abort() });
    await expect(slicing).rejects.toThrow(/aborted/);
  });
});

/** Codes at a square grid over the box, by plain loops. */
function gridCodes(layers: readonly Layer[], points: number): Set<string> {
  const hidden = layers.slice(0, -1).map(({ weights, bias }) => ({
    weights: Float64Array.from(weights.flat()),
    bias: Float64Array.from(bias),
    next: new Float64Array(bias.length),
  }));
  const seen = new Set<number>();
  const point = new Float64Array(2);
  let last = -1;
  for (let i = 0; i < points * points; i++) {
    point[0] = -2 + (4 * (i % points)) / (points - 1);
    point[1] = -2 + (4 * Math.floor(i / points)) / (points - 1);
    let values = point;
    let key = 0;
    for (const { weights, bias, next } of hidden) {
      const inputs = values.length;
      for (let unit = 0; unit < bias.length; unit++) {
        let z = bias[unit]!;
        for (let j = 0; j < inputs; j++) z += weights[unit * inputs + j]! * values[j]!;
        next[unit] = z > 0 ? z : 0;
        key = 2 * key + (z > 0 ? 1 : 0);
      }
      values = next;
    }
    if (key !== last) seen.add(key);
    last = key;
  }
  // Keys have the first unit of the first layer highest; codes have one word a layer, the first unit lowest.
  const width = hidden[0]!.bias.length;
  return new Set([...seen].map((key) => hidden.map((_, layer) => reversedBits(key, layer, width)).join()));
}

function reversedBits(key: number, layer: number, width: number): number {
  const bits = key
    .toString(2)
    .padStart(3 * width, '0')
    .slice(layer * width, (layer + 1) * width);
  return Number.parseInt([...bits].reverse().join(''), 2);
}

/** Per point the winner of every window, 0 where the largest is 0. */
async function winnersAt(net: PiecewiseNet, points: readonly Float64Array[]): Promise<string[]> {
  const [pool] = net.stages[1]!.taps;
  if (pool?.kind !== 'pool') throw new Error('the second stage pools');
  const flat = Float64Array.from(points.flatMap((point) => [...point]));
  const inputs = await net.advance(1, await net.advance(0, flat, points.length), points.length);
  return points.map((_, point) => {
    const values = inputs.subarray(108 * point, 108 * (point + 1));
    return Array.from({ length: 27 }, (__, window) => {
      const entries = Array.from(pool.windows.subarray(4 * window, 4 * window + 4), (i) => values[i]!);
      const most = Math.max(...entries);
      return most > 0 ? 1 + entries.indexOf(most) : 0;
    }).join('');
  });
}

function inFloat32(net: PiecewiseNet): PiecewiseNet {
  return {
    ...net,
    dtype: 'float32',
    advance: async (stage, values, points) =>
      Float64Array.from(Float32Array.from(await net.advance(stage, values, points))),
  };
}

function bytesOf({ vertices, outputs, polygons, edges }: SlicePartition): Buffer {
  const arrays = [vertices, outputs, ...Object.values(polygons), ...Object.values(edges)].filter(
    ArrayBuffer.isView,
  );
  return Buffer.concat(arrays.map((a) => Buffer.from(a.buffer, a.byteOffset, a.byteLength)));
}
