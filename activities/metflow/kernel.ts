// What every kernel of the samplers has in common: a batch of chains as arrays, one step of all of them, and what the
// step reports. Kernels are pure: (address, state) gives (state, info), and a chain's bytes depend on the seed, its
// number and the step alone, not on which chains share its batch.

import { PipelineError } from '#schemas/errors.ts';
import { fillNormals, fillUniforms } from '../numeric/philox-address.ts';
import type { Walls } from './walls.ts';

/** Log density and gradient of a batch of points. */
export interface Evaluation {
  /** `[rows]` natural logarithms, unnormalised; NaN and -Infinity are rejected as proposals. */
  readonly logDensity: Float64Array;
  /** `[rows, dim]` gradient of the log density. */
  readonly gradient: Float64Array;
}

/**
 * A density to sample. A row's result must not depend on the other rows nor on how many there are (an adapter that
 * compiles per shape pads the batch). `z` is `[rows, dim]` row-major, is overwritten after the answer, and what is
 * answered may be overwritten by the next call.
 */
export interface Target {
  readonly dim: number;
  logDensityAndGradient(z: Float64Array): Evaluation | Promise<Evaluation>;
  /** `[rows]`; for kernels that need no gradient, where it is cheaper. */
  logDensity?(z: Float64Array): Float64Array | Promise<Float64Array>;
  /** Where it is a standard normal cut down to a polytope. */
  readonly walls?: Walls;
}

/** A batch of chains, in the order of {@link StepAddress.chains}. What the next step needs, and no more. */
export interface ChainState {
  /** `[chains, dim]`. */
  readonly z: Float64Array;
  /** `[chains]` log density at `z`. */
  readonly logDensity: Float64Array;
  /** `[chains, dim]` gradient at `z`; null after a kernel that needs none, then evaluated again by one that does. */
  readonly gradient: Float64Array | null;
  /** `[chains, dim]` momentum in units where its law is N(0, I) whatever the mass; kept by partial refreshment. */
  readonly momentum: Float64Array;
  /** `[chains]` -1 or 1: the direction that lifted kernels keep. */
  readonly direction: Int8Array;
}

/** Names the draws of one step. */
export interface StepAddress {
  readonly seed: number;
  /** Number of the step from 0, at most 2^53 - 1. */
  readonly step: number;
  /** First draw part that is the kernel's own; compositions hand out the following ones. @default 0 */
  readonly part?: number;
  /** `[chains]` number of each chain of the batch, the same in any grouping. */
  readonly chains: Uint32Array;
}

/** What one kernel did to each chain; diagnostics read it, no kernel does. */
export interface StepInfo {
  readonly kernel: string;
  /** `[chains]` 1 where the proposal was accepted (NUTS: where the chain moved). */
  readonly accepted: Uint8Array;
  /** `[chains]` probability of acceptance, 0 where the ratio is NaN (NUTS: its mean over the trajectory). */
  readonly acceptance: Float64Array;
  /** `[chains]` log Metropolis ratio; NUTS: minus the largest energy error. */
  readonly logRatio: Float64Array;
  /** `[chains]` expected squared jump given the proposal, acceptance times |z' - z|^2 (NUTS: the jump made). */
  readonly squaredJump: Float64Array;
  /** `[chains]` 0 where rejected, else the direction of the move: 1, or -1 for an inverse map. */
  readonly direction: Int8Array;
  /** `[chains]` 1 where the density or a map gave NaN, or the energy error passed 1000. */
  readonly diverged: Uint8Array;
  /** `[chains]` evaluations of the target. */
  readonly evaluations: Uint32Array;
}

export interface StepOptions {
  readonly signal?: AbortSignal;
}

/** One transition of a batch of chains that leaves the target invariant. */
export interface Kernel {
  readonly name: string;
  /** How many kernels draw within a step: 1, or the sum of a composition's. */
  readonly parts: number;
  /** Inputs are not written; the new state shares no buffer that a later step writes. Info: one entry per kernel. */
  step(
    address: StepAddress,
    state: ChainState,
    options?: StepOptions,
  ): Promise<{ readonly state: ChainState; readonly info: readonly StepInfo[] }>;
}

/** Scales of a local kernel, per chain, so that no chain's adaptation reads another's draws. */
export interface KernelScales {
  /** `[chains]`. */
  readonly stepSize: Float64Array;
  /** `[chains, dim]` diagonal of the preconditioner: the target's variances, or the inverse mass. */
  readonly variance: Float64Array;
}

/** The same step size for every chain, and unit variances. */
export function uniformScales(
  stepSize: number,
  { chains, dim }: { chains: number; dim: number },
): KernelScales {
  if (!(stepSize > 0 && Number.isFinite(stepSize))) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a step size is a finite number above 0',
      value: String(stepSize),
    });
  }
  return {
    stepSize: new Float64Array(chains).fill(stepSize),
    variance: new Float64Array(chains * dim).fill(1),
  };
}

/**
 * Starts chains at given points; momentum and direction are drawn from their own laws.
 * @param z - `[chains, dim]`, copied.
 * @throws PipelineError `non-finite-input` naming the first chain whose starting density is NaN or infinite.
 */
export async function initState(
  target: Target,
  z: Float64Array,
  { seed, chains, ...options }: Pick<StepAddress, 'seed' | 'chains'> & StepOptions,
): Promise<ChainState> {
  const { logDensity, gradient } = await evaluate(target, z.slice(), options);
  const bad = logDensity.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new PipelineError({
      kind: 'non-finite-input',
      what: 'the log density at the start of a chain is not finite',
      where: `chain ${chains[bad]}`,
      value: `${logDensity[bad]}`,
      remedy: 'Start the chains where the target has mass, or correct the target.',
    });
  }
  const coins = new Float64Array(chains.length);
  fillUniforms(coins, chains, { seed, step: 0, purpose: 'initDirection' });
  return {
    z: z.slice(),
    logDensity: logDensity.slice(),
    gradient: gradient.slice(),
    momentum: fillNormals(new Float64Array(z.length), chains, { seed, step: 0, purpose: 'initMomentum' }),
    direction: Int8Array.from(coins, (coin) => (coin < 0.5 ? 1 : -1)),
  };
}

/**
 * Evaluates a target and holds it to its shapes.
 * @param z - `[rows, dim]`.
 * @throws PipelineError `shape-mismatch` where the answer has other lengths.
 */
export async function evaluate(
  target: Target,
  z: Float64Array,
  { signal }: StepOptions = {},
): Promise<Evaluation> {
  signal?.throwIfAborted();
  const answer = target.logDensityAndGradient(z);
  const found = answer instanceof Promise ? await answer : answer;
  const rows = z.length / target.dim;
  if (found.logDensity.length !== rows || found.gradient.length !== z.length) {
    throw wrongShape(
      `${found.logDensity.length} densities, ${found.gradient.length} derivatives`,
      z,
      target.dim,
    );
  }
  return found;
}

/** Log density alone where the target offers that, with the gradient where it comes anyway. */
export async function evaluateDensity(
  target: Target,
  z: Float64Array,
  options: StepOptions = {},
): Promise<{ readonly logDensity: Float64Array; readonly gradient: Float64Array | null }> {
  if (target.logDensity === undefined) return evaluate(target, z, options);
  options.signal?.throwIfAborted();
  const logDensity = await target.logDensity(z);
  if (logDensity.length !== z.length / target.dim) {
    throw wrongShape(`${logDensity.length} densities`, z, target.dim);
  }
  return { logDensity, gradient: null };
}

/** The gradient at the state: kept, or evaluated where the last kernel needed none. */
export async function gradientOf(
  target: Target,
  { z, gradient }: ChainState,
  options: StepOptions = {},
): Promise<Float64Array> {
  return gradient ?? (await evaluate(target, z.slice(), options)).gradient.slice();
}

function wrongShape(value: string, z: Float64Array, dim: number): PipelineError {
  return new PipelineError({
    kind: 'shape-mismatch',
    what: `a target answers one log density per point and one derivative per coordinate`,
    where: `${z.length / dim} points of dimension ${dim}`,
    value,
    remedy: 'Correct the shapes that the target returns.',
  });
}
