// Collecting one partition of an experiment's rows: read the log from the last segment on until every task has ended.

import { join } from 'node:path';
import type { AggregateHeartbeat } from '#schemas/messages.ts';
import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import { experimentNamed } from '../../activities/experiments/experiments.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { type LensPlan, measuredTables, readLensPlan } from '../lens/lens-plan.ts';
import { PartitionCollector } from '../lens/partition-collector.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** A segment is written at least this often, so that a restart repeats little and notebooks can look in. */
const SEGMENT_EVERY_MS = 60_000;

/** Runs until the partition is complete, the log's end is reached (`allSent`), or it is asked to stop. */
export async function collectTask(input: AggregateInput, context: TaskContext): Promise<AggregateOutput> {
  return collectPartition(await readLensPlan(input.runDir, input.configSha256), input, context);
}

/** The same with the plan at hand. */
export async function collectPartition(
  plan: LensPlan,
  { runDir, partition, allSent }: Pick<AggregateInput, 'runDir' | 'partition' | 'allSent'>,
  { signal, progress }: TaskContext,
): Promise<AggregateOutput> {
  const collector = await openCollector(plan, runDir, partition);
  const last = allSent ? (await openLog().offsets(plan.topic, partition)).high - 1n : null;
  let messages = 0;
  const atEnd = (offset: bigint) => last !== null && offset >= last;
  const isOver = (offset: bigint) => collector.missing().length === 0 || atEnd(offset);
  if (!isOver(collector.nextOffset - 1n)) {
    let flushedAtMs = performance.now();
    const from = collector.nextOffset;
    for await (const batch of openLog().read(plan.topic, partition, { from, signal })) {
      await collector.add(batch);
      messages += batch.length;
      const offset = batch.at(-1)!.offset;
      progress({ at: 'aggregate', partition, offset: String(offset), messages } satisfies AggregateHeartbeat);
      if (isOver(offset)) break;
      if (performance.now() - flushedAtMs <= SEGMENT_EVERY_MS) continue;
      await collector.flush();
      flushedAtMs = performance.now();
    }
    await collector.flush();
  }
  return { messages, missingShards: collector.missing() };
}

/** The collector of a partition, with what its segments hold. */
export function openCollector(
  plan: LensPlan,
  runDir: string,
  partition: number,
): Promise<PartitionCollector> {
  const tables = measuredTables(experimentNamed(plan.config.experiment));
  return PartitionCollector.open({ dir: join(runDir, SEGMENTS_FOLDER), partition, plan, tables });
}
