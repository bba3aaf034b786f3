// Collecting one partition's draws into parts, from the place behind the last part on.

import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import { DrawCollector } from '../metflow/draw-collector.ts';
import { type MetflowPlan, readMetflowPlan, topicOf } from '../metflow/metflow-plan.ts';
import { tailLog } from './collect.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** Runs until every draw is in a part, the log's end is reached (`allSent`), or it is asked to stop. */
export async function collectDrawsTask(
  { runDir, configSha256, partition, allSent }: AggregateInput,
  context: TaskContext,
): Promise<AggregateOutput> {
  const plan = await readMetflowPlan(runDir, configSha256);
  return collectDraws(plan, { runDir, partition, allSent }, context);
}

/** The same with the plan at hand. */
export async function collectDraws(
  plan: MetflowPlan,
  { runDir, partition, allSent }: Pick<AggregateInput, 'runDir' | 'partition' | 'allSent'>,
  context: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<AggregateOutput> {
  const topic = topicOf(plan);
  const { high } = await openLog().offsets(topic, partition);
  const collector = await DrawCollector.open({ runDir, partition, plan, high });
  return tailLog(collector, { topic, partition, allSent }, context);
}
