// Mostly distinct codes through the aggregators of a plan: what benches of memory feed them.

import type { ShardSpec, SweepPlan } from '#schemas/sweep.ts';
import { pointHash } from '../../activities/polytope/point-hash.ts';
import { PartitionAggregator } from '../../infra/aggregate/partition-aggregator.ts';
import { encodeRows } from '../infra/aggregate/synthetic-log.ts';

/** One row in so many repeats an earlier one. */
const REPEAT_EVERY = 8;

export interface DistinctCodes {
  readonly plan: SweepPlan;
  /** Folder of segments. */
  readonly dir: string;
  /** 32-bit words of a code; the plan has one tap. */
  readonly codeWords: number;
  /** Memory of an aggregator before it writes a segment. @default a worker's */
  readonly segmentBytes?: number | undefined;
  readonly onShard?: (shard: ShardSpec) => void;
}

/** Aggregates every row of the plan and writes the last segments. */
export async function aggregateDistinct({
  plan,
  dir,
  codeWords,
  segmentBytes,
  onShard,
}: DistinctCodes): Promise<void> {
  const size = segmentBytes === undefined ? {} : { segmentBytes };
  const open = Array.from({ length: plan.config.stream.partitions }, (_, partition) =>
    PartitionAggregator.open({ dir, partition, plan, ...size }),
  );
  const aggregators = await Promise.all(open);
  for (const shard of plan.shards) {
    for (let batch = 0; batch < shard.batches; batch++) {
      const first = shard.firstSample + batch * plan.batchRows;
      const samples = Math.min(plan.batchRows, shard.firstSample + shard.samples - first);
      const at = { shard: shard.shardId, batch, first };
      for (const message of encodeRows(plan, at, rowsOf(first, samples, codeWords))) {
        const aggregator = aggregators[message.partition]!;
        await aggregator.add([{ ...message, offset: aggregator.nextOffset }]);
      }
    }
    onShard?.(shard);
  }
  for (const aggregator of aggregators) await aggregator.flush();
}

function rowsOf(
  first: number,
  samples: number,
  codeWords: number,
): { words: Uint32Array[]; labels: Int32Array } {
  const words = new Uint32Array(samples * codeWords);
  const labels = new Int32Array(samples);
  for (let row = 0; row < samples; row++) {
    const code = (first + row) % REPEAT_EVERY === 0 ? (first + row) % 100_000 : first + row;
    labels[row] = code % 10;
    for (let word = 0; word < codeWords; word++) words[row * codeWords + word] = pointHash(code, word * 7919);
  }
  return { words: [words], labels };
}
