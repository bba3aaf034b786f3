// How a run's workflow ends badly: run.json says so before the error goes on.

import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { RunPhase } from '../schemas/messages.ts';
import { faultOfFailure } from './faults.ts';
import { markEnded } from './policies.ts';

/** Does a run's work in a scope of its own. Where it fails or is cancelled, what goes on beside it ends, and state and run.json say so. */
export async function endingNoted<Result>(
  { runDir }: { readonly runDir: string },
  state: { phase: RunPhase },
  work: () => Promise<Result>,
): Promise<Result> {
  const scope = new CancellationScope();
  try {
    return await scope.run(work);
  } catch (error) {
    scope.cancel();
    const status = isCancellation(error) ? 'cancelled' : 'failed';
    state.phase = status;
    const fault = status === 'cancelled' ? null : faultOfFailure(error);
    await CancellationScope.nonCancellable(() => markEnded({ runDir, status, fault }));
    throw error;
  }
}
