// Resident memory of one process that aggregates and commits millions of rows of mostly distinct 64-byte
// codes.
// node --import tsx test/bench/memory.bench.ts [million rows] [partitions]

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pointHash } from '../../activities/polytope/point-hash.ts';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { PartitionAggregator } from '../../infra/aggregate/partition-aggregator.ts';
import { encodeRows, syntheticPlan } from '../infra/aggregate/synthetic-log.ts';
import { compared } from './comparison.ts';

const CODE_WORDS = 16;
/** One row in so many repeats an earlier one. */
const REPEAT_EVERY = 8;
const LIMIT_MB = 1024;

const [millions = '5', partitions = '4'] = process.argv.slice(2);
const rows = Number(millions) * 1e6;
const options = {
  rows,
  shardRows: 65_536,
  batchRows: 4096,
  partitions: Number(partitions),
  tapBits: [CODE_WORDS * 32],
  exemplars: 8,
  classes: 10,
};
const whole = syntheticPlan(options);
const plan = { ...whole, spans: whole.spans.slice(0, 1) };
const folder = await mkdtemp(join(tmpdir(), 'memory-bench-'));
let peakMb = 0;

try {
  const startedMs = performance.now();
  report('start', 0, startedMs);
  await aggregate(startedMs);
  const committedMs = performance.now();
  const timer = setInterval(() => report('commit', rows, committedMs), 2000);
  const summary = await commitRun({
    runDir: folder,
    plan,
    codeVersion: 'bench',
    onProgress: (note) => report(note, rows, committedMs),
  });
  clearInterval(timer);
  console.log(`${summary.rows.regions} regions`);
  compared('memory', {
    what: `${millions} million rows of ${CODE_WORDS * 4}-byte codes`,
    unit: 'MB',
    ours: { name: 'peak resident', value: peakMb },
    baseline: { name: 'allowed', value: LIMIT_MB },
  });
  process.exitCode = peakMb < LIMIT_MB ? 0 : 1;
} finally {
  await rm(folder, { recursive: true });
}

async function aggregate(startedMs: number): Promise<void> {
  const dir = join(folder, 'segments');
  const open = Array.from({ length: plan.config.stream.partitions }, (_, partition) =>
    PartitionAggregator.open({ dir, partition, plan }),
  );
  const aggregators = await Promise.all(open);
  for (const shard of plan.shards) {
    for (let batch = 0; batch < shard.batches; batch++) {
      const first = shard.firstSample + batch * plan.batchRows;
      const samples = Math.min(plan.batchRows, shard.firstSample + shard.samples - first);
      for (const message of encodeRows(
        plan,
        { shard: shard.shardId, batch, first },
        rowsOf(first, samples),
      )) {
        const aggregator = aggregators[message.partition]!;
        await aggregator.add([{ ...message, offset: aggregator.nextOffset }]);
      }
    }
    if (shard.shardId % 8 === 7) report('aggregate', shard.firstSample + shard.samples, startedMs);
  }
  for (const aggregator of aggregators) await aggregator.flush();
  report('aggregate', rows, startedMs);
}

function rowsOf(first: number, samples: number): { words: Uint32Array[]; labels: Int32Array } {
  const words = new Uint32Array(samples * CODE_WORDS);
  const labels = new Int32Array(samples);
  for (let row = 0; row < samples; row++) {
    const code = (first + row) % REPEAT_EVERY === 0 ? (first + row) % 100_000 : first + row;
    labels[row] = code % 10;
    for (let word = 0; word < CODE_WORDS; word++)
      words[row * CODE_WORDS + word] = pointHash(code, word * 7919);
  }
  return { words: [words], labels };
}

function report(what: string, done: number, sinceMs: number): void {
  const { rss, arrayBuffers } = process.memoryUsage();
  peakMb = Math.max(peakMb, rss / 1e6);
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
  console.log(
    `${what.padEnd(24)} ${(done / 1e6).toFixed(2)} M rows  ${seconds} s  rss ${(rss / 1e6).toFixed(0)} MB  buffers ${(arrayBuffers / 1e6).toFixed(0)} MB`,
  );
}
