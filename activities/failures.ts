// Faults on their way to Temporal: the failure's type is the fault's kind, its first detail the fault itself.

import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { FAULTS, faultOf, type PipelineFault } from '#schemas/errors.ts';

/** Wraps what a thread threw; a cancellation passes unchanged. */
export function failureOf(error: unknown): Error {
  if (error instanceof CancelledFailure) return error;
  const fault: PipelineFault = faultOf(error);
  return ApplicationFailure.create({
    message: error instanceof Error ? error.message : String(error),
    type: fault.kind,
    nonRetryable: !FAULTS[fault.kind].retry,
    details: [fault],
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
