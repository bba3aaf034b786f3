// Resident memory of one process that aggregates and commits millions of rows of mostly distinct 64-byte
// codes.
// node --import tsx test/bench/memory.bench.ts [million rows] [partitions]

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { syntheticPlan } from '../infra/aggregate/synthetic-log.ts';
import { compared } from './comparison.ts';
import { aggregateDistinct } from './distinct-codes.ts';

const CODE_WORDS = 16;
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
  await aggregateDistinct({
    plan,
    dir: join(folder, 'segments'),
    codeWords: CODE_WORDS,
    onShard({ shardId, firstSample, samples }) {
      if (shardId % 8 === 7) report('aggregate', firstSample + samples, startedMs);
    },
  });
  report('aggregate', rows, startedMs);
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

function report(what: string, done: number, sinceMs: number): void {
  const { rss, arrayBuffers } = process.memoryUsage();
  peakMb = Math.max(peakMb, rss / 1e6);
  const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1);
  console.log(
    `${what.padEnd(24)} ${(done / 1e6).toFixed(2)} M rows  ${seconds} s  rss ${(rss / 1e6).toFixed(0)} MB  buffers ${(arrayBuffers / 1e6).toFixed(0)} MB`,
  );
}
