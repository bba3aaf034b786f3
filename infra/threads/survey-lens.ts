// Which tasks an earlier execution of this run already delivered in full, so that they are not measured again.

import { join } from 'node:path';
import { runFolder } from '../blobs/run-folder.ts';
import { readJsonIfThere } from '../blobs/storage.ts';
import type { LensPlan } from '../lens/lens-plan.ts';
import { dropOrphanedSegments, openCollector, skipDeleted, tailLog } from './collect.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

export const SURVEY_FILE = 'survey.json';

/**
 * Collects what the log holds and notes which tasks are complete.
 * @returns their numbers, ascending, and what people should know.
 */
export async function surveyRows(
  plan: LensPlan,
  runDir: string,
  context: TaskContext,
): Promise<{ readonly done: readonly number[]; readonly notices: readonly string[] }> {
  await dropOrphanedSegments(plan, runDir, (partition) => openCollector(plan, runDir, partition));
  const missing = new Set<number>();
  const notices: string[] = [];
  const { topic } = plan;
  for (let partition = 0; partition < plan.config.stream.partitions; partition++) {
    const collector = await openCollector(plan, runDir, partition);
    const { low } = await openLog().offsets(topic, partition);
    const notice = await skipDeleted(collector, { partition, low });
    if (notice !== null) notices.push(notice);
    const { missingShards } = await tailLog(collector, { topic, partition, allSent: true }, context);
    for (const task of missingShards) missing.add(task);
  }
  const done = plan.tasks.map((_, task) => task).filter((task) => !missing.has(task));
  await runFolder(runDir).writeFile(SURVEY_FILE, Buffer.from(JSON.stringify(done)));
  return { done, notices };
}

/** Tasks that need no measuring. */
export async function surveyedTasks(runDir: string): Promise<ReadonlySet<number>> {
  return new Set((await readJsonIfThere<number[]>(join(runDir, SURVEY_FILE))) ?? []);
}
