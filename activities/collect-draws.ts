import { activityInfo } from '@temporalio/activity';
import type { AggregateInput, AggregateOutput, Attempted } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Collects one partition's draws into parts until every group of chains has all of its draws there. */
export function collectDraws(compute: Compute) {
  return async (input: AggregateInput): Promise<AggregateOutput & Attempted> => {
    const { attempt } = activityInfo();
    return { ...(await runInThread(compute, 'collectDraws', input)), attempt };
  };
}
