// Oracle 13 of the specification: bias-free Gaussian layers have the boundary density that angles give.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { boundaryDensity, pointPair } from '../../activities/polytope/boundary-density.ts';
import { gaussianNull, nextAngle } from '../../activities/polytope/closed-form-null.ts';
import { hammingDistance } from '../../activities/polytope/hamming.ts';
import { packSigns } from '../../activities/polytope/sign-code.ts';
import { reluGap, softBits, softDistance, softFraction } from '../../activities/polytope/soft-code.ts';

describe('pointPair', () => {
  it('measures distance, angle and norms', () => {
    const pair = pointPair([3, 0], [0, 4]);
    expect(pair).toMatchObject({ distance: 5, normP: 3, normQ: 4 });
    expect(pair.angle).toBeCloseTo(Math.PI / 2, 15);
  });

  it('keeps the precision of tiny and of nearly straight angles', () => {
    expect(pointPair([1, 0], [7, 7e-9]).angle! / 1e-9).toBeCloseTo(1, 12);
    expect((Math.PI - pointPair([1, 0], [-1, 1e-9]).angle!) / 1e-9).toBeCloseTo(1, 6);
  });

  it('has no angle at the origin and refuses points of different spaces', () => {
    expect(pointPair([0, 0], [1, 0]).angle).toBeNull();
    expect(() => pointPair([0], [1, 0])).toThrow(RangeError);
  });
});

describe('boundaryDensity', () => {
  it('divides by distance and by bits', () => {
    expect(boundaryDensity({ hamming: 6, crossings: 8, codeBits: 24 }, { distance: 2 })).toEqual({
      rhoHamming: 3,
      rhoCrossings: 4,
      hNorm: 0.25,
    });
  });

  it('has no density where points coincide or crossings were not solved', () => {
    expect(boundaryDensity({ hamming: 0, crossings: 0, codeBits: 8 }, { distance: 0 })).toEqual({
      rhoHamming: null,
      rhoCrossings: null,
      hNorm: 0,
    });
    expect(
      boundaryDensity({ hamming: 2, crossings: null, codeBits: 8 }, { distance: 1 }).rhoCrossings,
    ).toBeNull();
    expect(() => boundaryDensity({ hamming: 0, crossings: 0, codeBits: 0 }, { distance: 1 })).toThrow(
      RangeError,
    );
  });
});

/** Share of units of a bias-free Gaussian layer that tell two points apart, and their activations. */
function gaussianLayer(points: readonly [Float64Array, Float64Array], units: number, seed: number) {
  const random = randomStream(seed);
  const inputs = points[0].length;
  const pre = new Float32Array(2 * units);
  const next: [Float64Array, Float64Array] = [new Float64Array(units), new Float64Array(units)];
  for (let unit = 0; unit < units; unit++) {
    let [p, q] = [0, 0];
    for (let j = 0; j < inputs; j++) {
      const weight = random.normal();
      p += weight * points[0][j]!;
      q += weight * points[1][j]!;
    }
    [pre[unit], pre[units + unit]] = [p, q];
    [next[0][unit], next[1][unit]] = [Math.max(0, p), Math.max(0, q)];
  }
  const codes = packSigns(pre, { rows: 2, neurons: units });
  const words = new Uint32Array(codes.buffer);
  const width = words.length / 2;
  const hamming = hammingDistance(words, 0, words, width, width);
  return { hNorm: hamming / units, next };
}

/** Two points at an angle, in a plane of some space. */
function pointsAt(angle: number, dimension: number): [Float64Array, Float64Array] {
  const [p, q] = [new Float64Array(dimension), new Float64Array(dimension)];
  p[0] = 3;
  q[0] = 2 * Math.cos(angle);
  q[1] = 2 * Math.sin(angle);
  return [p, q];
}

describe('gaussianNull', () => {
  const angle = 0.2267 * Math.PI;

  it('is θ/π in the first layer: 0.2267 at 200,000 units', () => {
    const { hNorm } = gaussianLayer(pointsAt(angle, 3), 200_000, 11);
    // Binomial deviation 0.00094.
    expect(Math.abs(hNorm - gaussianNull(angle, 1)[0]!)).toBeLessThan(0.004);
  });

  it('follows the recursion in the second layer of width 4000', () => {
    const first = gaussianLayer(pointsAt(angle, 3), 4000, 12);
    const second = gaussianLayer(first.next, 4000, 13);
    const expected = gaussianNull(angle, 2);
    expect(expected[1]).toBeCloseTo(0.2084, 3);
    // Binomial deviation 0.0064, and the first layer's own about half as much.
    expect(Math.abs(second.hNorm - expected[1]!)).toBeLessThan(0.025);
    expect(Math.abs(pointPair(...first.next).angle! - nextAngle(angle))).toBeLessThan(0.03);
  });

  it('keeps equal points equal and turns opposite ones perpendicular', () => {
    expect(gaussianNull(0, 3)).toEqual([0, 0, 0]);
    expect(nextAngle(Math.PI)).toBeCloseTo(Math.PI / 2, 12);
    expect(gaussianNull(1, 4)).toEqual([...gaussianNull(1, 4)].sort((a, b) => b - a));
  });
});

describe('soft codes', () => {
  it('become Hamming distance where units are fully on or off', () => {
    expect(softDistance(softBits([9, -9, 9]), softBits([-9, -9, 9]))).toBeCloseTo(1, 6);
    expect(softDistance(softBits([0.5]), softBits([-0.5]))).toBeCloseTo(0.38292, 5);
    expect(() => softDistance(softBits([1]), softBits([]))).toThrow(RangeError);
  });

  it('count |z| < 2 and differ from ReLU by at most 0.17, at 0.752', () => {
    expect(softFraction([-2, -1.9, 0, 1.9, 2, 5])).toBe(0.5);
    expect(reluGap([0.752])).toBeCloseTo(0.16997, 4);
    expect(reluGap([-0.752])).toBe(reluGap([0.752]));
    expect(reluGap([0.7])).toBeLessThan(reluGap([0.752])!);
    expect(reluGap([0.8])).toBeLessThan(reluGap([0.752])!);
    expect([softFraction([]), reluGap([])]).toEqual([null, null]);
  });
});
