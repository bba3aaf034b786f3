// Aggregating one partition: read the log from the last segment on until every batch of the plan was seen.

import { join } from 'node:path';
import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import { PartitionAggregator } from '../aggregate/partition-aggregator.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { tailLog } from './collect.ts';
import { openPlan } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** Runs until the partition is complete, the log's end is reached (`allSent`), or it is asked to stop. */
export async function aggregateTask(
  { runDir, configSha256, partition, allSent }: AggregateInput,
  context: TaskContext,
): Promise<AggregateOutput> {
  const plan = await openPlan(runDir, configSha256);
  const aggregator = await PartitionAggregator.open({ dir: join(runDir, SEGMENTS_FOLDER), partition, plan });
  return tailLog(aggregator, { topic: plan.topic, partition, allSent }, context);
}
