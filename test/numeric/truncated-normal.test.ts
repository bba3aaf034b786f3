// Quantiles of a truncated normal against its own distribution function by quadrature, near and far out.

import { describe, expect, it } from 'vitest';
import { truncatedNormal } from '../../activities/numeric/truncated-normal.ts';

const ENDS: readonly (readonly [number, number])[] = [
  [-Infinity, Infinity],
  [-1, 2],
  [0.5, 0.7],
  [-3, Infinity],
  [3, Infinity],
  [7, Infinity],
  [7, 7.05],
  [60, Infinity],
  [60, 60.001],
  [-Infinity, -7],
  [-60.01, -60],
  [-9, -2],
  [4, 40],
];

/** Integral of exp(-(x^2 - low^2) / 2) by Simpson's rule, from where the density is largest; ends are cut where it ends. */
function mass(low: number, high: number, peak: number): number {
  const steps = 20_000;
  const width = (high - low) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const x = low + i * width;
    sum += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp(-((x - peak) * (x + peak)) / 2);
  }
  return (sum * width) / 3;
}

describe('a draw of the truncated normal', () => {
  it.each(ENDS)('between %d and %d lies at its quantile', (low, high) => {
    const peak = low > 0 ? low : high < 0 ? high : 0;
    // exp(-40) of the density is left beyond these.
    const reach = Math.min(9, 40 / Math.max(1, Math.abs(peak)));
    const [from, to] = [Math.max(low, peak - reach), Math.min(high, peak + reach)];
    for (const uniform of [1e-6, 0.01, 0.3, 0.5, 0.9, 0.999]) {
      const x = truncatedNormal(uniform, low, high);
      expect(x).toBeGreaterThanOrEqual(low);
      expect(x).toBeLessThanOrEqual(high);
      expect(mass(from, x, peak) / mass(from, to, peak)).toBeCloseTo(uniform, 8);
    }
  });
});
