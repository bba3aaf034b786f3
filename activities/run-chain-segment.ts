import { activityInfo } from '@temporalio/activity';
import type { Attempted, SegmentInput, SegmentOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Runs the next segment of a group of chains, from its last checkpoint to the next; a retry sends the same draws. */
export function runChainSegment(compute: Compute) {
  return async (input: SegmentInput): Promise<SegmentOutput & Attempted> => {
    const { attempt } = activityInfo();
    return { ...(await runInThread(compute, 'chainSegment', input)), attempt };
  };
}
