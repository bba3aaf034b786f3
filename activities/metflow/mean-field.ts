// The mean-field law as a path: a Gaussian of independent coordinates behind which one kernel stays where it is. With
// Barker's rule and the uniform reverse law its decision costs as much as it gains, so the path's bound is the Gaussian's
// for every draw, and trainer and evaluator of paths serve both.

import { filled } from '../numeric/array-math.ts';
import { pathModel, type InitialLaw, type PathModel } from './path/path-model.ts';
import type { PathKernel } from './path/path-kernel.ts';

/** @param initial - standard deviation that training starts from, and the units of the parameters. */
export function meanFieldPath({
  dim,
  ...initial
}: Omit<InitialLaw, 'law'> & { readonly dim: number }): PathModel {
  return pathModel({
    dim,
    groups: [{ kernel: STAY, count: 1, conditioning: 'none' }],
    initial: { law: 'learned', ...initial },
    reverse: { law: 'uniform' },
    rule: 'barker',
  });
}

const STAY: PathKernel = {
  name: 'stay',
  usesInnovation: false,
  usesMomentum: false,
  parameters: [],
  propose(_parameters, at) {
    const none = filled(0, [at.z.shape[0]!], at.z);
    return { moved: at, stayed: at, logRatio: none, logDet: none, commonLogDet: null };
  },
  retrace: null,
};

/**
 * The least that a uniform reverse law loses: K log 2 less the entropies of the mean decisions, nats.
 * @param acceptRate - share of proposals accepted, per kernel.
 */
export function leastUniformLoss(acceptRate: ArrayLike<number>): number {
  return Array.from(acceptRate).reduce((sum, rate) => sum + Math.LN2 - entropy(rate), 0);
}

function entropy(p: number): number {
  return [p, 1 - p].reduce((sum, share) => (share > 0 ? sum - share * Math.log(share) : sum), 0);
}
