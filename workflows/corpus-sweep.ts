// A sweep: plan shards, encode them while one aggregator per partition tails the log, then commit.

import { continueAsNew } from '@temporalio/workflow';
import type { RunResult, SweepInput } from '../schemas/messages.ts';
import { runPipeline } from './pipeline.ts';
import { aggregateRegions, commitSweep, encodeShards, planShards } from './policies.ts';
import { SweepState } from './sweep-state.ts';

/** Sweeps one corpus through one model; see architecture section 1. */
export async function corpusSweep(input: SweepInput): Promise<RunResult> {
  const { runId, runDir, configSha256, carried } = input;
  const state = new SweepState({ runId, startedAtMs: Date.now(), carried });
  const stations = {
    plan: () => planShards(input),
    run: (task: Parameters<typeof encodeShards>[0]['task']) => encodeShards({ runDir, configSha256, task }),
    collect: aggregateRegions,
    commit: () =>
      commitSweep({
        sweep: { ...input, carried: undefined },
        restarts: state.restarts,
        skipped: state.skipped,
        startedAtMs: state.startedAtMs,
      }),
  };
  const outcome = await runPipeline({ input, state, stations });
  if (outcome !== 'continue') return outcome;
  return continueAsNew<typeof corpusSweep>({ ...input, carried: state.carry() });
}
