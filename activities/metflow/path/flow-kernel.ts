// MetFlow's kernel: a flow, or its inverse, as the proposal.

import { add, asColumn, less, sub, where, neg, type JaxArray } from '../../numeric/array-math.ts';
import { applyForward, applyInverse, type Bijection, type Mapped } from '../flows/bijection.ts';
import type { Parameters } from '../parameters.ts';
import type { PathKernel, StepDraws } from './path-kernel.ts';

/**
 * z' = T^v(z) with v = ±1 of equal probability: log ratio log pi(z') + log |det J_{T^v}(z)| - log pi(z). It keeps the
 * target for any flow and any frozen u.
 * @see Thin et al., "MetFlow", arXiv 2002.12253.
 */
export function flowKernel(flow: Bijection): PathKernel {
  return {
    name: 'metflow',
    usesInnovation: flow.usesInnovation,
    usesMomentum: false,
    parameters: flow.parameters,
    propose(parameters, at, draws, density) {
      const { z, logDet } = directed(flow, parameters, at.z, draws);
      const logDensity = density(z);
      const logRatio = sub(add(logDensity, logDet), at.logDensity);
      const moved = { z, logDensity, momentum: at.momentum };
      return { moved, stayed: at, logRatio, logDet, commonLogDet: null };
    },
    retrace(parameters, z, draws) {
      const back = directed(flow, parameters, z, { ...draws, direction: neg(draws.direction) });
      return { z: back.z, logDet: neg(back.logDet) };
    },
  };
}

/** T or its inverse, row by row. */
function directed(flow: Bijection, parameters: Parameters, z: JaxArray, { u, direction }: StepDraws): Mapped {
  const own = flow.usesInnovation ? u : null;
  const there = applyForward(flow, parameters, z, own);
  const back = applyInverse(flow, parameters, z, own);
  const forward = less(0, direction);
  return {
    z: where(asColumn(forward), there.z, back.z),
    logDet: where(forward, there.logDet, back.logDet),
  };
}
