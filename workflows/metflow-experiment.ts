// A run of chains: plan, train what is to be trained, sample every group of chains in a child workflow while one collector
// per partition writes their draws, diagnose, commit. An extension, or draws lost from the log, send it round again: the
// plan says where the chains stand, so every round is the same.

import {
  CancellationScope,
  type ChildWorkflowHandle,
  condition,
  isCancellation,
  setHandler,
  sleep,
  startChild,
} from '@temporalio/workflow';
import { type MetflowInput, type RunResult, runWorkflowId } from '../schemas/messages.ts';
import type { CommitOutput } from '../schemas/tasks.ts';
import { chainsSignal, extendSignal, pauseSignal, progressQuery, resumeSignal } from './handlers.ts';
import { metflowChains } from './metflow-chains.ts';
import { MetflowState } from './metflow-state.ts';
import { endingNoted } from './noted-end.ts';
import { collectDraws, commitMetflow, diagnoseChains, planMetflow, trainFlow } from './policies.ts';

/** How long collectors may lag behind the last segment before the log is searched for lost messages. */
const LAG_CHECK_MS = 60_000;

/** Everything of a run that its stations share. */
interface Run {
  readonly input: MetflowInput;
  readonly state: MetflowState;
  readonly children: Map<number, ChildWorkflowHandle<typeof metflowChains>>;
  /** Milliseconds of training and of sampling, as far as this execution saw them. */
  readonly spent: { training: number | null; sampling: number };
  /** Stops the training under way. */
  onPause: () => void;
}

/** Trains and samples one target; which, its config says. */
export async function metflowExperiment(input: MetflowInput): Promise<RunResult> {
  const state = new MetflowState({ runId: input.runId, startedAtMs: Date.now() });
  const spent = { training: null, sampling: 0 };
  const run: Run = { input, state, children: new Map(), spent, onPause: () => undefined };
  setHandler(progressQuery, () => state.progress());
  setHandler(chainsSignal, (report) => state.reported(report));
  setHandler(extendSignal, (draws) => state.extend(draws));
  setHandler(pauseSignal, () => steer(run, true));
  setHandler(resumeSignal, () => steer(run, false));
  return endingNoted(input, state, () => roundByRound(run));
}

async function roundByRound(run: Run): Promise<RunResult> {
  const { input, state } = run;
  let draws = input.draws ?? input.config.sample.draws;
  while (true) {
    draws = state.takeDraws(draws);
    state.phase = 'planning';
    state.planned(await planMetflow({ ...input, draws }));
    draws = state.plan!.draws;
    if (state.trains) await train(run);
    const whole = await sample(run);
    // Draws were lost on the way, or more are wanted now.
    if (!whole || state.extraDraws > 0) continue;
    const { rows, notices } = await finish(run);
    if (state.extraDraws > 0) continue;
    state.phase = 'done';
    const { runId, runDir } = input;
    return { runId, status: 'done', runDir, rows, restarts: state.restarts, notices };
  }
}

async function train(run: Run): Promise<void> {
  const { state, input, spent } = run;
  const { runDir, configSha256 } = input;
  while (state.trains) {
    await condition(() => !state.paused);
    state.phase = 'training';
    const startedAtMs = Date.now();
    const scope = new CancellationScope();
    run.onPause = () => scope.cancel();
    try {
      state.trained(await scope.run(() => trainFlow({ runDir, configSha256 })));
    } catch (error) {
      // Cancelled by a pause before it had begun. A cancelled run passes on.
      if (!isCancellation(error) || !state.paused) throw error;
    }
    run.onPause = () => undefined;
    spent.training = (spent.training ?? 0) + Date.now() - startedAtMs;
  }
}

/** Samples to the plan's draws; false where draws that were sent never came out of the log. */
async function sample(run: Run): Promise<boolean> {
  const { state, spent } = run;
  const startedAtMs = Date.now();
  state.phase = 'sampling';
  const collecting = new CancellationScope();
  const collected = collecting.run(() => collectAll(run));
  const failure = collected.then(() => new Promise<never>(() => undefined));
  failure.catch(() => undefined);
  const looking = new CancellationScope();
  const looks = looking.run(() => lookNowAndThen(run));
  looks.catch(() => undefined);
  try {
    await Promise.race([sampleGroups(run), failure]);
  } finally {
    looking.cancel();
  }
  state.phase = 'collecting';
  const inTime = await Promise.race([collected.then(() => true), sleep(LAG_CHECK_MS).then(() => false)]);
  spent.sampling += Date.now() - startedAtMs;
  if (inTime) return true;
  collecting.cancel();
  await collected.catch((error) => {
    if (!isCancellation(error)) throw error;
  });
  return false;
}

async function sampleGroups(run: Run): Promise<void> {
  const { state } = run;
  const groups = state.plan!.chains.map((_, group) => group);
  await Promise.all(groups.map((group) => sampleGroup(run, group)));
}

async function sampleGroup(run: Run, group: number): Promise<void> {
  const { state, input, children } = run;
  const { runId, runDir, configSha256 } = input;
  const { paused, startedAtMs } = state;
  const { draws } = state.plan!;
  const child = await startChild(metflowChains, {
    workflowId: `${runWorkflowId(runId)}/chains-${group}`,
    args: [{ runDir, configSha256, group, draws, paused, startedAtMs }],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  children.set(group, child);
  try {
    // Steered between being asked for and being there.
    if (state.paused !== paused) await child.signal(state.paused ? pauseSignal : resumeSignal);
    state.reported(await child.result());
  } finally {
    children.delete(group);
  }
}

async function collectAll({ state, input }: Run): Promise<void> {
  const { runDir, configSha256 } = input;
  const scope = CancellationScope.current();
  const partitions = Array.from({ length: state.plan!.partitions }, (_, partition) => partition);
  await Promise.all(
    partitions.map(async (partition) => {
      while (!scope.consideredCancelled) {
        const output = await collectDraws({ runDir, configSha256, partition, allSent: false });
        // Incomplete without being cancelled: its worker was shut down.
        if (output.missingShards.length === 0) return;
      }
    }),
  );
}

/** Diagnoses what is there whenever there is half as much again. A failed look ends the looking: the final one counts. */
async function lookNowAndThen({ state, input }: Run): Promise<void> {
  const { runDir, configSha256 } = input;
  while (true) {
    await condition(() => state.wantsLook());
    try {
      state.looked(await diagnoseChains({ runDir, configSha256, purpose: 'look' }));
    } finally {
      state.lookEnded();
    }
  }
}

async function finish({ state, input, spent }: Run): Promise<CommitOutput> {
  const { runDir, configSha256 } = input;
  state.phase = 'diagnosing';
  await diagnoseChains({ runDir, configSha256, purpose: 'final' });
  state.phase = 'committing';
  const { restarts, startedAtMs, notices } = state;
  return commitMetflow({
    run: input,
    restarts,
    startedAtMs,
    notices,
    trainingSeconds: spent.training === null ? null : spent.training / 1000,
    samplingSeconds: spent.sampling / 1000,
  });
}

function steer(run: Run, paused: boolean): void {
  run.state.paused = paused;
  if (paused) run.onPause();
  for (const child of run.children.values()) {
    // One that has just ended needs no steering.
    child.signal(paused ? pauseSignal : resumeSignal).catch(() => undefined);
  }
}
