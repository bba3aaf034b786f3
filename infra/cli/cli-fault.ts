// Whatever was thrown, as the one fault that the shell reports.

import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  NamespaceNotFoundError,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';

import { FAULTS, type FaultKind, faultOf, PipelineError, type PipelineFault } from '#schemas/errors.ts';

/**
 * The root cause of a failure as a fault. A Temporal failure carries it as `type` = kind and `details[0]` =
 * the fault, anywhere along its chain of causes; the innermost one wins. What only looks like a lost connection to
 * Temporal counts where nothing says what it was: an object store's refused connection looks the same.
 */
export function faultOfFailure(error: unknown): PipelineFault {
  const chain = causes(error);
  const inwards = [...chain].reverse();
  for (const meaningOf of [linkFault, connectionFault]) {
    for (const link of inwards) {
      const fault = meaningOf(link);
      if (fault !== null) return fault;
    }
  }
  return faultOf(chain.at(-1) ?? error);
}

/** The exit code of a fault (contract section 2). */
export function exitCodeOf(fault: PipelineFault): number {
  return FAULTS[fault.kind].exitCode;
}

function causes(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  let link: unknown = error;
  while (link !== undefined && link !== null && chain.length < 20 && !chain.includes(link)) {
    chain.push(link);
    link = (link as { readonly cause?: unknown }).cause;
  }
  return chain;
}

function linkFault(link: unknown): PipelineFault | null {
  if (link instanceof PipelineError) return link.fault;
  if (link instanceof ApplicationFailure) return applicationFault(link);
  if (link instanceof CancelledFailure) {
    return { kind: 'cancelled', what: 'the run was cancelled', remedy: 'The same command starts it again.' };
  }
  if (link instanceof TerminatedFailure) {
    return {
      kind: 'cancelled',
      what: 'the workflow was terminated',
      remedy: 'The same command starts it again.',
    };
  }
  if (link instanceof TimeoutFailure) {
    const what = `no worker finished a task in time (${link.timeoutType ?? 'timeout'})`;
    return { kind: 'service-unavailable', what, remedy: 'tessera logs RUN shows what the workers wrote.' };
  }
  return null;
}

function applicationFault(failure: ApplicationFailure): PipelineFault | null {
  const detail = failure.details?.[0];
  if (isFault(detail)) return detail;
  if (failure.type !== undefined && failure.type !== null && failure.type in FAULTS) {
    return { kind: failure.type as FaultKind, what: failure.message };
  }
  return failure.cause === undefined ? { kind: 'internal', what: failure.message } : null;
}

function isFault(value: unknown): value is PipelineFault {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, what } = value as Partial<PipelineFault>;
  return typeof kind === 'string' && kind in FAULTS && typeof what === 'string';
}

/**
 * gRPC says 14 for a server that cannot be reached and 4 for one that does not answer in time; 12 for one that does not know what it
 * is asked, as a web server that has got the address of Temporal's.
 */
function connectionFault(link: unknown): PipelineFault | null {
  if (link instanceof ActivityFailure || link instanceof ChildWorkflowFailure) return null;
  if (link instanceof NamespaceNotFoundError) return stranger(`namespace ${link.namespace} is unknown to it`);
  const { code, message } = link as { readonly code?: unknown; readonly message?: string };
  const transport =
    (link as { readonly constructor?: { readonly name?: string } }).constructor?.name === 'TransportError';
  if (code === 12 && 'details' in (link as object)) return stranger(message ?? '');
  const unreachable = code === 14 || code === 4 || code === 'ECONNREFUSED' || transport;
  if (!unreachable) return null;
  return {
    kind: 'service-unavailable',
    what: 'the Temporal server does not answer',
    value: message ?? String(code),
    remedy: 'tessera status shows the services; tessera up starts local ones.',
  };
}

function stranger(value: string): PipelineFault {
  return {
    kind: 'service-unavailable',
    what: 'what answers at the address of the Temporal server is another server',
    value,
    remedy: 'Check TEMPORAL_ADDRESS, or start the server again; the same command goes on with the run there.',
  };
}
