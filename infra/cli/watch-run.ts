// Looking at a workflow from outside: its progress query, its pending activities, how it ended.

import { type Client, type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';

import { QUERY_PROGRESS, type RunProgress, runWorkflowId } from '#schemas/messages.ts';
import { type PendingActivity, type RunSnapshot, snapshotOf } from './progress.ts';

/** Longest wait for one answer; a dead worker or server must not freeze the screen. */
const ANSWER_MS = 3000;

/** Temporal's `PENDING_ACTIVITY_STATE_STARTED`: a worker has begun it. */
const STARTED = 2;

/** What Temporal says of a run, or null where it knows none. */
export interface WorkflowState {
  readonly status: WorkflowExecutionStatusName;
  readonly pending: readonly PendingActivity[];
  readonly memo: Readonly<Record<string, unknown>>;
}

/** Describes the latest execution of a run's workflow. */
export async function describeRun(client: Client, runId: string): Promise<WorkflowState | null> {
  const handle = client.workflow.getHandle(runWorkflowId(runId));
  try {
    const description = await client.withDeadline(Date.now() + ANSWER_MS, () => handle.describe());
    const activities = description.raw.pendingActivities ?? [];
    const pending = await Promise.all(activities.map((activity) => pendingOf(client, activity)));
    return { status: description.status.name, pending, memo: description.memo ?? {} };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Asks the workflow for its progress; needs a worker that polls. */
export async function queryProgress(client: Client, runId: string): Promise<RunProgress> {
  const handle = client.workflow.getHandle(runWorkflowId(runId));
  return await client.withDeadline(Date.now() + ANSWER_MS, () => handle.query<RunProgress>(QUERY_PROGRESS));
}

/** One look at a run; `progress` falls back on the last one where no worker answers. */
export async function lookAt(
  client: Client,
  runId: string,
  last: RunProgress | null,
): Promise<{ readonly state: WorkflowState | null; readonly progress: RunProgress | null }> {
  const [state, progress] = await Promise.all([
    describeRun(client, runId),
    queryProgress(client, runId).catch(() => last),
  ]);
  return { state, progress };
}

/** A look as a snapshot for the screen. */
export function snapshotFrom(state: WorkflowState, progress: RunProgress): RunSnapshot {
  return snapshotOf(progress, { pending: state.pending, atMs: Date.now() });
}

/** Whether an execution may still go on. */
export function isOpen(status: WorkflowExecutionStatusName): boolean {
  return status === 'RUNNING' || status === 'CONTINUED_AS_NEW' || status === 'PAUSED';
}

/** Temporal hands these out as its server keeps them, which may be encrypted. */
async function pendingOf(
  client: Client,
  {
    activityType,
    attempt,
    state,
    heartbeatDetails,
    lastFailure,
  }: temporal.api.workflow.v1.IPendingActivityInfo,
): Promise<PendingActivity> {
  const converter = client.options.loadedDataConverter;
  const [heartbeat] = await decodeArrayFromPayloads(converter, heartbeatDetails?.payloads);
  const failure = await decodeOptionalFailureToOptionalError(converter, lastFailure);
  return {
    type: activityType?.name ?? '',
    attempt: attempt ?? 1,
    started: state === STARTED,
    heartbeat: heartbeat ?? null,
    lastFailure: failure?.message ?? null,
  };
}
