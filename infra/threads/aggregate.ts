// Aggregating one partition: read the log from the last segment on until every batch of the plan was seen.

import { join } from 'node:path';
import type { AggregateHeartbeat } from '#schemas/messages.ts';
import type { AggregateInput, AggregateOutput } from '#schemas/tasks.ts';
import { PartitionAggregator } from '../aggregate/partition-aggregator.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { openLog, openPlan } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** A segment is written at least this often, so that a restart repeats little and notebooks can look in. */
const SEGMENT_EVERY_MS = 60_000;

/** Runs until the partition is complete, the log's end is reached (`allSent`), or it is asked to stop. */
export async function aggregateTask(
  { runDir, configSha256, partition, allSent }: AggregateInput,
  { signal, progress }: TaskContext,
): Promise<AggregateOutput> {
  const plan = await openPlan(runDir, configSha256);
  const aggregator = await PartitionAggregator.open({ dir: join(runDir, SEGMENTS_FOLDER), partition, plan });
  const last = allSent ? (await openLog().offsets(plan.topic, partition)).high - 1n : null;
  let messages = 0;
  const atEnd = (offset: bigint) => last !== null && offset >= last;
  if (!aggregator.complete && !atEnd(aggregator.nextOffset - 1n)) {
    let flushedAtMs = performance.now();
    for await (const batch of openLog().read(plan.topic, partition, {
      from: aggregator.nextOffset,
      signal,
    })) {
      await aggregator.add(batch);
      messages += batch.length;
      const offset = batch.at(-1)!.offset;
      progress({ at: 'aggregate', partition, offset: String(offset), messages } satisfies AggregateHeartbeat);
      if (aggregator.complete || atEnd(offset)) break;
      if (performance.now() - flushedAtMs > SEGMENT_EVERY_MS) {
        await aggregator.flush();
        flushedAtMs = performance.now();
      }
    }
    await aggregator.flush();
  }
  const missing = aggregator.complete ? [] : aggregator.missing(Number.POSITIVE_INFINITY);
  return { messages, missingShards: [...new Set(missing.map(({ shard }) => shard))].sort((a, b) => a - b) };
}
