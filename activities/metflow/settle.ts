// The accept-reject step that all one-proposal kernels share.

import { accepts, logAcceptance, type AcceptRule } from './acceptance.ts';
import { type ChainState, evaluateDensity, type StepInfo, type StepOptions, type Target } from './kernel.ts';

/** Where each chain of a batch may go. */
export interface Proposal {
  /** `[chains, dim]`. */
  readonly z: Float64Array;
  /** `[chains]`. */
  readonly logDensity: Float64Array;
  /** `[chains, dim]`, or null where the kernel needs none. */
  readonly gradient: Float64Array | null;
  /** `[chains]` log of the Metropolis ratio. */
  readonly logRatio: Float64Array;
}

/**
 * Moves the chains whose uniform accepts; momentum and direction are the caller's.
 * @param uniforms - `[chains]` in (0, 1), one to each decision.
 */
export function settle(
  state: ChainState,
  proposal: Proposal,
  options: {
    readonly kernel: string;
    readonly rule: AcceptRule;
    readonly uniforms: Float64Array;
    /** Evaluations of the target that the proposal took. */
    readonly evaluations: number;
  },
): { readonly state: ChainState; readonly info: StepInfo } {
  const { kernel, rule, uniforms } = options;
  const chains = uniforms.length;
  const dim = state.z.length / chains;
  const { logRatio } = proposal;
  const accepted = new Uint8Array(chains);
  const acceptance = new Float64Array(chains);
  const squaredJump = new Float64Array(chains);
  for (let chain = 0; chain < chains; chain++) {
    const ratio = logRatio[chain]!;
    acceptance[chain] = Math.exp(logAcceptance(ratio, { rule }));
    accepted[chain] = accepts(ratio, uniforms[chain]!, { rule }) ? 1 : 0;
    // A proposal with no chance may lie at infinity, and 0 times infinity is NaN.
    const distance = squaredDistance(state.z, proposal.z, chain * dim, dim);
    squaredJump[chain] = acceptance[chain] === 0 ? 0 : acceptance[chain]! * distance;
  }
  return {
    state: {
      ...state,
      z: chooseRows(accepted, proposal.z, state.z),
      logDensity: chooseRows(accepted, proposal.logDensity, state.logDensity),
      gradient:
        state.gradient === null || proposal.gradient === null
          ? null
          : chooseRows(accepted, proposal.gradient, state.gradient),
    },
    info: {
      kernel,
      accepted,
      acceptance,
      logRatio,
      squaredJump,
      direction: Int8Array.from(accepted),
      diverged: Uint8Array.from(logRatio, (ratio) => (Number.isNaN(ratio) ? 1 : 0)),
      evaluations: new Uint32Array(chains).fill(options.evaluations),
    },
  };
}

/**
 * Settles exact draws within a polytope: all are accepted, but for those that rounding put outside of it.
 * @param z - `[chains, dim]`.
 */
export async function settleInside(
  target: Target,
  state: ChainState,
  { kernel, z, ...options }: StepOptions & { readonly kernel: string; readonly z: Float64Array },
): Promise<{ readonly state: ChainState; readonly info: readonly StepInfo[] }> {
  const found = await evaluateDensity(target, z.slice(), options);
  const logDensity = found.logDensity.slice();
  const logRatio = logDensity.map((value) => (Number.isFinite(value) ? 0 : Number.NEGATIVE_INFINITY));
  const proposal = { z, logDensity, gradient: found.gradient?.slice() ?? null, logRatio };
  const uniforms = new Float64Array(logRatio.length).fill(0.5);
  const settled = settle(state, proposal, { kernel, rule: 'metropolis', uniforms, evaluations: 1 });
  return { state: settled.state, info: [settled.info] };
}

/** A new array with each row from `yes` where accepted, else from `no`. */
export function chooseRows(accepted: Uint8Array, yes: Float64Array, no: Float64Array): Float64Array {
  const chosen = no.slice();
  const width = no.length / accepted.length;
  for (let row = 0; row < accepted.length; row++) {
    if (accepted[row] === 0) continue;
    for (let at = row * width; at < (row + 1) * width; at++) chosen[at] = yes[at]!;
  }
  return chosen;
}

function squaredDistance(a: Float64Array, b: Float64Array, from: number, dim: number): number {
  let sum = 0;
  for (let at = from; at < from + dim; at++) {
    const difference = b[at]! - a[at]!;
    sum += difference * difference;
  }
  return sum;
}
