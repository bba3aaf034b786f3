// Peak memory and time of a commit over thousands of segments, merged in passes and all at once.
// node --expose-gc --import tsx test/bench/segments.bench.ts [segments of each partition]; one process measures one way.

import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { PartitionAggregator } from '../../infra/aggregate/partition-aggregator.ts';
import { SEGMENTS_FOLDER } from '../../infra/aggregate/segment-files.ts';
import { received, syntheticMessages, syntheticPlan } from '../infra/aggregate/synthetic-log.ts';
import { compared } from './comparison.ts';

const PARTITIONS = 2;
const BATCH_ROWS = 500;

interface Outcome {
  readonly peakMb: number;
  readonly seconds: number;
  readonly points: number;
}

const [each = '1000', way] = process.argv.slice(2);
if (way === undefined) {
  const [passes, atOnce] = ['passes', 'at once'].map(measured);
  const what = `commit of ${PARTITIONS * Number(each)} segments`;
  compared('segments', {
    what,
    unit: 'MB',
    ours: { name: 'in passes', value: passes!.peakMb },
    baseline: { name: 'all open at once', value: atOnce!.peakMb },
  });
  compared('segments', {
    what,
    unit: 's',
    ours: { name: 'in passes', value: passes!.seconds },
    baseline: { name: 'all open at once', value: atOnce!.seconds },
  });
} else {
  console.log(
    JSON.stringify(await commitOnce(way === 'passes' ? {} : { mostSegments: Number.POSITIVE_INFINITY })),
  );
}

function measured(way: string): Outcome {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), each, way];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const line = stdout.trimEnd().split('\n').at(-1);
  if (!line) throw new Error(stderr);
  return JSON.parse(line) as Outcome;
}

async function commitOnce(more: { readonly mostSegments?: number }): Promise<Outcome> {
  const runDir = await mkdtemp(join(tmpdir(), 'segments-'));
  try {
    const options = {
      rows: Number(each) * BATCH_ROWS,
      shardRows: BATCH_ROWS * 10,
      batchRows: BATCH_ROWS,
      partitions: PARTITIONS,
      tapBits: [64, 256],
      // Mostly distinct codes.
      inputs: Number(each) * BATCH_ROWS,
    };
    const plan = syntheticPlan(options);
    await mkdir(join(runDir, SEGMENTS_FOLDER));
    const aggregators = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) =>
        PartitionAggregator.open({ dir: join(runDir, SEGMENTS_FOLDER), partition, plan }),
      ),
    );
    const from = aggregators.map(() => 0n);
    for (const batch of syntheticMessages(plan, options)) {
      for (const [partition, aggregator] of aggregators.entries()) {
        const messages = received(batch, partition).map((message) => ({
          ...message,
          offset: from[partition]!++,
        }));
        await aggregator.add(messages);
        await aggregator.flush();
      }
    }
    return await watched(() => commitRun({ runDir, plan, codeVersion: '1', ...more }));
  } finally {
    await rm(runDir, { recursive: true, force: true });
  }
}

async function watched(commit: () => ReturnType<typeof commitRun>): Promise<Outcome> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const startedMs = performance.now();
  const { rows } = await commit();
  clearInterval(timer);
  const seconds = (performance.now() - startedMs) / 1000;
  return { peakMb: (peak - before) / 1e6, seconds, points: rows.points };
}
