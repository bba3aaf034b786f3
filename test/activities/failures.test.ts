import { type ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { failureOf, failuresBefore, failuresWith, withFailures } from '../../activities/failures.ts';

/** Whether an activity is tried again after so many faults of the program itself, with this one. */
const retryable = (error: unknown, failures: number) =>
  !(failureOf(error, { failures }) as ApplicationFailure).nonRetryable;

describe('failureOf', () => {
  it('carries the fault and its kind', () => {
    const fault = { kind: 'data-invalid', what: 'wrong magic', where: 'a.idx' } as const;
    const failure = failureOf(new PipelineError(fault), { failures: 0 }) as ApplicationFailure;
    expect(failure.type).toBe('data-invalid');
    expect(failure.details).toEqual([fault]);
  });

  it('never retries bad data, always a lost service, and its own faults twice', () => {
    expect(retryable(new PipelineError({ kind: 'data-invalid', what: 'x' }), 1)).toBe(false);
    expect(retryable(new PipelineError({ kind: 'service-unavailable', what: 'x' }), 19)).toBe(true);
    expect([1, 2, 3].map((failures) => retryable(new TypeError('x is undefined'), failures))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('says of a folder that refuses to be written what it is, and does not try again', () => {
    for (const code of ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR']) {
      const refused = Object.assign(new Error(`${code}: open`), { code, path: '/mnt/runs', syscall: 'open' });
      const failure = failureOf(refused, { failures: 0 }) as ApplicationFailure;
      expect(failure).toMatchObject({ type: 'storage-denied', nonRetryable: true });
      expect(failure.details).toMatchObject([
        { where: '/mnt/runs', remedy: expect.stringContaining('--out') },
      ]);
    }
    const socket = Object.assign(new Error('connect EACCES'), { code: 'EACCES', syscall: 'connect' });
    expect((failureOf(socket, { failures: 0 }) as ApplicationFailure).type).toBe('internal');
  });

  it('counts its own faults over the attempts by their heartbeats, and neither kills nor lost services', () => {
    const own = new TypeError('x is undefined');
    const lost = new PipelineError({ kind: 'service-unavailable', what: 'x' });
    let beaten: unknown;
    // Eight attempts: three were killed, three lost the broker, two failed by themselves.
    for (const error of [null, own, null, lost, lost, null, lost, own]) {
      const before = failuresBefore(beaten);
      beaten = withFailures(
        { at: 'encode', shard: 1 },
        error === null ? before : failuresWith(error, before),
      );
    }
    expect(beaten).toEqual({ at: 'encode', shard: 1, failures: 2 });
    expect(failuresWith(own, failuresBefore(beaten))).toBe(3);
    expect(withFailures('hashing', 1)).toEqual({ failures: 1 });
    expect(withFailures('hashing', 0)).toBe('hashing');
    expect([undefined, null, 'hashing', {}].map(failuresBefore)).toEqual([0, 0, 0, 0]);
  });

  it('passes a cancellation on unchanged', () => {
    const cancelled = new CancelledFailure('stopped');
    expect(failureOf(cancelled, { failures: 0 })).toBe(cancelled);
  });
});
