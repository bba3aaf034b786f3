// An experiment: plan its tasks, measure them while one collector per partition tails the log, then conclude and commit.

import { continueAsNew } from '@temporalio/workflow';
import type { LensInput, LensWork, RunResult } from '../schemas/messages.ts';
import { LensState } from './lens-state.ts';
import { runPipeline } from './pipeline.ts';
import { collectRows, commitLens, planLens, runLensTask } from './policies.ts';

/** Runs one experiment of the polytope lens; which one, its config says. */
export async function lensExperiment(input: LensInput): Promise<RunResult> {
  const { runId, runDir, configSha256, carried } = input;
  const state = new LensState({ runId, startedAtMs: Date.now(), carried });
  const stations = {
    plan: () => planLens(input),
    run: (work: LensWork) => runLensTask({ runDir, configSha256, work }),
    collect: collectRows,
    commit: () =>
      commitLens({
        run: { ...input, carried: undefined },
        restarts: state.restarts,
        startedAtMs: state.startedAtMs,
      }),
  };
  const outcome = await runPipeline({ input, state, stations });
  if (outcome !== 'continue') return outcome;
  return continueAsNew<typeof lensExperiment>({ ...input, carried: state.carry() });
}
