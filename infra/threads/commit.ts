// The end of a sweep: final tables, run.json, and the topic is given back.

import type { CommitInput, CommitOutput } from '#schemas/tasks.ts';
import { commitRun } from '../aggregate/commit-run.ts';
import { CODE_VERSION, writeManifest } from '../run-manifest.ts';
import { openLog, openPlan } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** Repeating it gives the same tables. */
export async function commitTask(
  { sweep, restarts, skipped, startedAtMs }: CommitInput,
  { signal, progress }: TaskContext,
): Promise<CommitOutput> {
  const { runDir } = sweep;
  const plan = await openPlan(runDir, sweep.configSha256);
  const { rows } = await commitRun({ runDir, plan, codeVersion: CODE_VERSION, signal, onProgress: progress });
  const skippedShards = skipped.map(({ shard, why }) => ({ file: `shard ${shard}`, why }));
  const seconds = (Date.now() - startedAtMs) / 1000;
  await writeManifest(runDir, plan, { status: 'done', rows, restarts, seconds, skippedShards });
  await openLog().deleteTopic(plan.topic);
  return { rows, notices: plan.notices };
}
