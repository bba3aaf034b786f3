import { activityInfo } from '@temporalio/activity';
import type { AggregateInput, AggregateOutput, Attempted } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Collects one partition of an experiment's rows into segments until every task of the plan has ended. */
export function collectRows(compute: Compute) {
  return async (input: AggregateInput): Promise<AggregateOutput & Attempted> => {
    const { attempt } = activityInfo();
    return { ...(await runInThread(compute, 'collect', input)), attempt };
  };
}
