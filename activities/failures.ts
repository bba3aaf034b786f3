// Faults on their way to Temporal: the failure's type is the fault's kind, its first detail the fault itself.

import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { type FaultKind, FAULTS, faultOf, type PipelineFault } from '#schemas/errors.ts';

/** A fault of the program itself is tried again twice, in case it was the machine's; more would only hide it. */
const FEW_FAILURES = 3;
const TRIED_FEW_TIMES: ReadonlySet<FaultKind> = new Set(['internal', 'memory-exceeded']);

/**
 * How many attempts of an activity have ended in such a fault, out of its last heartbeat. Attempts that a kill ended are none of them,
 * though Temporal counts them.
 */
export function failuresBefore(beaten: unknown): number {
  const { failures } = (typeof beaten === 'object' && beaten !== null ? beaten : {}) as Counted;
  return typeof failures === 'number' ? failures : 0;
}

/** A report with the number of failures so far, for the next attempt to find. */
export function withFailures(report: unknown, failures: number): unknown {
  if (failures === 0) return report;
  return { ...(typeof report === 'object' ? report : {}), failures };
}

/** One more, where this was such a fault. */
export function failuresWith(error: unknown, before: number): number {
  return TRIED_FEW_TIMES.has(faultOf(error).kind) ? before + 1 : before;
}

interface Counted {
  readonly failures?: unknown;
}

/**
 * Wraps what a thread threw; a cancellation passes unchanged.
 * @param options.failures - attempts that have ended in a fault of the program itself, with this one.
 */
export function failureOf(error: unknown, { failures }: { readonly failures: number }): Error {
  if (error instanceof CancelledFailure) return error;
  const fault: PipelineFault = faultOf(error);
  return ApplicationFailure.create({
    message: error instanceof Error ? error.message : String(error),
    type: fault.kind,
    nonRetryable: !FAULTS[fault.kind].retry || (TRIED_FEW_TIMES.has(fault.kind) && failures >= FEW_FAILURES),
    details: [fault],
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
