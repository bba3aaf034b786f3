// Chains by segments: each a pure function of the state before it and its steps' numbers, so that a run killed
// anywhere and continued from its last checkpoint leaves the same bytes.

import { PipelineError } from '#schemas/errors.ts';
import { fillNormals } from '../numeric/philox-address.ts';
import { addStep, emptyHealth, type HealthSums } from './diagnostics/kernel-health.ts';
import type { ChainState, Kernel, StepInfo, StepOptions } from './kernel.ts';
import type { FloatArray } from './parameters.ts';
import type { PathModel } from './path/path-model.ts';

/** Everything between two segments; typed arrays and numbers only. */
export interface SamplerState {
  /** Number of the next step. */
  readonly step: number;
  readonly chain: ChainState;
  /** How each kernel fared so far, by name. */
  readonly health: Readonly<Record<string, HealthSums>>;
}

/** The recorded steps of a segment, draw after draw, chains side by side. */
export interface SegmentDraws {
  readonly chains: number;
  readonly draws: number;
  /** Number of the step that each draw came after, `[draws]`. */
  readonly steps: Float64Array;
  /** `[draws, chains, dim]`. */
  readonly z: Float64Array;
  /** `[draws, chains]` natural logarithm, unnormalised. */
  readonly logDensity: Float64Array;
  /** Names that `kernel` indexes. */
  readonly kernels: readonly string[];
  /** `[draws, chains]` the step's last kernel whose proposal was accepted, or its last one where none was. */
  readonly kernel: Uint16Array;
  /** `[draws, chains]` 1 where some kernel of the step moved the chain. */
  readonly accepted: Uint8Array;
  /** `[draws, chains]` direction of that move: 1, -1, or 0 for none. */
  readonly direction: Int8Array;
  /** `[draws, chains]` distance covered by the whole step. */
  readonly jump: Float32Array;
}

export interface SegmentOptions extends StepOptions {
  readonly seed: number;
  /** `[chains]` number of each chain. */
  readonly chains: Uint32Array;
  /** The segment's steps are `from <= step < to`. */
  readonly from: number;
  readonly to: number;
  /** Every thin-th step is recorded, counted from step 0. @default 1 */
  readonly thin?: number;
  /** Steps before it are not recorded. @default 0 */
  readonly warmup?: number;
}

export function beginSampling(chain: ChainState): SamplerState {
  return { step: 0, chain, health: {} };
}

/**
 * Runs steps `from` to `to` of a batch of chains.
 * @throws PipelineError `internal` where the state is not the one that step `from` begins with.
 */
export async function runSegment(
  kernel: Kernel,
  state: SamplerState,
  options: SegmentOptions,
): Promise<{ readonly state: SamplerState; readonly draws: SegmentDraws }> {
  const { seed, chains, from, to, thin = 1, warmup = 0, signal } = options;
  if (state.step !== from || to < from) {
    throw new PipelineError({
      kind: 'internal',
      what: 'a segment goes on where the state before it ended',
      value: `state at step ${state.step}, segment ${from} to ${to}`,
    });
  }
  const records: StepRecord[] = [];
  let { chain, health } = state;
  for (let step = from; step < to; step++) {
    const done = await kernel.step({ seed, step, chains }, chain, signal === undefined ? {} : { signal });
    health = addInfo(health, done.info, chains.length);
    if (step >= warmup && step % thin === 0) records.push(recordOf(step, { before: chain, ...done }));
    chain = done.state;
  }
  return { state: { step: to, chain, health }, draws: joinRecords(records, chains.length) };
}

/** Points that chains start from, drawn from the initial law of a trained model, `[chains, dim]`. */
export function initialPoints(
  { dim, initial }: PathModel,
  {
    theta,
    seed,
    chains,
  }: { readonly theta: FloatArray; readonly seed: number; readonly chains: Uint32Array },
): Float64Array {
  const address = { seed, step: 0, purpose: 'init' } as const;
  const z = fillNormals(new Float64Array(chains.length * dim), chains, address);
  // A learned law's mean and raw scale come first among the parameters.
  const learned = initial.law === 'learned';
  return z.map((normal, at) => {
    const i = at % dim;
    const scale = learned ? Math.log1p(Math.exp(theta[dim + i]!)) : initial.scale;
    return (learned ? theta[i]! : 0) + scale * normal;
  });
}

interface StepRecord {
  readonly step: number;
  readonly z: Float64Array;
  readonly logDensity: Float64Array;
  readonly info: readonly StepInfo[];
  /** `[chains]` place in `info` of the kernel that the record names. */
  readonly place: Uint16Array;
  readonly jump: Float32Array;
}

function recordOf(
  step: number,
  { before, state, info }: { before: ChainState; state: ChainState; info: readonly StepInfo[] },
): StepRecord {
  const chains = state.logDensity.length;
  const dim = state.z.length / chains;
  const place = Uint16Array.from({ length: chains }, (_, chain) => {
    const last = info.findLastIndex(({ accepted }) => accepted[chain] === 1);
    return last === -1 ? info.length - 1 : last;
  });
  const jump = Float32Array.from({ length: chains }, (_, chain) => {
    let squared = 0;
    for (let at = chain * dim; at < (chain + 1) * dim; at++) squared += (state.z[at]! - before.z[at]!) ** 2;
    return Math.sqrt(squared);
  });
  return { step, z: state.z, logDensity: state.logDensity, info, place, jump };
}

function joinRecords(records: readonly StepRecord[], chains: number): SegmentDraws {
  const draws = records.length;
  const dim = draws === 0 ? 0 : records[0]!.z.length / chains;
  const joined = {
    chains,
    draws,
    steps: Float64Array.from(records, ({ step }) => step),
    z: new Float64Array(draws * chains * dim),
    logDensity: new Float64Array(draws * chains),
    kernels: [...new Set(records.flatMap(({ info }) => info.map(({ kernel }) => kernel)))],
    kernel: new Uint16Array(draws * chains),
    accepted: new Uint8Array(draws * chains),
    direction: new Int8Array(draws * chains),
    jump: new Float32Array(draws * chains),
  };
  for (const [draw, { z, logDensity, info, place, jump }] of records.entries()) {
    joined.z.set(z, draw * chains * dim);
    joined.logDensity.set(logDensity, draw * chains);
    joined.jump.set(jump, draw * chains);
    for (const [chain, at] of place.entries()) {
      const { kernel, accepted, direction } = info[at]!;
      joined.kernel[draw * chains + chain] = joined.kernels.indexOf(kernel);
      joined.accepted[draw * chains + chain] = accepted[chain]!;
      joined.direction[draw * chains + chain] = direction[chain]!;
    }
  }
  return joined;
}

function addInfo(
  health: SamplerState['health'],
  info: readonly StepInfo[],
  chains: number,
): SamplerState['health'] {
  const next = { ...health };
  for (const one of info) next[one.kernel] = addStep(next[one.kernel] ?? emptyHealth(chains), one);
  return next;
}
