// The end of a sweep: final tables, run.json, and the topic is given back.

import { join } from 'node:path';
import type { CommitInput, CommitOutput, CommitPartInput, CommitPartOutput } from '#schemas/tasks.ts';
import { commitRun } from '../aggregate/commit-run.ts';
import { runCommitTask } from '../aggregate/commit-task.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { CODE_VERSION, writeManifest } from '../run-manifest.ts';
import { lanes } from './lanes.ts';
import { closeEncoder, openLog, openPlan } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** Parts of the tables that are written at once: one of a large run holds about 150 MB, one of a small run 20. */
const PARTS_AT_ONCE = { large: 2, small: 4 } as const;
/** Code rows of the largest small run. */
const FEW_CODE_ROWS = 4_000_000;

/** Repeating it gives the same tables. Parts go to other threads. */
export async function commitTask(
  { sweep, restarts, skipped, startedAtMs }: CommitInput,
  { signal, progress, fork }: TaskContext,
): Promise<CommitOutput> {
  const { runDir, configSha256 } = sweep;
  const plan = await openPlan(runDir, configSha256);
  await closeEncoder();
  const isSmall = plan.points * plan.spans.length <= FEW_CODE_ROWS;
  const inLane = lanes(PARTS_AT_ONCE[isSmall ? 'small' : 'large']);
  const { rows } = await commitRun({
    runDir,
    plan,
    codeVersion: CODE_VERSION,
    signal,
    onProgress: progress,
    runTask: ({ folder, task }) =>
      inLane(() => fork('commitPart', { runDir, configSha256, folder, part: task })),
  });
  const inOrder = skipped.toSorted((a, b) => a.shard - b.shard);
  const skippedShards = inOrder.map(({ shard, why }) => ({ file: `shard ${shard}`, why }));
  const seconds = (Date.now() - startedAtMs) / 1000;
  const notices = leftOut(plan.points, rows['points'] ?? 0);
  await writeManifest(runDir, plan, { status: 'done', rows, restarts, seconds, skippedShards, notices });
  await openLog().deleteTopic(plan.topic);
  return { rows, notices: [...plan.notices, ...notices] };
}

/** Counted by the tables, so that it holds whatever was killed in between. */
function leftOut(planned: number, points: number): string[] {
  if (points === planned) return [];
  return [`${planned - points} of ${planned} points could not be read and were left out; run.json says why`];
}

/** One part of the tables: a stretch of points, or one span's regions. */
export async function commitPartTask(
  { runDir, configSha256, folder, part }: CommitPartInput,
  { signal }: TaskContext,
): Promise<CommitPartOutput> {
  const plan = await openPlan(runDir, configSha256);
  await closeEncoder();
  return runCommitTask({ plan, segmentsDir: join(runDir, SEGMENTS_FOLDER), folder, task: part, signal });
}
