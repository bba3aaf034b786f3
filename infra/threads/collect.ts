// Collecting one partition of an experiment's rows: read the log from the last segment on until every task has ended.

import { join } from 'node:path';
import type { AggregateHeartbeat } from '#schemas/messages.ts';
import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';
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
  context: TaskContext,
): Promise<AggregateOutput> {
  const collector = await openCollector(plan, runDir, partition);
  return tailLog(collector, { topic: plan.topic, partition, allSent }, context);
}

/** Takes messages of one partition in, each once, and knows what is still missing. */
export interface LogCollector {
  /** Where to read on. */
  readonly nextOffset: bigint;
  missing(): number[];
  add(messages: readonly ReceivedMessage[]): Promise<void>;
  flush(): Promise<unknown>;
}

/** Feeds a collector from the log until nothing is missing, the log's present end is reached, or it is asked to stop. */
export async function tailLog(
  collector: LogCollector,
  { topic, partition, allSent }: { topic: string; partition: number; allSent: boolean },
  { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<AggregateOutput> {
  const last = allSent ? (await openLog().offsets(topic, partition)).high - 1n : null;
  let messages = 0;
  const atEnd = (offset: bigint) => last !== null && offset >= last;
  const isOver = (offset: bigint) => collector.missing().length === 0 || atEnd(offset);
  if (!isOver(collector.nextOffset - 1n)) {
    let flushedAtMs = performance.now();
    const from = collector.nextOffset;
    for await (const batch of openLog().read(topic, partition, { from, signal })) {
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
