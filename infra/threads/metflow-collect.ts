// Collecting one partition's draws into parts, from the place behind the last part on.

import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import { DrawCollector } from '../metflow/draw-collector.ts';
import { type MetflowPlan, readMetflowPlan, topicOf } from '../metflow/metflow-plan.ts';
import { skipDeleted, tailLog } from './collect.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** Runs until every draw is in a part, the log's end is reached (`allSent`), or it is asked to stop. */
export async function collectDrawsTask(
  { runDir, configSha256, partition, allSent }: AggregateInput,
  context: TaskContext,
): Promise<AggregateOutput> {
  const plan = await readMetflowPlan(runDir, configSha256);
  const topic = topicOf(plan);
  const { high } = await openLog().offsets(topic, partition);
  const collector = await DrawCollector.open({ runDir, partition, plan, high });
  return tailLog(collector, { topic, partition, allSent }, context);
}

/** Collects, when a run is planned, what the log still holds. @returns what people should know. */
export async function surveyDraws(
  plan: MetflowPlan,
  { runDir, partition }: Pick<AggregateInput, 'runDir' | 'partition'>,
  context: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<readonly string[]> {
  const topic = topicOf(plan);
  const { low, high } = await openLog().offsets(topic, partition);
  const collector = await DrawCollector.open({ runDir, partition, plan, high });
  const notice = await skipDeleted(collector, { partition, low });
  await tailLog(collector, { topic, partition, allSent: true }, context);
  return notice === null ? [] : [notice];
}
