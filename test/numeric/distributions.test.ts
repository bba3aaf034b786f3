// Distribution functions against scipy (test/golden/diagnostics/make_diagnostics.py).

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { betaCdf, betaQuantile } from '../../activities/numeric/beta-distribution.ts';
import { chiSquareQuantile, chiSquareTail, logGamma } from '../../activities/numeric/gamma-distribution.ts';
import { logNormalCdf, normalQuantile } from '../../activities/numeric/normal-quantile.ts';

const GOLDEN = new URL('../golden/diagnostics/distributions.json', import.meta.url);
const golden = JSON.parse(readFileSync(GOLDEN, 'utf8')) as Record<string, readonly (readonly number[])[]>;

const FUNCTIONS = [
  { name: 'normalQuantile', of: normalQuantile, tolerance: 1e-15 },
  { name: 'logNormalCdf', of: logNormalCdf, tolerance: 2e-14 },
  { name: 'betaCdf', of: betaCdf, tolerance: 2e-10 },
  { name: 'betaQuantile', of: betaQuantile, tolerance: 1e-11 },
  { name: 'chiSquareTail', of: chiSquareTail, tolerance: 1e-12 },
  { name: 'chiSquareQuantile', of: chiSquareQuantile, tolerance: 1e-12 },
];

describe('distributions', () => {
  it.each(FUNCTIONS)('$name agrees with scipy to $tolerance', ({ name, of, tolerance }) => {
    for (const row of golden[name]!) {
      const expected = row.at(-1)!;
      const found = (of as (...given: number[]) => number)(...row.slice(0, -1));
      // Values near zero (a quantile of one half) are held to the same absolute error.
      expect(Math.abs(found - expected), `${name}(${row.slice(0, -1)}) = ${found}`).toBeLessThanOrEqual(
        tolerance * Math.max(Math.abs(expected), 1e-2),
      );
    }
  });

  it('gives the ends of the line to probabilities 0 and 1, and NaN outside', () => {
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY);
    expect(normalQuantile(1)).toBe(Number.POSITIVE_INFINITY);
    for (const p of [-0.1, 1.1, Number.NaN]) expect(normalQuantile(p)).toBeNaN();
    expect(betaQuantile(0.5, Number.NaN, 1)).toBeNaN();
    expect(chiSquareTail(0, 3)).toBe(1);
    expect(() => chiSquareQuantile(1, 3)).toThrow(RangeError);
  });

  it('takes logarithms of factorials', () => {
    let factorial = 1;
    for (let n = 1; n <= 20; n++) {
      factorial *= n;
      expect(logGamma(n + 1)).toBeCloseTo(Math.log(factorial), 13);
    }
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 14);
  });
});
