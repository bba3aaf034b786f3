// Lines and arcs between points, as chords, and crossings counted along them.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import {
  arcLengthAt,
  crossingBins,
  crossingsOnCurves,
  curveBetween,
  pointAt,
} from '../../activities/polytope/polyline.ts';
import { bruteForceChanges } from '../oracle/brute-force-crossings.ts';
import { bitsAt } from '../oracle/event-driven-crossings.ts';
import { denseNet, randomLayers } from '../oracle/piecewise-reference.ts';

const A = Float64Array.of(3, 0, 0);
const B = Float64Array.of(0, 1, 0);

describe('an arc', () => {
  it('turns evenly while its norm changes evenly', () => {
    const curve = curveBetween(A, B, { kind: 'slerp', samples: 16 });
    expect(curve.kind).toBe('slerp');
    expect(curve.angle).toBeCloseTo(Math.PI / 2, 14);
    for (let i = 0; i <= 16; i++) {
      const [x, y, z] = curve.vertices.subarray(3 * i, 3 * i + 3);
      expect(Math.hypot(x!, y!, z!)).toBeCloseTo(3 - (2 * i) / 16, 12);
      expect(Math.atan2(y!, x!)).toBeCloseTo((Math.PI * i) / 32, 12);
    }
    expect([curve.normFrom, curve.normTo]).toEqual([3, 1]);
  });

  it('between points of one norm has the length of the arc', () => {
    const curve = curveBetween(Float64Array.of(2, 0), Float64Array.of(0, 2), {
      kind: 'slerp',
      samples: 1000,
    });
    expect(curve.arc.at(-1)).toBeCloseTo(Math.PI, 5);
  });

  it('is a line where the directions agree or an end is 0', () => {
    expect(curveBetween(A, Float64Array.of(6, 1e-5, 0), { kind: 'slerp' }).kind).toBe('lerp');
    const fromZero = curveBetween(new Float64Array(3), B, { kind: 'slerp' });
    expect([fromZero.kind, fromZero.angle, fromZero.t.length]).toEqual(['lerp', null, 2]);
  });

  it('between opposite directions, or of no length, is an error', () => {
    const opposite = Float64Array.of(-1, 0, 0);
    expect(() => curveBetween(A, opposite, { kind: 'slerp', name: 'pair 4' })).toThrow(
      /pair 4: .*opposite directions/,
    );
    expect(curveBetween(A, opposite, { kind: 'lerp' }).angle).toBeCloseTo(Math.PI, 14);
    expect(() => curveBetween(A, A, { kind: 'lerp', name: 'pair 5' })).toThrow(
      /pair 5: identical end points/,
    );
  });
});

describe('places of a curve', () => {
  it('lie on the chords, at their arc length', () => {
    const curve = curveBetween(A, B, { kind: 'slerp', samples: 4 });
    const middle = pointAt(curve, 0.375);
    const [p, q] = [1, 2].map((i) => curve.vertices.subarray(3 * i, 3 * i + 3));
    expect([...middle].map((value, i) => value - (p![i]! + q![i]!) / 2)).toEqual([0, 0, 0]);
    expect(arcLengthAt(curve, 0.375)).toBeCloseTo((curve.arc[1]! + curve.arc[2]!) / 2, 14);
    expect([...pointAt(curve, 1)]).toEqual([...B]);
    expect(arcLengthAt(curve, 0)).toBe(0);
  });
});

describe('crossings on curves', () => {
  it('are those of every chord, for several curves at once', async () => {
    const random = randomStream(3);
    const layers = randomLayers([5, 12, 12, 2], random);
    const point = () => Float64Array.from({ length: 5 }, () => 2 * random.normal());
    const curves = [
      curveBetween(point(), point(), { kind: 'slerp', samples: 9 }),
      curveBetween(point(), point(), { kind: 'lerp' }),
    ];
    const found = await crossingsOnCurves(denseNet(layers), curves, { pointsPerAdvance: 5 });
    found.forEach((path, i) => {
      const seen = bruteForceChanges((t) => bitsAt(layers.slice(0, -1), pointAt(curves[i]!, t)), 20_000);
      expect(path.crossings).toBe(seen.length);
      const places = seen.map(({ t }) => t).sort((a, b) => a - b);
      path.flips.t.forEach((t, k) => {
        expect(t).toBeCloseTo(places[k]!, 8);
      });
    });
  });

  it('are counted in bins of equal width, a bound belonging to the bin behind it', () => {
    const curve = curveBetween(Float64Array.of(0, 0), Float64Array.of(0, 8), { kind: 'lerp' });
    const flips = { t: Float64Array.of(0, 0.2, 0.25, 0.9, 1), tap: Int32Array.of(0, 1, 0, 1, 1) };
    const { crossings, density, lengths, t } = crossingBins(flips, curve, { taps: 2, bins: 4 });
    expect([...crossings]).toEqual([1, 1, 0, 0, 1, 0, 0, 2]);
    expect([...t]).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect([...lengths]).toEqual([2, 2, 2, 2]);
    expect([...density]).toEqual([0.5, 0.5, 0, 0, 0.5, 0, 0, 1]);
  });
});
