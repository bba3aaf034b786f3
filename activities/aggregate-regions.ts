import { activityInfo } from '@temporalio/activity';
import type { AggregateInput, AggregateOutput, Attempted } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Aggregates one partition of the code log into segments until every batch of the plan was seen. */
export function aggregateRegions(compute: Compute) {
  return async (input: AggregateInput): Promise<AggregateOutput & Attempted> => {
    const { attempt } = activityInfo();
    return { ...(await runInThread(compute, 'aggregate', input)), attempt };
  };
}
