// A sampler: what is applied to the chains in every sweep, and what of it adapts.

import type { ChainState, Kernel, KernelScales, Target } from '../kernel.ts';
import { roughStepSize, beginWarmUp, type WarmUpState } from '../warm-up.ts';

/** One kernel of a sweep. */
export interface SweepKernel {
  /** How scales are found: fixed ones, or in the warm-up with a mean acceptance as its aim. */
  readonly scales:
    | { readonly kind: 'none' }
    | { readonly kind: 'fixed'; readonly stepSize: number }
    /** `[dim]` of every chain, with unit step size. */
    | { readonly kind: 'trained'; readonly variance: Float64Array }
    | {
        readonly kind: 'adapted';
        readonly targetAcceptance: number;
        /** First step size: found by trial leapfrog steps, as it is or as half its square; or a number. */
        readonly first: 'leapfrog' | 'half-square' | number;
      };
  /** Kernels without scales ignore them. */
  build(scales: KernelScales): Kernel;
}

/** Chains of one group under one sampler. */
export interface Sampler {
  readonly target: Target;
  readonly kernels: readonly SweepKernel[];
  readonly seed: number;
  /** `[chains]` numbers of the group's chains in the whole run. */
  readonly chains: Uint32Array;
  readonly warmup: number;
  /** Sweeps per draw. */
  readonly thin: number;
  /** Where chains start: N(mean, scale^2), `[dim]` each. */
  readonly start: { readonly mean: Float64Array; readonly scale: Float64Array };
}

/** The beginning of a kernel's adaptation: fixed scales are one that has nothing left to learn. */
export async function beginAdaptation(
  { target, seed, chains, warmup }: Sampler,
  { scales }: SweepKernel,
  { state, signal }: { readonly state: ChainState; readonly signal: AbortSignal },
): Promise<WarmUpState> {
  const { dim } = target;
  const variance = Float64Array.from(state.z, (_, at) =>
    scales.kind === 'trained' ? scales.variance[at % dim]! : 1,
  );
  const uniform = (stepSize: number) => ({
    stepSize: new Float64Array(chains.length).fill(stepSize),
    variance,
  });
  if (scales.kind !== 'adapted')
    return beginWarmUp(uniform(scales.kind === 'fixed' ? scales.stepSize : 1), { steps: 0 });
  const { targetAcceptance, first } = scales;
  const options = { steps: warmup, targetAcceptance };
  if (typeof first === 'number') return beginWarmUp(uniform(first), options);
  const rough = await roughStepSize(target, state, { seed, chains, signal });
  const stepSize = first === 'leapfrog' ? rough : rough.map((step) => (step * step) / 2);
  return beginWarmUp({ stepSize, variance }, options);
}
