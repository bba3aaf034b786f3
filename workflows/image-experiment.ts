// A run about images: tasks that do not depend on each other, one per model and seed or per sampler, each going on from a
// checkpoint of its own. A pause stops the activities, which answer with their place; the workflow holds nothing that a
// checkpoint does not hold.

import { CancellationScope, condition, isCancellation, setHandler } from '@temporalio/workflow';
import type { ImagesInput, RunResult } from '../schemas/messages.ts';
import { pauseSignal, progressQuery, resumeSignal } from './handlers.ts';
import { ImageState } from './image-state.ts';
import { endingNoted } from './noted-end.ts';
import { commitImages, planImages, runImageTask } from './policies.ts';

interface Run {
  readonly input: ImagesInput;
  readonly state: ImageState;
  /** The activities under way. */
  readonly scopes: Set<CancellationScope>;
}

/** Trains autoencoders, or fills in images; which, its config says. */
export async function imageExperiment(input: ImagesInput): Promise<RunResult> {
  const state = new ImageState({ runId: input.runId, startedAtMs: Date.now() });
  const run: Run = { input, state, scopes: new Set() };
  setHandler(progressQuery, () => state.progress());
  setHandler(pauseSignal, () => {
    state.paused = true;
    for (const scope of run.scopes) scope.cancel();
  });
  setHandler(resumeSignal, () => {
    state.paused = false;
  });
  return endingNoted(input, state, () => planWorkCommit(run));
}

async function planWorkCommit(run: Run): Promise<RunResult> {
  const { input, state } = run;
  const { runId, runDir } = input;
  state.planned(await planImages(input));
  state.phase = 'computing';
  await Promise.all(state.tasks.map((task) => workOn(run, task)));
  state.phase = 'committing';
  const { restarts, startedAtMs, notices } = state;
  const { rows } = await commitImages({ run: input, restarts, startedAtMs, notices });
  state.phase = 'done';
  return { runId, status: 'done', runDir, rows, restarts, notices };
}

async function workOn({ input, state, scopes }: Run, task: number): Promise<void> {
  const { runDir, configSha256 } = input;
  while (!state.hasEnded(task)) {
    await condition(() => !state.paused);
    const scope = new CancellationScope();
    scopes.add(scope);
    try {
      state.worked(task, await scope.run(() => runImageTask({ runDir, configSha256, task })));
    } catch (error) {
      // Cancelled by a pause before it had begun. A cancelled run passes on.
      if (!isCancellation(error) || !state.paused) throw error;
    } finally {
      scopes.delete(scope);
    }
  }
}
