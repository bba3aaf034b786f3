// Aggregation and commit of mostly distinct codes that do not fit in memory: once with the segments of a worker, once with all that
// is held in memory until the end. The tables must have the same bytes.
// node --import tsx test/bench/spill.bench.ts [GB of codes] [bytes of a code] [spilled | held]; one process measures one way.

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commitRun } from '../../infra/aggregate/commit-run.ts';
import { SEGMENTS_FOLDER } from '../../infra/aggregate/segment-files.ts';
import { syntheticPlan } from '../infra/aggregate/synthetic-log.ts';
import { filesBelow, tableHashes } from '../live/run-files.ts';
import { compared } from './comparison.ts';
import { aggregateDistinct } from './distinct-codes.ts';

/** Of aggregation. A commit holds row groups in some copies, and one of each segment. */
const LIMIT_MB = 512;
const SAMPLE_MS = 50;

interface Outcome {
  readonly regions: number;
  readonly segments: number;
  readonly segmentMb: number;
  readonly aggregateMb: number;
  readonly peakMb: number;
  readonly seconds: number;
  readonly hashes: Readonly<Record<string, string>>;
}

const [gigabytes = '1', codeBytes = '256', way] = process.argv.slice(2);
const CODE_WORDS = Number(codeBytes) / 4;
const rows = Math.round((Number(gigabytes) * 1e9) / (CODE_WORDS * 4));
const whole = syntheticPlan({
  ...{ rows, shardRows: 65_536, batchRows: 1024, partitions: 4 },
  ...{ tapBits: [CODE_WORDS * 32], exemplars: 8, classes: 10 },
});
const plan = { ...whole, spans: whole.spans.slice(0, 1) };

if (way === undefined) {
  const [spilled, held] = ['spilled', 'held'].map(measured);
  const what = `${rows} rows of ${codeBytes}-byte codes, ${spilled!.segmentMb.toFixed(0)} MB in ${spilled!.segments} segments`;
  for (const [stage, key] of [
    ['aggregation', 'aggregateMb'],
    ['the whole', 'peakMb'],
  ] as const) {
    compared('spill', {
      what: `${what}: ${stage}`,
      unit: 'MB',
      ours: { name: 'peak resident, spilled', value: spilled![key] },
      baseline: { name: 'held in memory', value: held![key] },
    });
  }
  const equal = JSON.stringify(spilled!.hashes) === JSON.stringify(held!.hashes);
  console.log(`${spilled!.regions} regions; tables ${equal ? 'have the same bytes' : 'DIFFER'}`);
  process.exitCode = equal && spilled!.aggregateMb < LIMIT_MB ? 0 : 1;
} else {
  console.log(
    JSON.stringify(await aggregateAndCommit(way === 'held' ? Number.POSITIVE_INFINITY : undefined)),
  );
}

function measured(way: string): Outcome {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), gigabytes, codeBytes, way];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const line = stdout.trimEnd().split('\n').at(-1);
  if (!line) throw new Error(stderr);
  console.log(`${way}: ${line}`);
  return JSON.parse(line) as Outcome;
}

/** @param segmentBytes - memory that triggers a segment; what a worker takes where it is undefined. */
async function aggregateAndCommit(segmentBytes: number | undefined): Promise<Outcome> {
  const runDir = mkdtempSync(join(tmpdir(), 'spill-'));
  const startedMs = performance.now();
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, SAMPLE_MS);
  try {
    const dir = join(runDir, SEGMENTS_FOLDER);
    mkdirSync(dir);
    await aggregateDistinct({ plan, dir, codeWords: CODE_WORDS, segmentBytes });
    const aggregateMb = peak / 1e6;
    const segments = filesBelow(dir);
    const bytes = segments.reduce((sum, file) => sum + statSync(join(dir, file)).size, 0);
    const summary = await commitRun({ runDir, plan, codeVersion: 'bench' });
    return {
      regions: summary.rows.regions,
      segments: segments.filter((file) => file.startsWith('regions-')).length,
      segmentMb: bytes / 1e6,
      aggregateMb,
      peakMb: peak / 1e6,
      seconds: (performance.now() - startedMs) / 1000,
      hashes: tableHashes(runDir),
    };
  } finally {
    clearInterval(timer);
    rmSync(runDir, { recursive: true });
  }
}
