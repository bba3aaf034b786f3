// Two crescents, open towards the middle.

import { add, column, logAddExp, mul, sqrt, square, sub, sum } from '../../numeric/array-math.ts';
import type { TracedTarget } from './target.ts';

const RADIUS = 2;
const WIDTH = 0.2;
const PLACE = 2;
const SPREAD = 0.3;

/**
 * -((|z| - 2) / 0.2)^2 / 2 plus the logarithm of two bumps of width 0.3 at z1 = ±2.
 * @see Rezende and Mohamed, "Variational inference with normalizing flows", arXiv 1505.05770, table 1, in its usual
 * form with narrower crescents. log Z by quadrature (test/metflow/targets.test.ts).
 */
export function twoMoons(): TracedTarget {
  return {
    dim: 2,
    logZ: 0.8042144486,
    logDensity(z) {
      const first = column(z, 0);
      // The root's slope at 0 is not finite, but nothing of the mass is near.
      const radius = sqrt(add(sum(square(z), 1), 1e-12));
      const ringPart = mul(square(mul(sub(radius, RADIUS), 1 / WIDTH)), -0.5);
      const bump = (at: number) => mul(square(mul(sub(first, at), 1 / SPREAD)), -0.5);
      return add(ringPart, logAddExp(bump(PLACE), bump(-PLACE)));
    },
  };
}
