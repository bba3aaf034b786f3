// Activity proxies by class of work: timeouts, retries, queues.

import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { RETRY, TASK_QUEUES, TIMEOUTS } from '../temporal.config.ts';

const shared = {
  startToCloseTimeout: TIMEOUTS.startToCloseMs,
  heartbeatTimeout: TIMEOUTS.heartbeatMs,
  // A stopped task says where it got to, so the workflow waits for its answer.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: {
    initialInterval: RETRY.initialIntervalMs,
    backoffCoefficient: RETRY.backoff,
    maximumInterval: RETRY.maximumIntervalMs,
    maximumAttempts: RETRY.maximumAttempts,
  },
} as const;

/** Work that computes: one slot per core. */
export const { encodeShards, runLensTask, trainFlow, runChainSegment, runImageTask } =
  proxyActivities<Activities>({ ...shared, taskQueue: TASK_QUEUES.cpu });

/** Work that mostly waits or runs once. */
export const {
  planShards,
  aggregateRegions,
  commitSweep,
  planLens,
  collectRows,
  commitLens,
  planMetflow,
  collectDraws,
  diagnoseChains,
  commitMetflow,
  planImages,
  commitImages,
  markEnded,
} = proxyActivities<Activities>({ ...shared, taskQueue: TASK_QUEUES.io });
