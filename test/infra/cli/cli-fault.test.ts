import { ServiceError, WorkflowFailedError } from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { describe, expect, it } from 'vitest';

import { FAULTS, PipelineError, type PipelineFault } from '#schemas/errors.ts';
import { exitCodeOf, faultOfFailure } from '../../../infra/cli/cli-fault.ts';

const FAULT: PipelineFault = {
  kind: 'data-invalid',
  what: 'wrong magic',
  where: 'train-images',
  value: '0x0804',
};

/** As the client throws it: workflow failure, around an activity failure, around what the activity threw. */
function workflowFailure(cause: Error): Error {
  const activity = new ActivityFailure(
    'Activity task failed',
    'planShards',
    '1',
    RetryState.NON_RETRYABLE_FAILURE,
    'worker',
    cause,
  );
  return new WorkflowFailedError('Workflow execution failed', activity, RetryState.RETRY_POLICY_NOT_SET);
}

describe('faultOfFailure', () => {
  it('takes the fault of a PipelineError', () => {
    expect(faultOfFailure(new PipelineError(FAULT))).toEqual(FAULT);
  });

  it('finds the fault that an activity threw below the workflow failure', () => {
    const thrown = ApplicationFailure.create({
      message: 'x',
      type: 'data-invalid',
      nonRetryable: true,
      details: [FAULT],
    });
    expect(faultOfFailure(workflowFailure(thrown))).toEqual(FAULT);
  });

  it('does not take a refused connection to another service for Temporal', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' });
    const store: PipelineFault = { kind: 'service-unavailable', what: 'the object store does not answer' };
    expect(faultOfFailure(new PipelineError(store, { cause: refused }))).toEqual(store);
    expect(faultOfFailure(refused).what).toBe('the Temporal server does not answer');
  });

  it('prefers the root cause over what was wrapped around it', () => {
    const inner = ApplicationFailure.create({ message: 'x', type: 'data-invalid', details: [FAULT] });
    const outer = ApplicationFailure.create({
      message: 'y',
      type: 'internal',
      details: [{ kind: 'internal', what: 'y' }],
      cause: inner,
    });
    expect(faultOfFailure(workflowFailure(outer))).toEqual(FAULT);
  });

  it('makes do with the type where the details are missing', () => {
    const thrown = ApplicationFailure.create({ message: 'no space', type: 'disk-full' });
    expect(faultOfFailure(workflowFailure(thrown))).toEqual({ kind: 'disk-full', what: 'no space' });
  });

  it('calls an error of unknown type internal', () => {
    const thrown = ApplicationFailure.create({ message: 'x is not a function', type: 'TypeError' });
    expect(faultOfFailure(workflowFailure(thrown))).toEqual({
      kind: 'internal',
      what: 'x is not a function',
    });
    expect(faultOfFailure(new TypeError('boom'))).toMatchObject({ kind: 'internal', what: 'boom' });
  });

  it('reports a cancelled workflow as cancelled', () => {
    const error = new WorkflowFailedError(
      'Workflow execution cancelled',
      new CancelledFailure('x'),
      RetryState.RETRY_POLICY_NOT_SET,
    );
    expect(faultOfFailure(error).kind).toBe('cancelled');
  });

  it('reports lost heartbeats and silent servers as missing services', () => {
    const lost = new TimeoutFailure('activity Heartbeat timeout', undefined, TimeoutType.HEARTBEAT);
    expect(faultOfFailure(workflowFailure(lost)).kind).toBe('service-unavailable');
    const refused = Object.assign(new Error('14 UNAVAILABLE: no connection'), { code: 14 });
    expect(faultOfFailure(new ServiceError('Failed to describe', { cause: refused }))).toMatchObject({
      kind: 'service-unavailable',
      value: '14 UNAVAILABLE: no connection',
    });
  });
});

describe('exitCodeOf', () => {
  it.each([
    ['internal', 1],
    ['config-invalid', 2],
    ['run-config-mismatch', 2],
    ['not-there-yet', 2],
    ['data-invalid', 3],
    ['model-no-taps', 3],
    ['service-unavailable', 4],
    ['disk-full', 4],
    ['cancelled', 130],
    ['interrupted', 130],
  ] as const)('%s ends with %d', (kind, code) => {
    expect(exitCodeOf({ kind, what: 'x' })).toBe(code);
  });

  it('knows only the codes of the contract', () => {
    const codes = Object.values(FAULTS).map(({ exitCode }) => exitCode);
    expect(new Set(codes)).toEqual(new Set([1, 2, 3, 4, 130]));
  });
});
