// Faults on their way to Temporal: the failure's type is the fault's kind, its first detail the fault itself.

import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { type FaultKind, FAULTS, faultOf, type PipelineFault } from '#schemas/errors.ts';

/** A fault of the program itself is tried again twice, in case it was the machine's; more would only hide it. */
const FEW_ATTEMPTS = 3;
const TRIED_FEW_TIMES: ReadonlySet<FaultKind> = new Set(['internal', 'memory-exceeded']);

/** Wraps what a thread threw; a cancellation passes unchanged. */
export function failureOf(error: unknown, { attempt }: { attempt: number }): Error {
  if (error instanceof CancelledFailure) return error;
  const fault: PipelineFault = faultOf(error);
  return ApplicationFailure.create({
    message: error instanceof Error ? error.message : String(error),
    type: fault.kind,
    nonRetryable: !FAULTS[fault.kind].retry || (TRIED_FEW_TIMES.has(fault.kind) && attempt >= FEW_ATTEMPTS),
    details: [fault],
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
