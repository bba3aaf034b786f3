// A correlated Gaussian bent along a parabola.

import { add, column, mul, square, sub } from '../../numeric/array-math.ts';
import type { TracedTarget } from './target.ts';

/** Correlation of the Gaussian, and how its coordinates are stretched and bent. */
const RHO = 0.9;
const STRETCH = 1.15;
const BEND = 0.5;

/**
 * x = a g1, y = g2 / a + b (x^2 + a^2) of Gaussians g with correlation 0.9, a = 1.15, b = 0.5: a map of unit volume.
 * @see Haario, Saksman and Tamminen, "Adaptive proposal distribution for random walk Metropolis algorithm", 1999 (its
 * twisted Gaussian; these constants are those of co-authors' research code for MetFlow).
 */
export function banana(): TracedTarget {
  const rest = 1 - RHO * RHO;
  return {
    dim: 2,
    logZ: Math.log(2 * Math.PI) + 0.5 * Math.log(rest),
    logDensity(z) {
      const x = column(z, 0);
      const first = mul(x, 1 / STRETCH);
      const second = mul(sub(column(z, 1), mul(add(square(x), STRETCH ** 2), BEND)), STRETCH);
      const across = sub(second, mul(first, RHO));
      return mul(add(square(first), mul(square(across), 1 / rest)), -0.5);
    },
    sample(rows, random) {
      const z = new Float64Array(2 * rows);
      for (let row = 0; row < rows; row++) {
        const first = random.normal();
        const second = RHO * first + Math.sqrt(rest) * random.normal();
        const x = STRETCH * first;
        z[2 * row] = x;
        z[2 * row + 1] = second / STRETCH + BEND * (x * x + STRETCH ** 2);
      }
      return z;
    },
  };
}
