// How every run goes: plan, then tasks in a sliding window while one collector per partition tails the log, then commit.
//
// Collectors run beside the tasks because they are the log's readers: results appear while the run is going, and its end
// is only a merge. Pausing cancels the tasks, which answer with their place, and leaves the collectors listening.
// Continue-as-new happens between tasks, after the collectors have written what they hold.

import { CancellationScope, condition, isCancellation, setHandler, sleep } from '@temporalio/workflow';
import type { RunInput, RunResult } from '../schemas/messages.ts';
import type { AggregateInput, AggregateOutput, Attempted, CommitOutput } from '../schemas/tasks.ts';
import { LIMITS } from '../temporal.config.ts';
import { pauseSignal, progressQuery, resumeSignal } from './handlers.ts';
import { endingNoted } from './noted-end.ts';
import type { PipelinePlan, RunState } from './run-state.ts';

/** How long collectors may lag behind the last task before the log is searched for lost messages. */
const LAG_CHECK_MS = 60_000;

/** What a kind of run does at each station. */
export interface Stations<Task, Output, Plan> {
  plan(): Promise<Plan>;
  run(task: Task): Promise<Output & Attempted>;
  collect(input: AggregateInput): Promise<AggregateOutput & Attempted>;
  commit(): Promise<CommitOutput>;
}

/** A run with its state and stations. */
export interface Pipeline<Task, Output, Plan extends PipelinePlan> {
  readonly input: RunInput;
  readonly state: RunState<Task, Output, Plan>;
  readonly stations: Stations<Task, Output, Plan>;
}

/** Runs to the end, or answers `continue` where the history has grown long. Sets the handlers before the first await. */
export async function runPipeline<Task, Output, Plan extends PipelinePlan>(
  pipeline: Pipeline<Task, Output, Plan>,
): Promise<RunResult | 'continue'> {
  const { input, state } = pipeline;
  setHandler(progressQuery, () => state.progress());
  setHandler(pauseSignal, () => state.pause());
  setHandler(resumeSignal, () => state.resume());
  return endingNoted(input, state, () => stationByStation(pipeline));
}

async function stationByStation<Task, Output, Plan extends PipelinePlan>(
  pipeline: Pipeline<Task, Output, Plan>,
): Promise<RunResult | 'continue'> {
  const { input, state, stations } = pipeline;
  state.planned(await stations.plan());
  let collection = startCollection(pipeline);
  while (true) {
    await Promise.race([workAll(pipeline), collection.failure]);
    if (state.historyIsLong) {
      await collection.stop();
      return 'continue';
    }
    state.phase = state.phases.collecting;
    const inTime = await Promise.race([
      collection.done.then(() => true),
      sleep(LAG_CHECK_MS).then(() => false),
    ]);
    if (inTime) break;
    await collection.stop();
    const lost = await lostWork(pipeline);
    if (lost.length === 0) break;
    state.reopen(lost);
    collection = startCollection(pipeline);
  }
  state.phase = 'committing';
  const { rows, notices } = await stations.commit();
  state.phase = 'done';
  const { restarts } = state;
  return { runId: input.runId, status: 'done', runDir: input.runDir, rows, restarts, notices };
}

/** Works until no task is left, waiting while paused; returns early where the history has grown long. */
async function workAll<Task, Output, Plan extends PipelinePlan>(
  pipeline: Pipeline<Task, Output, Plan>,
): Promise<void> {
  const { state } = pipeline;
  while (!state.historyIsLong) {
    await condition(() => !state.paused);
    state.phase = state.phases.working;
    const window = new CancellationScope();
    state.onPause = () => window.cancel();
    await window.run(() => workWindow(pipeline));
    if (state.allDone) return;
  }
}

/** Keeps up to `taskWindow` tasks under way; each lane takes the next task in plan order when it is free. */
async function workWindow<Task, Output, Plan extends PipelinePlan>({
  state,
  stations,
}: Pipeline<Task, Output, Plan>): Promise<void> {
  const lane = async () => {
    while (!state.paused && !state.historyIsLong) {
      const task = state.take();
      if (task === null) return;
      try {
        state.completed(task, await stations.run(task));
      } catch (error) {
        // Cancelled by a pause before it had begun: the task is whole again. A cancelled run passes on.
        if (!isCancellation(error) || !state.paused) throw error;
        state.open.push(task);
      }
    }
  };
  await Promise.all(Array.from({ length: LIMITS.taskWindow }, lane));
}

interface Collection {
  readonly done: Promise<unknown>;
  /** Never resolves; rejects when a collector failed for good. */
  readonly failure: Promise<never>;
  /** Asks the collectors to write what they hold and end. */
  stop(): Promise<void>;
}

function startCollection<Task, Output, Plan extends PipelinePlan>(
  pipeline: Pipeline<Task, Output, Plan>,
): Collection {
  const scope = new CancellationScope();
  const done = scope.run(() =>
    Promise.all(partitionsOf(pipeline).map((partition) => collectPartition(pipeline, partition))),
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

async function collectPartition<Task, Output, Plan extends PipelinePlan>(
  { input: { runDir, configSha256 }, state, stations }: Pipeline<Task, Output, Plan>,
  partition: number,
): Promise<void> {
  const scope = CancellationScope.current();
  while (!scope.consideredCancelled) {
    const output = await stations.collect({ runDir, configSha256, partition, allSent: false });
    state.restarts += output.attempt - 1;
    // Incomplete without being cancelled: its worker was shut down.
    if (output.missingShards.length === 0) return;
  }
}

/** Reads every partition to its end and names the shards or tasks of which something is not there. */
async function lostWork<Task, Output, Plan extends PipelinePlan>(
  pipeline: Pipeline<Task, Output, Plan>,
): Promise<number[]> {
  const { runDir, configSha256 } = pipeline.input;
  const outputs = await Promise.all(
    partitionsOf(pipeline).map((partition) =>
      pipeline.stations.collect({ runDir, configSha256, partition, allSent: true }),
    ),
  );
  return [...new Set(outputs.flatMap(({ missingShards }) => missingShards))].sort((a, b) => a - b);
}

function partitionsOf<Task, Output, Plan extends PipelinePlan>({
  state,
}: Pipeline<Task, Output, Plan>): number[] {
  return Array.from({ length: state.partitions }, (_, partition) => partition);
}
