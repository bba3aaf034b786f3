// The four two-dimensional shapes of Rezende and Mohamed, with a soft wall where they have infinite mass.

import {
  absolute,
  add,
  column,
  div,
  exp,
  logAddExp,
  maximum,
  mul,
  neg,
  sigmoid,
  sin,
  sqrt,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { TracedTarget } from './target.ts';

export type ShapeName = 't1' | 't2' | 't3' | 't4';

const LOG_Z: Readonly<Record<ShapeName, number>> = { t1: 1.877502, t2: 2.14287, t3: 2.702486, t4: 2.771479 };

/**
 * Shape 1 is proper; 2 to 4 extend along z1 without end and get the factor exp(-((|z1| - 4)_+ / 0.2)^2 / 2), without
 * which no bound would be bounded. log Z by quadrature.
 * @see Rezende and Mohamed, "Variational inference with normalizing flows", arXiv 1505.05770, table 1.
 */
export function densityMatch({ shape }: { shape: ShapeName }): TracedTarget {
  return {
    dim: 2,
    logZ: LOG_Z[shape],
    logDensity(z) {
      const [first, second] = [column(z, 0), column(z, 1)];
      if (shape === 't1') return ringOfTwo(z, first);
      return sub(waves(shape, first, second), half(div(maximum(sub(absolute(first), 4), 0), 0.2)));
    },
  };
}

function waves(shape: 't2' | 't3' | 't4', first: JaxArray, second: JaxArray): JaxArray {
  const away = sub(second, sin(mul(first, Math.PI / 2)));
  if (shape === 't2') return neg(half(div(away, 0.4)));
  const at = mul(sub(first, 1), shape === 't3' ? 1 / 0.6 : 1 / 0.3);
  if (shape === 't3') {
    const bump = mul(exp(neg(half(at))), 3);
    return logAddExp(neg(half(div(away, 0.35))), neg(half(div(add(away, bump), 0.35))));
  }
  const step = mul(sigmoid(at), 3);
  return logAddExp(neg(half(div(away, 0.4))), neg(half(div(add(away, step), 0.35))));
}

function ringOfTwo(z: JaxArray, first: JaxArray): JaxArray {
  const radius = sqrt(add(sum(square(z), 1), 1e-12));
  const bump = (at: number) => neg(half(div(sub(first, at), 0.6)));
  return sub(logAddExp(bump(2), bump(-2)), half(div(sub(radius, 2), 0.4)));
}

/** x^2 / 2. */
function half(x: JaxArray): JaxArray {
  return mul(square(x), 0.5);
}
