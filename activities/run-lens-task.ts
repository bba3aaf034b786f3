import { activityInfo } from '@temporalio/activity';
import type { LensHeartbeat } from '#schemas/messages.ts';
import type { Attempted, LensTaskInput, LensTaskOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/**
 * Measures one task of the plan onto the log. A retry computes the same chunks again and sends those that were not
 * acknowledged yet.
 */
export function runLensTask(compute: Compute) {
  return async ({ work, ...run }: LensTaskInput): Promise<LensTaskOutput & Attempted> => {
    const { heartbeatDetails, attempt } = activityInfo();
    const beaten = heartbeatDetails as LensHeartbeat | undefined;
    const sent = Math.max(work.sent, beaten?.at === 'lens' ? beaten.sent : 0);
    return { ...(await runInThread(compute, 'lensTask', { ...run, work: { ...work, sent } })), attempt };
  };
}
