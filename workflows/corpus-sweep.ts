// A sweep: plan, then encode shards in a sliding window while one aggregator per partition tails the log, then commit.
//
// Aggregators run beside the encoders because they are the log's readers: regions appear while the run is going, and the
// end of the sweep is only a merge. Pausing cancels the encoders, which answer with their place, and leaves the
// aggregators listening. Continue-as-new happens between encode tasks, after the aggregators have written what they hold.

import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  sleep,
} from '@temporalio/workflow';
import type { EncodeTask, SweepInput, RunResult } from '../schemas/messages.ts';
import { LIMITS } from '../temporal.config.ts';
import { faultOfFailure } from './faults.ts';
import { pauseSignal, progressQuery, resumeSignal } from './handlers.ts';
import { aggregateRegions, commitSweep, encodeShards, markEnded, planShards } from './policies.ts';
import { SweepState } from './sweep-state.ts';

/** How long aggregators may lag behind the last encoder before the log is searched for lost messages. */
const LAG_CHECK_MS = 60_000;

/** Sweeps one corpus through one model; see architecture section 1. */
export async function corpusSweep(input: SweepInput): Promise<RunResult> {
  const state = new SweepState({ runId: input.runId, startedAtMs: Date.now(), carried: input.carried });
  setHandler(progressQuery, () => state.progress());
  setHandler(pauseSignal, () => state.pause());
  setHandler(resumeSignal, () => state.resume());
  const work = new CancellationScope();
  try {
    const outcome = await work.run(() => sweep(input, state));
    if (outcome !== 'continue') return outcome;
  } catch (error) {
    work.cancel();
    await noteEnd(input, state, error);
    throw error;
  }
  return continueAsNew<typeof corpusSweep>({ ...input, carried: state.carry() });
}

async function sweep(input: SweepInput, state: SweepState): Promise<RunResult | 'continue'> {
  state.planned(await planShards(input));
  let aggregation = startAggregation(input, state);
  while (true) {
    await Promise.race([encodeAll(input, state), aggregation.failure]);
    if (state.historyIsLong) {
      await aggregation.stop();
      return 'continue';
    }
    state.phase = 'aggregating';
    const inTime = await Promise.race([
      aggregation.done.then(() => true),
      sleep(LAG_CHECK_MS).then(() => false),
    ]);
    if (inTime) break;
    await aggregation.stop();
    const lost = await lostShards(input, state);
    if (lost.length === 0) break;
    state.reopen(lost);
    aggregation = startAggregation(input, state);
  }
  state.phase = 'committing';
  const { rows, notices } = await commitSweep({
    sweep: { ...input, carried: undefined },
    restarts: state.restarts,
    skipped: state.skipped,
    startedAtMs: state.startedAtMs,
  });
  state.phase = 'done';
  const { restarts } = state;
  return { runId: input.runId, status: 'done', runDir: input.runDir, rows, restarts, notices };
}

/** Encodes until no task is left, waiting while paused; returns early where the history has grown long. */
async function encodeAll(input: SweepInput, state: SweepState): Promise<void> {
  while (!state.historyIsLong) {
    await condition(() => !state.paused);
    state.phase = 'encoding';
    const window = new CancellationScope();
    state.onPause = () => window.cancel();
    await window.run(() => encodeWindow(input, state));
    if (state.allEncoded) return;
  }
}

/** Keeps up to `encodeWindow` tasks under way; each lane takes the next task in plan order when it is free. */
async function encodeWindow(input: SweepInput, state: SweepState): Promise<void> {
  const lane = async () => {
    while (!state.paused && !state.historyIsLong) {
      const task = state.take();
      if (task === null) return;
      await encodeOne(input, state, task);
    }
  };
  await Promise.all(Array.from({ length: LIMITS.encodeWindow }, lane));
}

async function encodeOne(
  { runDir, configSha256 }: SweepInput,
  state: SweepState,
  task: EncodeTask,
): Promise<void> {
  try {
    state.completed(task, await encodeShards({ runDir, configSha256, task }));
  } catch (error) {
    // Cancelled by a pause before it had begun: the task is whole again. A cancelled run passes on.
    if (!isCancellation(error) || !state.paused) throw error;
    state.open.push(task);
  }
}

interface Aggregation {
  readonly done: Promise<unknown>;
  /** Never resolves; rejects when an aggregator failed for good. */
  readonly failure: Promise<never>;
  /** Asks the aggregators to write what they hold and end. */
  stop(): Promise<void>;
}

function startAggregation(input: SweepInput, state: SweepState): Aggregation {
  const scope = new CancellationScope();
  const partitions = Array.from({ length: state.partitions }, (_, partition) => partition);
  const done = scope.run(() =>
    Promise.all(partitions.map((partition) => aggregatePartition(input, state, partition))),
  );
  const failure = done.then(() => new Promise<never>(() => undefined));
  failure.catch(() => undefined);
  return {
    done,
    failure,
    stop: async () => {
      scope.cancel();
      await done.catch((error) => {
        if (!isCancellation(error)) throw error;
      });
    },
  };
}

async function aggregatePartition(
  { runDir, configSha256 }: SweepInput,
  state: SweepState,
  partition: number,
): Promise<void> {
  const scope = CancellationScope.current();
  while (!scope.consideredCancelled) {
    const output = await aggregateRegions({ runDir, configSha256, partition, allSent: false });
    state.restarts += output.attempt - 1;
    // Incomplete without being cancelled: its worker was shut down.
    if (output.missingShards.length === 0) return;
  }
}

/** Reads every partition to its end and names the shards of which something is not there. */
async function lostShards({ runDir, configSha256 }: SweepInput, state: SweepState): Promise<number[]> {
  const partitions = Array.from({ length: state.partitions }, (_, partition) => partition);
  const outputs = await Promise.all(
    partitions.map((partition) => aggregateRegions({ runDir, configSha256, partition, allSent: true })),
  );
  return [...new Set(outputs.flatMap(({ missingShards }) => missingShards))].sort((a, b) => a - b);
}

async function noteEnd({ runDir }: SweepInput, state: SweepState, error: unknown): Promise<void> {
  const cancelled = isCancellation(error);
  state.phase = cancelled ? 'cancelled' : 'failed';
  const fault = cancelled ? null : faultOfFailure(error);
  await CancellationScope.nonCancellable(() =>
    markEnded({ runDir, status: cancelled ? 'cancelled' : 'failed', fault }),
  );
}
