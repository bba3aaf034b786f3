import { activityInfo } from '@temporalio/activity';
import type { Attempted, PlannedInput, TrainOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Trains the kernels of a run from the last checkpoint on. */
export function trainFlow(compute: Compute) {
  return async (input: PlannedInput): Promise<TrainOutput & Attempted> => {
    const { attempt } = activityInfo();
    return { ...(await runInThread(compute, 'trainFlow', input)), attempt };
  };
}
