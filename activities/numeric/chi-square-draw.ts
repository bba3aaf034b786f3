// Draws of the chi-square distribution.

import type { RandomStream } from './rng.ts';

/**
 * One draw; half of it is a gamma variable of shape `freedom / 2`.
 * @param freedom - degrees of freedom, at least 2.
 * @see Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
 */
export function chiSquareDraw(random: RandomStream, freedom: number): number {
  const d = freedom / 2 - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const u = 1 - random.uniform();
    if (Math.log(u) < 0.5 * x * x + d - d * v + d * Math.log(v)) return 2 * d * v;
  }
}
