// The symmetric random walk with learned step sizes: z' = z + h u.

import { add, exp, filled, mul, sub } from '../../numeric/array-math.ts';
import { constantInit } from '../parameters.ts';
import type { PathKernel } from './path-kernel.ts';

export function randomWalkKernel({
  dim,
  stepSize,
}: {
  readonly dim: number;
  readonly stepSize: number;
}): PathKernel {
  return {
    name: 'rwm',
    usesInnovation: true,
    usesMomentum: false,
    parameters: [{ name: 'logStep', dims: [dim], initial: constantInit(Math.log(stepSize)) }],
    propose({ logStep }, at, { u }, density) {
      const z = add(at.z, mul(exp(logStep!), u!));
      const logDensity = density(z);
      return {
        moved: { ...at, z, logDensity },
        stayed: at,
        logRatio: sub(logDensity, at.logDensity),
        logDet: filled(0, [z.shape[0]!], z),
        commonLogDet: null,
      };
    },
    retrace({ logStep }, z, { u }) {
      return { z: sub(z, mul(exp(logStep!), u!)), logDet: filled(0, [z.shape[0]!], z) };
    },
  };
}
