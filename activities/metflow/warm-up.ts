// Adaptation of step sizes and variances before the recorded draws, per chain, in Stan's windows: a first stretch for
// the step size, windows of doubling length for the variances, a last stretch for the step size.

import { PipelineError } from '#schemas/errors.ts';
import { fillNormals } from '../numeric/philox-address.ts';
import {
  evaluate,
  gradientOf,
  type ChainState,
  type KernelScales,
  type StepAddress,
  type StepOptions,
  type Target,
} from './kernel.ts';

export interface WarmUpOptions {
  /** Steps of adaptation; below 20 only step sizes are adapted. */
  readonly steps: number;
  /** Mean acceptance aimed at. @default 0.8, for NUTS; MALA 0.574, random walk 0.234 */
  readonly targetAcceptance?: number;
}

/** Everything adaptation remembers: arrays, so a checkpoint keeps it whole. */
export interface WarmUpState {
  /** Steps learnt from so far. */
  readonly step: number;
  readonly steps: number;
  readonly targetAcceptance: number;
  readonly scales: KernelScales;
  readonly averaging: DualAveraging;
  readonly moments: RunningMoments;
}

/** `[chains]` each, but for the number of steps since the last restart. */
interface DualAveraging {
  readonly count: number;
  readonly centre: Float64Array;
  readonly error: Float64Array;
  readonly meanLogStep: Float64Array;
}

/** Welford's sums, `[chains, dim]`. */
interface RunningMoments {
  readonly count: number;
  readonly mean: Float64Array;
  readonly squares: Float64Array;
}

const GAMMA = 0.05;
const DELAY = 10;
const DECAY = 0.75;

/**
 * Starts an adaptation.
 * @param scales - first guesses, such as {@link roughStepSize} and unit variances.
 * @throws PipelineError `config-invalid` where steps or acceptance are out of range.
 */
export function beginWarmUp(
  scales: KernelScales,
  { steps, targetAcceptance = 0.8 }: WarmUpOptions,
): WarmUpState {
  if (!(Number.isInteger(steps) && steps >= 0 && targetAcceptance > 0 && targetAcceptance < 1)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'warm-up takes a whole number of steps and aims at an acceptance between 0 and 1',
      where: 'sample.warmup',
      value: `${steps} steps, acceptance ${targetAcceptance}`,
    });
  }
  return {
    step: 0,
    steps,
    targetAcceptance,
    scales,
    averaging: restart(scales.stepSize),
    moments: noMoments(scales.variance.length),
  };
}

/**
 * Learns from one step.
 * @param z - `[chains, dim]` after it.
 * @param acceptance - `[chains]` of it.
 * @returns a new state; when its `step` reaches `steps` its scales are final.
 * @see Hoffman and Gelman, "The No-U-Turn Sampler", 2014, section 3.2; Stan Reference Manual, "HMC algorithm
 * parameters" (windows, regularised variances).
 */
export function learn(state: WarmUpState, z: Float64Array, acceptance: Float64Array): WarmUpState {
  const { firstStretch, windowEnds } = windowsOf(state.steps);
  const step = state.step + 1;
  let averaging = average(state.averaging, acceptance, state.targetAcceptance);
  let { variance } = state.scales;
  const lastEnd = windowEnds.at(-1) ?? 0;
  let moments = step > firstStretch && step <= lastEnd ? addPoint(state.moments, z) : state.moments;
  let stepSize = averaging.centre.map((centre, chain) =>
    Math.exp(centre - (Math.sqrt(averaging.count) / GAMMA) * averaging.error[chain]!),
  );
  const windowEnded = windowEnds.includes(step);
  if (windowEnded) {
    variance = regularised(moments);
    moments = noMoments(z.length);
  }
  if (windowEnded || step === state.steps) stepSize = averaging.meanLogStep.map(Math.exp);
  if (windowEnded) averaging = restart(stepSize);
  return { ...state, step, scales: { stepSize, variance }, averaging, moments };
}

/**
 * A first step size per chain: halved or doubled until one leapfrog step is accepted about half of the time.
 * @see Hoffman and Gelman, 2014, algorithm 4.
 */
export async function roughStepSize(
  target: Target,
  state: ChainState,
  { seed, chains, ...options }: Pick<StepAddress, 'seed' | 'chains'> & StepOptions,
): Promise<Float64Array> {
  const stepSize = new Float64Array(chains.length).fill(1);
  const trend = new Int8Array(chains.length);
  const gradient = await gradientOf(target, state, options);
  const momentum = fillNormals(new Float64Array(state.z.length), chains, {
    seed,
    step: 0,
    purpose: 'initMomentum',
    part: 1,
  });
  const settled = new Uint8Array(chains.length);
  // 2^±50 is beyond any sensible unit.
  for (let trial = 0; trial < 50 && settled.includes(0); trial++) {
    const errors = await leapfrogErrors(target, { ...state, gradient, momentum }, stepSize, options);
    for (const [chain, error] of errors.entries()) {
      if (settled[chain] === 1) continue;
      // NaN is a step far too long.
      const wanted = error > Math.log(0.5) ? 1 : -1;
      if (trend[chain] === 0) trend[chain] = wanted;
      if (trend[chain] === wanted) stepSize[chain]! *= 2 ** wanted;
      else settled[chain] = 1;
    }
  }
  return stepSize;
}

/** Log acceptance ratio of one leapfrog step with unit variances, per chain. */
async function leapfrogErrors(
  target: Target,
  { z, momentum, logDensity, gradient }: ChainState & { readonly gradient: Float64Array },
  stepSize: Float64Array,
  options: StepOptions,
): Promise<Float64Array> {
  const { dim } = target;
  const middle = momentum.map((value, at) => value + 0.5 * stepSize[Math.floor(at / dim)]! * gradient[at]!);
  const moved = z.map((value, at) => value + stepSize[Math.floor(at / dim)]! * middle[at]!);
  const found = await evaluate(target, moved, options);
  const errors = logDensity.map((value, chain) => found.logDensity[chain]! - value);
  for (let at = 0; at < z.length; at++) {
    const chain = Math.floor(at / dim);
    const end = middle[at]! + 0.5 * stepSize[chain]! * found.gradient[at]!;
    errors[chain]! += (momentum[at]! ** 2 - end ** 2) / 2;
  }
  return errors;
}

/** Where the variances' windows end, in steps. */
function windowsOf(steps: number): { readonly firstStretch: number; readonly windowEnds: readonly number[] } {
  if (steps < 20) return { firstStretch: steps, windowEnds: [] };
  const short = steps < 150;
  const firstStretch = short ? Math.floor(0.15 * steps) : 75;
  const slowEnd = steps - (short ? Math.floor(0.1 * steps) : 50);
  const windowEnds: number[] = [];
  let length = short ? slowEnd - firstStretch : 25;
  for (let start = firstStretch; start < slowEnd; length *= 2) {
    // A rest too short for the next window of double length joins this one.
    const end = start + 3 * length > slowEnd ? slowEnd : start + length;
    windowEnds.push(end);
    start = end;
  }
  return { firstStretch, windowEnds };
}

function restart(stepSize: Float64Array): DualAveraging {
  const zeros = new Float64Array(stepSize.length);
  return {
    count: 0,
    centre: stepSize.map((size) => Math.log(10 * size)),
    error: zeros,
    meanLogStep: zeros,
  };
}

function average(before: DualAveraging, acceptance: Float64Array, aim: number): DualAveraging {
  const count = before.count + 1;
  const gain = 1 / (count + DELAY);
  const error = before.error.map((old, chain) => (1 - gain) * old + gain * (aim - acceptance[chain]!));
  const weight = count ** -DECAY;
  const meanLogStep = before.meanLogStep.map((old, chain) => {
    const logStep = before.centre[chain]! - (Math.sqrt(count) / GAMMA) * error[chain]!;
    return weight * logStep + (1 - weight) * old;
  });
  return { count, centre: before.centre, error, meanLogStep };
}

function noMoments(size: number): RunningMoments {
  return { count: 0, mean: new Float64Array(size), squares: new Float64Array(size) };
}

function addPoint({ count, mean, squares }: RunningMoments, z: Float64Array): RunningMoments {
  const n = count + 1;
  const next = mean.map((old, at) => old + (z[at]! - old) / n);
  return {
    count: n,
    mean: next,
    squares: squares.map((old, at) => old + (z[at]! - mean[at]!) * (z[at]! - next[at]!)),
  };
}

/** Sample variances, drawn a little towards 1e-3 as Stan does. */
function regularised({ count, squares }: RunningMoments): Float64Array {
  const weight = count / (count + 5);
  return squares.map((sum) => weight * (sum / Math.max(1, count - 1)) + 1e-3 * (1 - weight));
}
