// One group of chains: segment after segment until its draws are there. It holds no state that a checkpoint does not
// hold, so it continues as new after any segment; it reports to its run from time to time and answers with its last
// report. Pausing lets the segment under way come to its end.

import {
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChainsInput, ChainsReport } from '../schemas/messages.ts';
import { LIMITS, TIMEOUTS } from '../temporal.config.ts';
import { chainsSignal, pauseSignal, resumeSignal } from './handlers.ts';
import { runChainSegment } from './policies.ts';

/** Samples one group of chains of a run to the draws asked for. */
export async function metflowChains(input: ChainsInput): Promise<ChainsReport> {
  const { runDir, configSha256, group, draws, startedAtMs } = input;
  let paused = input.paused;
  setHandler(pauseSignal, () => {
    paused = true;
  });
  setHandler(resumeSignal, () => {
    paused = false;
  });
  let restarts = input.carried?.restarts ?? 0;
  let reportedAtMs = 0;
  for (let segments = 0; segments < LIMITS.segmentsPerHistory; segments++) {
    await condition(() => !paused);
    const { drawn, kernels, notices, attempt } = await runChainSegment({
      runDir,
      configSha256,
      group,
      draws,
    });
    restarts += attempt - 1;
    const report: ChainsReport = { group, drawn, restarts, kernels, notices };
    if (drawn >= draws) return report;
    const nowMs = Date.now();
    // Ever more rarely, so that the history of a run of weeks stays short.
    const pauseMs = Math.max(TIMEOUTS.reportEveryMs, (nowMs - startedAtMs) / 100);
    if (nowMs - reportedAtMs < pauseMs && notices.length === 0) continue;
    reportedAtMs = nowMs;
    await tellRun(report);
  }
  return continueAsNew<typeof metflowChains>({ ...input, paused, carried: { restarts } });
}

async function tellRun(report: ChainsReport): Promise<void> {
  const { parent } = workflowInfo();
  if (parent !== undefined) await getExternalWorkflowHandle(parent.workflowId).signal(chainsSignal, report);
}
