// The contract of kernels that a density can be followed through: what one proposes, with its innovation frozen, as
// traced arrays. What is accepted, and what that does to the density, is the path's business.

import { add, asColumn, mul, square, sum, where, type JaxArray } from '../../numeric/array-math.ts';
import type { ParameterSpec, Parameters } from '../parameters.ts';

/** Where the rows of a batch stand. */
export interface PathPoint {
  /** `[rows, dim]`. */
  readonly z: JaxArray;
  /** `[rows]` log density of the target at z. */
  readonly logDensity: JaxArray;
  /** `[rows, dim]`, N(0, I) under the extended target; null on paths without momentum. */
  readonly momentum: JaxArray | null;
}

/**
 * Directions of a batch in which exactly half of the rows, drawn at random, go forward: each row's own law is that of a
 * fair coin, and no row has to be mapped both ways.
 */
export interface BalancedRows {
  /** `[rows]` int32: numbers of the rows, those that go forward first. */
  readonly order: JaxArray;
  /** `[rows]` int32: where each row stands in that order. */
  readonly place: JaxArray;
}

/** Random numbers of one step, frozen. */
export interface StepDraws {
  /** `[rows, dim]` or `[1, dim]` standard normals; null where the kernel takes none. */
  readonly u: JaxArray | null;
  /** `[rows]` 1 or -1: the direction that a flow is applied in. */
  readonly direction: JaxArray;
  /** Says the same as `direction`; null or absent where directions are independent coins. */
  readonly balanced?: BalancedRows | null;
}

export interface PathProposal {
  /** Where acceptance and rejection lead. */
  readonly moved: PathPoint;
  readonly stayed: PathPoint;
  /** `[rows]` log of the Metropolis ratio. */
  readonly logRatio: JaxArray;
  /** `[rows]` log |det| of the move. */
  readonly logDet: JaxArray;
  /** Log |det| of what happens whether accepted or not, a scalar or `[rows]`; null for none. */
  readonly commonLogDet: JaxArray | null;
}

/** A target's log density as the path sees it: `[rows, dim]` to `[rows]`. */
export type Density = (z: JaxArray) => JaxArray;

export interface PathKernel {
  readonly name: string;
  readonly usesInnovation: boolean;
  readonly usesMomentum: boolean;
  /** Logit of the probability of going forward, `[1]`; absent where directions are fair coins. */
  readonly directionLogit?: (parameters: Parameters) => JaxArray;
  readonly parameters: readonly ParameterSpec[];
  propose(parameters: Parameters, at: PathPoint, draws: StepDraws, density: Density): PathProposal;
  /** The step back from where acceptance led; null for kernels whose paths are not enumerated. */
  readonly retrace: ((parameters: Parameters, z: JaxArray, draws: StepDraws) => Retraced) | null;
}

/** Where an accepted step came from. */
export interface Retraced {
  readonly z: JaxArray;
  /** `[rows]` log |det| of the step forward, there. */
  readonly logDet: JaxArray;
}

/** Log density of position and momentum together. */
export function logJoint({ logDensity, momentum }: PathPoint): JaxArray {
  return momentum === null ? logDensity : add(logDensity, logNormal(momentum));
}

/** `[rows]` log density of N(0, I) at the rows. */
export function logNormal(x: JaxArray): JaxArray {
  return add(mul(sum(square(x), 1), -0.5), (-x.shape[1]! / 2) * Math.log(2 * Math.PI));
}

/** Row by row one point or the other. */
export function choosePoint(condition: JaxArray, yes: PathPoint, no: PathPoint): PathPoint {
  const wide = asColumn(condition);
  return {
    z: where(wide, yes.z, no.z),
    logDensity: where(condition, yes.logDensity, no.logDensity),
    momentum: yes.momentum === null ? null : where(wide, yes.momentum, no.momentum!),
  };
}
