// MetFlow's kernel: a flow, or its inverse, as the proposal.

import {
  add,
  asColumn,
  column,
  columns,
  concatenate,
  less,
  mul,
  neg,
  rowsAt,
  split,
  sub,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { applyForward, applyInverse, type Bijection, type Mapped } from '../flows/bijection.ts';
import { constantInit, type Parameters } from '../parameters.ts';
import type { BalancedRows, PathKernel, StepDraws } from './path-kernel.ts';

/** How often a flow goes forward: half of the time, or as often as training finds best. */
export type ForwardShare = 'half' | 'learned';

/**
 * z' = T^v(z), v = ±1 of probabilities nu: log ratio log pi(z') + log |det J_{T^v}(z)| + log nu(-v) - log pi(z) -
 * log nu(v). It keeps the target for any flow, any nu and any frozen u.
 * @see Thin et al., "MetFlow", arXiv 2002.12253.
 */
export function flowKernel(flow: Bijection, forward: ForwardShare = 'half'): PathKernel {
  const learned = forward === 'learned';
  return {
    name: 'metflow',
    usesInnovation: flow.usesInnovation,
    usesMomentum: false,
    ...(learned ? { directionLogit: ({ directionLogit }: Parameters) => directionLogit! } : {}),
    parameters: [
      ...flow.parameters,
      ...(learned ? [{ name: 'directionLogit', dims: [1], initial: constantInit(0) }] : []),
    ],
    propose(parameters, at, draws, density) {
      const { z, logDet } = directed(flow, parameters, at.z, draws);
      const logDensity = density(z);
      const plain = sub(add(logDensity, logDet), at.logDensity);
      // log nu(-v) - log nu(v) = -v logit.
      const logRatio = learned ? sub(plain, mul(draws.direction, parameters.directionLogit!)) : plain;
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
function directed(flow: Bijection, parameters: Parameters, z: JaxArray, draws: StepDraws): Mapped {
  const { u, direction, balanced = null } = draws;
  const own = flow.usesInnovation ? u : null;
  if (balanced !== null) return halved(flow, parameters, { z, u: own, balanced });
  const there = applyForward(flow, parameters, z, own);
  const back = applyInverse(flow, parameters, z, own);
  const forward = less(0, direction);
  return {
    z: where(asColumn(forward), there.z, back.z),
    logDet: where(forward, there.logDet, back.logDet),
  };
}

/** T for the first half of the rows' order, its inverse for the second. */
function halved(
  flow: Bijection,
  parameters: Parameters,
  { z, u, balanced }: { readonly z: JaxArray; readonly u: JaxArray | null; readonly balanced: BalancedRows },
): Mapped {
  const { order, place } = balanced;
  const half = z.shape[0]! / 2;
  const halves = (x: JaxArray) => split(rowsAt(x, order), [half, half], 0);
  const [first, second] = halves(z);
  const [firstU, secondU] = u === null || u.shape[0] === 1 ? [u, u] : halves(u);
  const maps = [
    applyForward(flow, parameters, first!, firstU!),
    applyInverse(flow, parameters, second!, secondU!),
  ];
  const wide = maps.map((map) => concatenate([map.z, asColumn(map.logDet)], 1));
  const mapped = rowsAt(concatenate(wide, 0), place);
  return { z: columns(mapped, 0, flow.dim), logDet: column(mapped, flow.dim) };
}
