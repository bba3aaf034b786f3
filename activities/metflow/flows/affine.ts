// Scale and shift of every coordinate: z' = z exp(s) + t. With rotations around it, any affine map.

import { add, broadcast, exp, mul, neg, sub, sum } from '../../numeric/array-math.ts';
import { constantInit } from '../parameters.ts';
import type { Bijection } from './bijection.ts';

export function affine({ dim }: { readonly dim: number }): Bijection {
  return {
    dim,
    usesInnovation: false,
    parameters: [
      { name: 'logScale', dims: [dim], initial: constantInit(0) },
      { name: 'shift', dims: [dim], initial: constantInit(0) },
    ],
    forward({ logScale, shift }, z) {
      const logDet = broadcast(sum(logScale!), [z.shape[0]!]);
      return { z: add(mul(z, exp(logScale!)), shift!), logDet };
    },
    inverse({ logScale, shift }, z) {
      const logDet = broadcast(neg(sum(logScale!)), [z.shape[0]!]);
      return { z: mul(sub(z, shift!), exp(neg(logScale!))), logDet };
    },
  };
}
