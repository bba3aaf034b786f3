// What an earlier execution of this run already delivered, so that nothing encoded is encoded again.

import { join } from 'node:path';
import type { SweepPlan } from '#schemas/sweep.ts';
import { PartitionAggregator } from '../aggregate/partition-aggregator.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { runFolder } from '../blobs/run-folder.ts';
import { readJsonIfThere } from '../blobs/storage.ts';
import { dropOrphanedSegments, skipDeleted } from './collect.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

const SURVEY_FILE = 'survey.json';

/** What is there already, and what people should know of it. */
export interface Survey {
  readonly samples: number;
  readonly notices: readonly string[];
}

/**
 * Reads segments and the rest of the log, and writes per shard how many leading batches are complete on every partition.
 * @returns number of samples in those batches.
 */
export async function surveyLog(plan: SweepPlan, runDir: string, context: TaskContext): Promise<Survey> {
  const open = (partition: number) => openAggregator(plan, runDir, partition);
  await dropOrphanedSegments(plan, runDir, open);
  const firstMissing = new Map<number, number>();
  const surveys = await Promise.all(
    Array.from({ length: plan.config.stream.partitions }, (_, partition) =>
      surveyPartition(plan, runDir, { partition, firstMissing, context }),
    ),
  );
  const found = surveys.some((survey) => survey.found);
  const notices = surveys.flatMap(({ notice }) => (notice === null ? [] : [notice]));
  const folder = runFolder(runDir);
  if (!found) {
    await folder.remove(SURVEY_FILE);
    return { samples: 0, notices };
  }
  const done = plan.shards.map((shard) =>
    Math.min(shard.batches, firstMissing.get(shard.shardId) ?? shard.batches),
  );
  await folder.writeFile(SURVEY_FILE, Buffer.from(JSON.stringify(done)));
  const samples = plan.shards.reduce(
    (sum, shard, i) => sum + Math.floor((shard.samples * done[i]!) / shard.batches),
    0,
  );
  return { samples, notices };
}

/** Complete leading batches by shard, where an earlier execution left any. */
export async function readSurvey(runDir: string): Promise<ReadonlyMap<number, number>> {
  const done = (await readJsonIfThere<number[]>(join(runDir, SURVEY_FILE))) ?? [];
  return new Map(done.entries());
}

async function surveyPartition(
  plan: SweepPlan,
  runDir: string,
  {
    partition,
    firstMissing,
    context,
  }: { partition: number; firstMissing: Map<number, number>; context: TaskContext },
): Promise<{ readonly found: boolean; readonly notice: string | null }> {
  const { topic } = plan;
  const { low, high } = await openLog().offsets(topic, partition);
  const aggregator = await openAggregator(plan, runDir, partition);
  const notice = await skipDeleted(aggregator, { partition, low });
  const from = aggregator.nextOffset;
  if (from === 0n && high === 0n) {
    for (const shard of plan.shards) firstMissing.set(shard.shardId, 0);
    return { found: false, notice };
  }
  const missing = new Map(
    aggregator
      .missingBatches(Number.POSITIVE_INFINITY)
      .map((item) => [`${item.kind} ${item.shard} ${item.batch}`, item] as const),
  );
  if (from < high) {
    for await (const { messages } of openLog().read(topic, partition, { from, signal: context.signal })) {
      for (const { headers } of messages) missing.delete(`${headers.kind} ${headers.shard} ${headers.batch}`);
      if (messages.at(-1)!.offset >= high - 1n) break;
    }
  }
  for (const { shard, batch } of missing.values()) {
    firstMissing.set(shard, Math.min(batch, firstMissing.get(shard) ?? batch));
  }
  return { found: true, notice };
}

function openAggregator(plan: SweepPlan, runDir: string, partition: number): Promise<PartitionAggregator> {
  return PartitionAggregator.open({ dir: join(runDir, SEGMENTS_FOLDER), partition, plan });
}
