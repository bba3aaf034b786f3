import { type ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { failureOf } from '../../activities/failures.ts';

const retryable = (error: unknown, attempt: number) =>
  !(failureOf(error, { attempt }) as ApplicationFailure).nonRetryable;

describe('failureOf', () => {
  it('carries the fault and its kind', () => {
    const fault = { kind: 'data-invalid', what: 'wrong magic', where: 'a.idx' } as const;
    const failure = failureOf(new PipelineError(fault), { attempt: 1 }) as ApplicationFailure;
    expect(failure.type).toBe('data-invalid');
    expect(failure.details).toEqual([fault]);
  });

  it('never retries bad data, always a lost service, and its own faults twice', () => {
    expect(retryable(new PipelineError({ kind: 'data-invalid', what: 'x' }), 1)).toBe(false);
    expect(retryable(new PipelineError({ kind: 'service-unavailable', what: 'x' }), 19)).toBe(true);
    expect([1, 2, 3].map((attempt) => retryable(new TypeError('x is undefined'), attempt))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('passes a cancellation on unchanged', () => {
    const cancelled = new CancelledFailure('stopped');
    expect(failureOf(cancelled, { attempt: 1 })).toBe(cancelled);
  });
});
