// Collecting one partition of an experiment's rows: read the log from the last segment on until every task has ended.

import { join } from 'node:path';
import type { AggregateHeartbeat } from '#schemas/messages.ts';
import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';
import { experimentNamed } from '../../activities/experiments/experiments.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { runFolder } from '../blobs/run-folder.ts';
import { type LensPlan, measuredTables, readLensPlan } from '../lens/lens-plan.ts';
import { PartitionCollector } from '../lens/partition-collector.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** A segment is written at least this often, so that a restart repeats little and notebooks can look in. */
const SEGMENT_EVERY_MS = 60_000;

/** Runs until the partition is complete, the log's end is reached (`allSent`), or it is asked to stop. */
export async function collectTask(input: AggregateInput, context: TaskContext): Promise<AggregateOutput> {
  const { runDir, configSha256, partition, allSent } = input;
  const plan = await readLensPlan(runDir, configSha256);
  const collector = await openCollector(plan, runDir, partition);
  return tailLog(collector, { topic: plan.topic, partition, allSent }, context);
}

/** Takes messages of one partition in, each once, and knows what is still missing. */
export interface LogCollector {
  /** Where to read on. */
  readonly nextOffset: bigint;
  readonly complete: boolean;
  /** Messages that have not come yet, where their number is known. */
  readonly outstanding?: number;
  /** Shards, tasks or groups of which something was not seen, ascending. */
  missing(): number[];
  add(messages: readonly ReceivedMessage[]): Promise<unknown>;
  flush(): Promise<unknown>;
  /** Goes on from an offset that lies ahead, for good: what lies between is gone. */
  skipTo(offset: bigint): Promise<void>;
}

/**
 * Moves a collector behind what Kafka has deleted. For planning only, which finds out by {@link LogCollector.missing} what must be
 * made again; a reader that comes upon such a gap fails.
 * @param place.low - first offset that the partition still has.
 * @returns a notice for people, or null where nothing was deleted.
 */
export async function skipDeleted(
  collector: LogCollector,
  { partition, low }: { readonly partition: number; readonly low: bigint },
): Promise<string | null> {
  const next = collector.nextOffset;
  if (low <= next) return null;
  await collector.skipTo(low);
  return `Kafka deleted offsets ${next} to ${low - 1n} of partition ${partition} before they were aggregated; what they held is made again`;
}

/**
 * Removes a run's segments where their log is gone (another broker, a deleted topic): they name offsets that mean nothing now,
 * and the run starts over.
 * @param open - opens what the segments of a partition hold.
 */
export async function dropOrphanedSegments(
  {
    topic,
    config,
  }: { readonly topic: string; readonly config: { readonly stream: { readonly partitions: number } } },
  runDir: string,
  open: (partition: number) => Promise<Pick<LogCollector, 'nextOffset'>>,
): Promise<void> {
  for (let partition = 0; partition < config.stream.partitions; partition++) {
    const { nextOffset } = await open(partition);
    if (nextOffset === 0n || nextOffset <= (await openLog().offsets(topic, partition)).high) continue;
    await runFolder(runDir).remove(SEGMENTS_FOLDER);
    return;
  }
}

/** Feeds a collector from the log until nothing is missing, the log's present end is reached, or it is asked to stop. */
export async function tailLog(
  collector: LogCollector,
  { topic, partition, allSent }: { topic: string; partition: number; allSent: boolean },
  { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<AggregateOutput> {
  const last = allSent ? (await openLog().offsets(topic, partition)).high - 1n : null;
  let messages = 0;
  let bytes = 0;
  // Of what is still to come half by its mean size: the broker would wait in vain for more than there is.
  const gatherBytes = () => ((collector.outstanding ?? Infinity) * (bytes / messages || Infinity)) / 2;
  const atEnd = (offset: bigint) => last !== null && offset >= last;
  const isOver = (offset: bigint) => collector.complete || atEnd(offset);
  if (!isOver(collector.nextOffset - 1n)) {
    let flushedAtMs = performance.now();
    const from = collector.nextOffset;
    for await (const fetched of openLog().read(topic, partition, { from, signal, gatherBytes })) {
      await collector.add(fetched.messages);
      messages += fetched.messages.length;
      for (const { value } of fetched.messages) bytes += value.byteLength;
      const offset = fetched.messages.at(-1)!.offset;
      const lag = Number(fetched.high - offset - 1n);
      const beat: AggregateHeartbeat = { at: 'aggregate', partition, offset: String(offset), messages, lag };
      progress(beat);
      if (isOver(offset)) break;
      if (performance.now() - flushedAtMs <= SEGMENT_EVERY_MS) continue;
      await collector.flush();
      flushedAtMs = performance.now();
    }
    await collector.flush();
  }
  return { messages, missingShards: collector.complete ? [] : collector.missing() };
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
