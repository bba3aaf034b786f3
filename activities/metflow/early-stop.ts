// When a training ends before its last update: the bound on the evaluation batch, always the same one, no longer grows.

import type { FloatArray } from './parameters.ts';

/** The best evaluation so far and how many in a row came after it. */
export interface EarlyStop {
  readonly bestElbo: number;
  /** Updates made when it was found; -1 before the first. */
  readonly bestStep: number;
  /** Parameters then, null before the first. */
  readonly bestTheta: FloatArray | null;
  readonly stale: number;
}

/** One evaluation of the bound after `step` updates. */
export interface Observed {
  readonly step: number;
  readonly theta: FloatArray;
  readonly elbo: number;
}

export const NO_EVALUATION: EarlyStop = {
  bestElbo: Number.NEGATIVE_INFINITY,
  bestStep: -1,
  bestTheta: null,
  stale: 0,
};

/** Counts one evaluation. A bound that is NaN is never the best. */
export function observe(before: EarlyStop, { step, theta, elbo }: Observed): EarlyStop {
  if (!(elbo > before.bestElbo)) return { ...before, stale: before.stale + 1 };
  return { bestElbo: elbo, bestStep: step, bestTheta: theta.slice(), stale: 0 };
}
