// How one kernel of a sampler fares: acceptance, directions, jumps, runs of rejections. A monoid over batches of
// chains: accumulators of disjoint chains merge, and those of one batch grow step by step.

import type { StepInfo } from '../kernel.ts';

/** Sums over steps; per-chain arrays are in the order of the batch. */
export interface HealthSums {
  readonly steps: number;
  readonly accepted: number;
  readonly acceptance: number;
  readonly backward: number;
  readonly forward: number;
  readonly squaredJump: number;
  readonly diverged: number;
  readonly evaluations: number;
  /** Of the log ratios that are finite: count, mean, and squared distances to the mean. */
  readonly ratio: { readonly count: number; readonly mean: number; readonly squares: number };
  /** `[chains]` rejections in a row up to now, and the most there were. */
  readonly run: Uint32Array;
  readonly longestRun: Uint32Array;
}

export interface KernelHealth {
  /** Chain steps counted. */
  readonly steps: number;
  readonly acceptedShare: number;
  /** Mean probability of acceptance: as `acceptedShare`, with less noise. */
  readonly meanAcceptance: number;
  /** Shares of moves by the inverse map, of no move, and of moves forward; they sum to 1. */
  readonly directions: { readonly backward: number; readonly stay: number; readonly forward: number };
  /** Expected squared jump of a step, Rao-Blackwellised over the acceptance; and per dimension. */
  readonly squaredJump: number;
  readonly squaredJumpPerDimension: number;
  readonly meanLogRatio: number;
  readonly deviationLogRatio: number;
  readonly diverged: number;
  readonly evaluations: number;
  /** Most rejections in a row of any chain; beyond 100 a chain is stuck. */
  readonly longestRun: number;
}

/** No step of a batch of chains yet. */
export function emptyHealth(chains: number): HealthSums {
  return {
    steps: 0,
    accepted: 0,
    acceptance: 0,
    backward: 0,
    forward: 0,
    squaredJump: 0,
    diverged: 0,
    evaluations: 0,
    ratio: { count: 0, mean: 0, squares: 0 },
    run: new Uint32Array(chains),
    longestRun: new Uint32Array(chains),
  };
}

/** Adds the next step of the same chains. */
export function addStep(sums: HealthSums, info: StepInfo): HealthSums {
  const run = sums.run.map((before, chain) => (info.accepted[chain] === 1 ? 0 : before + 1));
  return {
    steps: sums.steps + info.accepted.length,
    accepted: sums.accepted + total(info.accepted),
    acceptance: sums.acceptance + total(info.acceptance),
    backward: sums.backward + info.direction.filter((way) => way === -1).length,
    forward: sums.forward + info.direction.filter((way) => way === 1).length,
    squaredJump: sums.squaredJump + total(info.squaredJump),
    diverged: sums.diverged + total(info.diverged),
    evaluations: sums.evaluations + total(info.evaluations),
    ratio: mergeMoments(sums.ratio, momentsOf(info.logRatio.filter(Number.isFinite))),
    run,
    longestRun: run.map((length, chain) => Math.max(length, sums.longestRun[chain]!)),
  };
}

/** Of two groups of chains as of one; the chains of `b` follow those of `a`. */
export function mergeHealth(a: HealthSums, b: HealthSums): HealthSums {
  return {
    steps: a.steps + b.steps,
    accepted: a.accepted + b.accepted,
    acceptance: a.acceptance + b.acceptance,
    backward: a.backward + b.backward,
    forward: a.forward + b.forward,
    squaredJump: a.squaredJump + b.squaredJump,
    diverged: a.diverged + b.diverged,
    evaluations: a.evaluations + b.evaluations,
    ratio: mergeMoments(a.ratio, b.ratio),
    run: Uint32Array.of(...a.run, ...b.run),
    longestRun: Uint32Array.of(...a.longestRun, ...b.longestRun),
  };
}

/** Shares and means; NaN where no step was counted. */
export function finishHealth(sums: HealthSums, { dim }: { readonly dim: number }): KernelHealth {
  const { steps, ratio } = sums;
  return {
    steps,
    acceptedShare: sums.accepted / steps,
    meanAcceptance: sums.acceptance / steps,
    directions: {
      backward: sums.backward / steps,
      stay: (steps - sums.backward - sums.forward) / steps,
      forward: sums.forward / steps,
    },
    squaredJump: sums.squaredJump / steps,
    squaredJumpPerDimension: sums.squaredJump / steps / dim,
    meanLogRatio: ratio.count === 0 ? Number.NaN : ratio.mean,
    deviationLogRatio: Math.sqrt(ratio.squares / (ratio.count - 1)),
    diverged: sums.diverged,
    evaluations: sums.evaluations,
    longestRun: sums.longestRun.reduce((most, length) => Math.max(most, length), 0),
  };
}

function momentsOf(values: Float64Array): HealthSums['ratio'] {
  const count = values.length;
  const mean = count === 0 ? 0 : total(values) / count;
  return { count, mean, squares: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) };
}

/** @see Chan, Golub and LeVeque, "Updating formulae for computing sample variances", 1979. */
function mergeMoments(a: HealthSums['ratio'], b: HealthSums['ratio']): HealthSums['ratio'] {
  const count = a.count + b.count;
  if (count === 0) return a;
  const apart = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (apart * b.count) / count,
    squares: a.squares + b.squares + (apart * apart * a.count * b.count) / count,
  };
}

function total(values: Uint8Array | Uint32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
