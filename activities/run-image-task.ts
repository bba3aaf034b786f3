import { activityInfo } from '@temporalio/activity';
import type { Attempted, ImageTaskInput, ImageTaskOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Works on one model or sampler from its last checkpoint on, until its end or until it is asked to stop. */
export function runImageTask(compute: Compute) {
  return async (input: ImageTaskInput): Promise<ImageTaskOutput & Attempted> => {
    const { attempt } = activityInfo();
    return { ...(await runInThread(compute, 'imageTask', input)), attempt };
  };
}
