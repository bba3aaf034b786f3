// K steps from z0: which proposals are accepted, with what probability, and how the density follows.

import {
  absolute,
  add,
  less,
  log,
  maximum,
  minimum,
  mul,
  neg,
  not,
  number,
  sigmoid,
  softplus,
  stopGradient,
  sub,
  tanh,
  where,
  equal,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { AcceptRule } from '../acceptance.ts';
import type { Parameters } from '../parameters.ts';
import {
  choosePoint,
  type BalancedRows,
  type Density,
  type PathKernel,
  type PathPoint,
  type PathProposal,
} from './path-kernel.ts';

/** How a flow's direction goes on: drawn anew each step, or kept until a rejection turns it. */
export type DirectionLaw = 'reversible' | 'lifted';

/** Random numbers of a whole path. */
export interface PathDraws {
  /** One per step: `[rows, dim]`, `[1, dim]` or null. */
  readonly u: readonly (JaxArray | null)[];
  /**
   * `[rows]` per step, 1 or -1; the lifted path uses the first. For a kernel that learns its directions uniforms in
   * (0, 1).
   */
  readonly direction: readonly JaxArray[];
  /** Per step; absent where directions are independent coins. The lifted path has none. */
  readonly balanced?: readonly (BalancedRows | null)[];
  /** `[rows]` per step, uniform in (0, 1). */
  readonly accept: readonly JaxArray[];
}

export interface PathStep {
  readonly before: PathPoint;
  readonly after: PathPoint;
  readonly proposal: PathProposal;
  /** `[rows]` 1 or -1. */
  readonly direction: JaxArray;
  /** `[rows]` its log probability; null for fair coins. */
  readonly logDirection: JaxArray | null;
  /** `[rows]` bools. */
  readonly accepted: JaxArray;
  /** `[rows]` log probabilities of acceptance and rejection. */
  readonly logAccept: JaxArray;
  readonly logReject: JaxArray;
}

/** A step's kernel with its own parameters. */
export interface BoundKernel {
  readonly kernel: PathKernel;
  readonly parameters: Parameters;
}

/** Runs the path; each step's innovation is frozen, so that the final point is a function of where it started. */
export function runPath(
  kernels: readonly BoundKernel[],
  start: PathPoint,
  options: {
    readonly draws: PathDraws;
    readonly density: Density;
    readonly rule: AcceptRule;
    readonly directions: DirectionLaw;
  },
): readonly PathStep[] {
  const { draws, density, rule, directions } = options;
  const steps: PathStep[] = [];
  let before = start;
  let direction = draws.direction[0]!;
  for (const [k, { kernel, parameters }] of kernels.entries()) {
    let logDirection: JaxArray | null = null;
    if (directions === 'reversible') {
      ({ direction, logDirection } = drawnDirection({ kernel, parameters }, draws.direction[k]!));
    }
    const step = { u: draws.u[k]!, direction, balanced: draws.balanced?.[k] ?? null };
    const proposal = kernel.propose(parameters, before, step, density);
    const ratio = safeRatio(proposal.logRatio);
    const logAccept = logAcceptance(ratio, rule);
    const logReject = logRejection(ratio, rule);
    const accepted = less(log(draws.accept[k]!), stopGradient(logAccept));
    const after = choosePoint(accepted, proposal.moved, proposal.stayed);
    steps.push({ before, after, proposal, direction, logDirection, accepted, logAccept, logReject });
    before = after;
    if (directions === 'lifted') direction = where(accepted, direction, neg(direction));
  }
  return steps;
}

/** The direction of each row, and its log probability where it is learned. */
function drawnDirection(
  { kernel, parameters }: BoundKernel,
  draw: JaxArray,
): Pick<PathStep, 'direction' | 'logDirection'> {
  const logit = kernel.directionLogit?.(parameters);
  if (logit === undefined) return { direction: draw, logDirection: null };
  const forward = less(draw, stopGradient(sigmoid(logit)));
  const direction = where(forward, number(1, draw), number(-1, draw));
  return { direction, logDirection: neg(softplus(neg(mul(direction, logit)))) };
}

/** A NaN ratio counts as -Infinity: a broken proposal is rejected. */
function safeRatio(logRatio: JaxArray): JaxArray {
  return where(equal(logRatio, logRatio), logRatio, Number.NEGATIVE_INFINITY);
}

/** Log of rho(exp l). */
export function logAcceptance(logRatio: JaxArray, rule: AcceptRule): JaxArray {
  switch (rule) {
    case 'metropolis':
      return minimum(logRatio, 0);
    case 'barker':
      return logSigmoid(logRatio);
  }
}

/** Log of 1 - rho(exp l); -Infinity where acceptance is certain. */
export function logRejection(logRatio: JaxArray, rule: AcceptRule): JaxArray {
  switch (rule) {
    case 'metropolis': {
      const certain = not(less(logRatio, 0));
      // 1 - e^l = tanh(-l / 2) (1 + e^l), with all digits near l = 0; -1 stands in where it is not used.
      const l = maximum(where(certain, -1, logRatio), -1e4);
      const value = add(log(tanh(mul(l, -0.5))), softplus(l));
      return where(certain, Number.NEGATIVE_INFINITY, value);
    }
    case 'barker':
      return logSigmoid(neg(logRatio));
  }
}

/** log of 1 / (1 + exp(-l)); neither it nor its gradient takes the exponential of anything above 0. */
function logSigmoid(l: JaxArray): JaxArray {
  return sub(where(less(l, 0), l, 0), softplus(neg(absolute(l))));
}

/** The log probability of what happened. */
export function logChosen({ accepted, logAccept, logReject }: PathStep): JaxArray {
  return where(accepted, logAccept, logReject);
}

/** `[rows]` log |det| of what happened. */
export function chosenLogDet({ accepted, proposal }: PathStep): JaxArray {
  const own = where(accepted, proposal.logDet, 0);
  return proposal.commonLogDet === null ? own : add(own, proposal.commonLogDet);
}

/** Rows whose ratio was NaN, as bools. */
export function brokenRows({ proposal: { logRatio } }: PathStep): JaxArray {
  return not(equal(logRatio, logRatio));
}
