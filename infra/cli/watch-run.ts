// Looking at a workflow from outside: its progress query, its pending activities, how it ended.

import { type Client, type WorkflowExecutionStatusName, WorkflowNotFoundError } from '@temporalio/client';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';

import { QUERY_PROGRESS, type RunProgress, runWorkflowId } from '#schemas/messages.ts';
import { TASK_QUEUES } from '../../temporal.config.ts';
import { type PendingActivity, type RunSnapshot, snapshotOf } from './progress.ts';
import { type LastPolled, type QueuedWork, unservedQueues, type WaitingTask } from './unserved-queues.ts';

/** Longest wait for one answer; a dead worker or server must not freeze the screen. */
const ANSWER_MS = 3000;

/** Temporal's `PendingActivityState` and `PendingWorkflowTaskState`: it lies in its queue, or a worker has begun it. */
const SCHEDULED = 1;
const STARTED = 2;

/** Temporal's `TaskQueueType`. */
const QUEUE_TYPES = { workflows: 1, activities: 2 } as const;

/** What Temporal says of a run, or null where it knows none. */
export interface WorkflowState {
  readonly status: WorkflowExecutionStatusName;
  readonly pending: readonly PendingActivity[];
  readonly queued: QueuedWork;
  readonly memo: Readonly<Record<string, unknown>>;
}

/** Describes the latest execution of a run's workflow. */
export async function describeRun(client: Client, runId: string): Promise<WorkflowState | null> {
  const handle = client.workflow.getHandle(runWorkflowId(runId));
  try {
    const description = await client.withDeadline(Date.now() + ANSWER_MS, () => handle.describe());
    const activities = description.raw.pendingActivities ?? [];
    const pending = await Promise.all(activities.map((activity) => pendingOf(client, activity)));
    const queued = queuedWork(description.raw);
    return { status: description.status.name, pending, queued, memo: description.memo ?? {} };
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

/** One look at a run. */
export interface Look {
  readonly state: WorkflowState | null;
  readonly progress: RunProgress | null;
  /** Task queues for which the run waits in vain. */
  readonly unserved: readonly string[];
}

/** One look at a run; `progress` falls back on the last one where no worker answers. */
export async function lookAt(client: Client, runId: string, last: RunProgress | null): Promise<Look> {
  const [state, progress] = await Promise.all([
    describeRun(client, runId),
    queryProgress(client, runId).catch(() => last),
  ]);
  const queued =
    state !== null && isOpen(state.status) ? state.queued : { waiting: [], served: new Set<string>() };
  const unserved = await unservedQueues(queued, { lastPolled: pollsOf(client), nowMs: Date.now() });
  return { state, progress, unserved };
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

/** Tasks of servers too old to name an activity's queue say nothing here. */
function queuedWork({
  pendingWorkflowTask,
  pendingActivities,
}: temporal.api.workflowservice.v1.IDescribeWorkflowExecutionResponse): QueuedWork {
  const waiting: WaitingTask[] = [];
  const served = new Set<string>();
  if (pendingWorkflowTask?.state === SCHEDULED) {
    const queue = { name: TASK_QUEUES.workflow, of: 'workflows' } as const;
    waiting.push({ queue, sinceMs: optionalTsToMs(pendingWorkflowTask.scheduledTime) ?? Infinity });
  }
  for (const { state, scheduledTime, activityOptions } of pendingActivities ?? []) {
    const name = activityOptions?.taskQueue?.name;
    if (!name) continue;
    if (state === STARTED) served.add(name);
    // One that is to be tried again later has a time to come.
    if (state === SCHEDULED)
      waiting.push({ queue: { name, of: 'activities' }, sinceMs: optionalTsToMs(scheduledTime) ?? Infinity });
  }
  return { waiting, served };
}

/** A server that does not tell (Temporal's Java test server) counts as polled: nothing is known, so nothing is told. */
function pollsOf(client: Client): LastPolled {
  return async ({ name, of }) => {
    const { namespace } = client.options;
    const request = { namespace, taskQueue: { name }, taskQueueType: QUEUE_TYPES[of] };
    try {
      const { pollers } = await client.withDeadline(Date.now() + ANSWER_MS, () =>
        client.workflowService.describeTaskQueue(request),
      );
      const times = pollers.map(({ lastAccessTime }) => optionalTsToMs(lastAccessTime) ?? 0);
      return times.length === 0 ? null : Math.max(...times);
    } catch {
      return Date.now();
    }
  };
}
