// A flow without a Metropolis step, as a kernel: it always maps forward. Accepted and rejected lead to the same point, so
// that with Barker's rule and the uniform reverse law the decision costs as much as it gains, for every draw: the path is
// the normalizing flow, its bound the flow's own, and trainer and evaluator of paths serve both.

import { filled } from '../../numeric/array-math.ts';
import { applyForward, type Bijection } from '../flows/bijection.ts';
import type { PathKernel } from './path-kernel.ts';

/** @param flow - without innovation. @see Rezende and Mohamed, "Variational inference with normalizing flows", 2015. */
export function pushKernel(flow: Bijection): PathKernel {
  return {
    name: 'push',
    usesInnovation: false,
    usesMomentum: false,
    parameters: flow.parameters,
    propose(parameters, at, _draws, density) {
      const { z, logDet } = applyForward(flow, parameters, at.z, null);
      const moved = { z, logDensity: density(z), momentum: at.momentum };
      const none = filled(0, logDet.shape, logDet);
      return { moved, stayed: moved, logRatio: none, logDet: none, commonLogDet: logDet };
    },
    retrace: null,
  };
}
