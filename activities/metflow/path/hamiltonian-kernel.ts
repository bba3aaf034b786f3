// Hamiltonian steps with partial refreshment, whose share kept and step sizes are learned. Only partial refreshment
// has a density to follow: with full refreshment the map of the position alone is intractable.

import { grad } from '@jax-js/jax';
import {
  add,
  broadcast,
  exp,
  filled,
  log,
  mul,
  neg,
  sigmoid,
  sqrt,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { constantInit } from '../parameters.ts';
import { logJoint, type Density, type PathKernel, type PathPoint } from './path-kernel.ts';

export interface HamiltonianOptions {
  readonly dim: number;
  readonly stepSize: number;
  /** Leapfrog steps. */
  readonly steps: number;
  /** Share c of the momentum kept at first, in (0, 1). @default 0.5 */
  readonly kept?: number;
}

/**
 * Refresh `p' = c p + sqrt(1 - c^2) u` (log det D log c, accepted or not), then leapfrog; a rejection reverses the
 * refreshed momentum.
 * @see Neal, "MCMC using Hamiltonian dynamics", 2011, section 5.5.3.
 */
export function hamiltonianKernel({ dim, stepSize, steps, kept = 0.5 }: HamiltonianOptions): PathKernel {
  return {
    name: 'hmc',
    usesInnovation: true,
    usesMomentum: true,
    parameters: [
      { name: 'logStep', dims: [dim], initial: constantInit(Math.log(stepSize)) },
      { name: 'keptLogit', dims: [1], initial: constantInit(Math.log(kept / (1 - kept))) },
    ],
    propose({ logStep, keptLogit }, at, { u }, density) {
      const share = sigmoid(keptLogit!);
      const fresh = sqrt(sub(1, square(share)));
      const momentum = add(mul(share, at.momentum!), mul(fresh, u!));
      const start = { ...at, momentum };
      const moved = leapfrog(start, { size: exp(logStep!), steps }, density);
      const rows = at.z.shape[0]!;
      return {
        moved,
        stayed: { ...at, momentum: neg(momentum) },
        logRatio: sub(logJoint(moved), logJoint(start)),
        logDet: filled(0, [rows], at.z),
        commonLogDet: broadcast(mul(sum(log(share)), dim), [rows]),
      };
    },
    retrace: null,
  };
}

function leapfrog(
  start: PathPoint & { readonly momentum: JaxArray },
  { size, steps }: { readonly size: JaxArray; readonly steps: number },
  density: Density,
): PathPoint {
  const slope = grad(((z: JaxArray) => sum(density(z))) as never) as unknown as (z: JaxArray) => JaxArray;
  const half = mul(size, 0.5);
  let { z, momentum } = start;
  let gradient = slope(z.ref);
  for (let step = 0; step < steps; step++) {
    momentum = add(momentum, mul(half, gradient));
    z = add(z, mul(size, momentum));
    gradient = slope(z.ref);
    momentum = add(momentum, mul(half, gradient));
  }
  return { z, momentum, logDensity: density(z) };
}
