// The stop of a training by its evaluated bound: what counts as a gain, whose parameters sample, and that a checkpoint
// loses nothing of it.

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  hasEnded,
  trainedTheta,
  trainingContent,
  trainingOf,
  type TrainingRecord,
} from '../../activities/metflow/chains/training-record.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../activities/metflow/checkpoint.ts';
import { NO_EVALUATION, observe, type EarlyStop } from '../../activities/metflow/early-stop.ts';
import { ORIGIN } from './checkpoint-origin.ts';

const theta = (value: number) => Float64Array.of(value);
const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

function observed(elbos: readonly number[]): EarlyStop {
  return elbos.reduce(
    (stop, elbo, i) => observe(stop, { step: 10 * (i + 1), theta: theta(i), elbo }),
    NO_EVALUATION,
  );
}

function record(stop: EarlyStop, step = 30): TrainingRecord {
  const state = { step, theta: theta(9), first: theta(1), second: theta(2), skipped: 0, skippedInRow: 0 };
  return { state, stop, history: [] };
}

describe('early stop', () => {
  it('counts evaluations since the best one; equal, smaller and NaN bounds are no gain', () => {
    expect(observed([-3, -2, -2, Number.NaN, -5])).toEqual({
      bestElbo: -2,
      bestStep: 20,
      bestTheta: theta(1),
      stale: 3,
    });
    expect(observed([-3, -4, -2]).stale).toBe(0);
  });

  it('keeps a copy of the parameters, which later updates do not change', () => {
    const live = theta(1);
    const stop = observe(NO_EVALUATION, { step: 1, theta: live, elbo: 0 });
    live[0] = 2;
    expect(stop.bestTheta).toEqual(theta(1));
  });

  it('ends a training at its patience, and without one at its last update only', () => {
    const stale = record(observed([-1, -2, -3]));
    expect(hasEnded(stale, { steps: 100, patience: 2 })).toBe(true);
    expect(hasEnded(stale, { steps: 100, patience: 3 })).toBe(false);
    expect(hasEnded(stale, { steps: 100 })).toBe(false);
    expect(hasEnded(stale, { steps: 30 })).toBe(true);
  });

  it('gives the best parameters with patience, the last ones without', () => {
    const stale = record(observed([-2, -1, -3]));
    expect(trainedTheta(stale, { steps: 30, patience: 5 })).toEqual(theta(1));
    expect(trainedTheta(stale, { steps: 30 })).toEqual(theta(9));
    expect(trainedTheta(record(NO_EVALUATION), { steps: 30, patience: 5 })).toEqual(theta(9));
  });

  it.each([
    ['before the first evaluation', NO_EVALUATION],
    ['after some', observed([-3, -2, -4])],
  ])('comes back from a checkpoint whole, %s', (_, stop) => {
    const before = record(stop);
    const bytes = encodeCheckpoint({ origin: ORIGIN, ...trainingContent(before) }, sha256);
    expect(trainingOf(decodeCheckpoint(bytes, { where: 'test', sha256 }))).toEqual(before);
  });
});
