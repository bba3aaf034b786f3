// A slice that is worked on part by part because memory is scarce is the slice.

import { describe, expect, it } from 'vitest';
import { FaceCodes } from '../../activities/polytope/face-codes.ts';
import type { PiecewiseNet } from '../../activities/polytope/piecewise-net.ts';
import { partitionSlice } from '../../activities/polytope/slice-partition.ts';
import { liftToStart, type SlicePlane } from '../../activities/polytope/slice-plane.ts';
import type { SlicePartition } from '../../activities/polytope/slice-polygons.ts';
import { codeText, eulerCount, squareAround, totalArea } from '../oracle/slice-facts.ts';
import { convNet, denseNet, randomLayers, type ReferenceNet } from '../oracle/slice-reference-net.ts';
import { anchorPlane, expectForward } from './expect-slice.ts';

interface Case {
  readonly reference: ReferenceNet;
  readonly plane: SlicePlane;
  readonly maxStateBytes: number;
}

const CONV_PLANE = anchorPlane(36, 1.5, -0.3);
const CASES: [string, Case][] = [
  ...[1, 2, 3].map((seed): [string, Case] => [
    `a conv net with pooling and a residual branch, seed ${seed}`,
    { reference: convNet(seed), plane: CONV_PLANE, maxStateBytes: 400_000 },
  ]),
  [
    'a dense net of three layers',
    {
      reference: denseNet(randomLayers([2, 20, 20, 20, 3], { seed: 4 })),
      plane: squareAround(2),
      maxStateBytes: 400_000,
    },
  ],
];

describe.each(CASES)('%s', (_, { reference, plane, maxStateBytes }) => {
  const calls = { most: 0, times: 0 };
  const inParts = partitionSlice(watched(reference.net, calls), plane, { maxStateBytes });
  const atOnce = partitionSlice(reference.net, plane);

  it('is evaluated in many parts, each small', async () => {
    const whole = await atOnce;
    await inParts;
    expect(calls.times).toBeGreaterThan(3 * reference.net.stages.length);
    expect(calls.most).toBeLessThan(whole.vertices.length / 2 / 2);
  });

  it('has the codes and maps of the forward pass, without gaps', async () => {
    const partition = await inParts;
    const { x0, x1, y0, y1 } = plane.box;
    expect(Math.abs(totalArea(partition) / ((x1 - x0) * (y1 - y0)) - 1)).toBeLessThan(1e-9);
    expect(eulerCount(partition)).toBe(1);
    expect(partition.slivers).toBe(0);
    expect([...partition.outputs].every(Number.isFinite)).toBe(true);
    expectForward(partition, reference, (x, y) => liftToStart(plane, [x, y]));
  });

  it('has the polygons and edges that it has at once', async () => {
    const [one, other] = [await inParts, await atOnce];
    expect(one.edges.count).toBe(other.edges.count);
    const [ours, theirs] = [one, other].map(polygonsByCode);
    expect(ours!.map(([code]) => code)).toEqual(theirs!.map(([code]) => code));
    for (const [i, [, area]] of ours!.entries()) expect(Math.abs(area - theirs![i]![1])).toBeLessThan(1e-11);
  });
});

describe('codes of faces', () => {
  it('are kept while they are few, then only their digests are', () => {
    const width = 2 ** 20;
    const codes = new FaceCodes(width, 7);
    for (let face = 1; face <= 40; face++) {
      codes.copy(face, 0);
      codes.words[codes.start(face)] = face;
      codes.finish(face);
      if (face === 10) expect([...codes.take([10, 3])!.filter((word) => word !== 0)]).toEqual([10, 3]);
    }
    expect(codes.take([1])).toBeNull();
    expect(codes.words.byteLength).toBeLessThan(2 ** 28);
    const names = Array.from({ length: 40 }, (_, i) => codes.digests.subarray(4 * i + 4, 4 * i + 8).join());
    expect(new Set(names).size).toBe(40);
  });
});

/** The net, with how often it is called and for how many points at most. */
function watched(net: PiecewiseNet, calls: { most: number; times: number }): PiecewiseNet {
  return {
    ...net,
    advance(stage, values, points) {
      calls.times++;
      calls.most = Math.max(calls.most, points);
      return net.advance(stage, values, points);
    },
  };
}

/** Codes with areas; polygons of one code, which pools part, by area. */
function polygonsByCode(partition: SlicePartition): [string, number][] {
  return Array.from(partition.polygons.areas, (area, i): [string, number] => [
    codeText(partition, i),
    area,
  ]).sort(([a, small], [b, large]) => (a < b ? -1 : a > b ? 1 : small - large));
}
