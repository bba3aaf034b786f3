// The end of an experiment: final tables, conclusions, run.json, and the topic is given back.

import type { CommitOutput, LensCommitInput } from '#schemas/tasks.ts';
import { experimentNamed } from '../../activities/experiments/experiments.ts';
import { runFolder } from '../blobs/run-folder.ts';
import { commitExperiment } from '../lens/commit-experiment.ts';
import { LABELS_FILE, openLensPlan } from '../lens/opened-lens.ts';
import { CODE_VERSION, writeManifest } from '../run-manifest.ts';
import { openLog } from './opened.ts';
import { SURVEY_FILE } from './survey-lens.ts';
import type { TaskContext } from './task-context.ts';

/** Repeating it gives the same tables. */
export async function commitLensTask(
  { run: { runDir, configSha256 }, restarts, startedAtMs }: LensCommitInput,
  { signal, progress }: TaskContext,
): Promise<CommitOutput> {
  const plan = await openLensPlan(runDir, configSha256);
  const { rows, claims, notices } = await commitExperiment({
    runDir,
    plan,
    experiment: experimentNamed(plan.config.experiment),
    codeVersion: CODE_VERSION,
    signal,
    onProgress: progress,
  });
  const seconds = (Date.now() - startedAtMs) / 1000;
  await writeManifest(runDir, plan, { status: 'done', rows, restarts, seconds, claims, notices });
  await Promise.all([LABELS_FILE, SURVEY_FILE].map((name) => runFolder(runDir).remove(name)));
  await openLog().deleteTopic(plan.topic);
  return { rows, notices: [...plan.notices, ...notices] };
}
