// Distances between samples, where they are known: shifts of Gaussians. Draws are fixed by their seeds.

import { describe, expect, it } from 'vitest';
import { kernelSteinDiscrepancy } from '../../../activities/metflow/diagnostics/kernel-stein-discrepancy.ts';
import { maximumMeanDiscrepancy } from '../../../activities/metflow/diagnostics/mmd.ts';
import { slicedWasserstein } from '../../../activities/metflow/diagnostics/sliced-wasserstein.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';

function normals(rows: number, stream: number, shift = 0): { z: Float64Array; dim: number } {
  const random = randomStream(19, stream);
  const z = Float64Array.from({ length: 2 * rows }, (_, at) => random.normal() + (at % 2 === 0 ? shift : 0));
  return { z, dim: 2 };
}

describe('the sliced Wasserstein distance', () => {
  it('of a set and itself shifted is the shift’s mean projection, 2 / pi of its length', () => {
    const a = normals(300, 1);
    const b = { z: a.z.map((value, at) => value + (at % 2 === 0 ? 3 : 4)), dim: 2 };
    const { distance, error } = slicedWasserstein(a, b, { seed: 1, directions: 2000 });
    expect(Math.abs(distance - (5 * 2) / Math.PI)).toBeLessThan(4 * error);
  });

  it('takes sets of different sizes, and is 0 for equal ones', () => {
    const a = normals(50, 1);
    const twice = { z: Float64Array.of(...a.z, ...a.z), dim: 2 };
    expect(slicedWasserstein(a, twice, { seed: 1 }).distance).toBeLessThan(1e-12);
    expect(() => slicedWasserstein(a, { z: new Float64Array(0), dim: 2 }, { seed: 1 })).toThrow(RangeError);
  });
});

describe.each(['gaussian', 'imq'] as const)('the mean discrepancy with a kernel of type %s', (kernel) => {
  it('tells laws apart, and finds nothing between two samples of one', () => {
    const options = { kernel, seed: 3, permutations: 99 };
    expect(maximumMeanDiscrepancy(normals(80, 1), normals(80, 2, 1), options).pValue).toBeLessThanOrEqual(
      0.01,
    );
    const same = maximumMeanDiscrepancy(normals(80, 1), normals(80, 2), options);
    expect(same.pValue).toBeGreaterThan(0.05);
    expect(Math.abs(same.squared)).toBeLessThan(0.02);
  });
});

describe('the kernel Stein discrepancy', () => {
  const gradient = ({ z }: { z: Float64Array }) => z.map((value) => -value);

  it('is around 0 for exact draws and far from it for shifted ones', () => {
    const exact = normals(600, 4);
    const shifted = normals(600, 5, 0.7);
    expect(Math.abs(kernelSteinDiscrepancy(exact, gradient(exact)).squaredUnbiased)).toBeLessThan(0.02);
    expect(kernelSteinDiscrepancy(shifted, gradient(shifted)).squaredUnbiased).toBeGreaterThan(0.1);
  });

  it('does not see a missing mode, as its comment says', () => {
    // Half of two Gaussians at ±20: near the draws the other one has no gradient.
    const half = normals(600, 4, 20);
    const slope = half.z.map((value, at) => (at % 2 === 0 ? 20 - value : -value));
    expect(Math.abs(kernelSteinDiscrepancy(half, slope).squaredUnbiased)).toBeLessThan(0.02);
  });
});
