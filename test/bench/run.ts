// `npm run bench -- [NAME…] [--json] [--python PATH]`: the benches one after the other, then one table of ratios with
// the machine. NAME is a part of a bench's file name.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatTable } from '../../infra/cli/format.ts';
import { FOUND_FILE, figure, type FoundComparison, type Measured } from './comparison.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENDING = '.bench.ts';
const NAMED_PACKAGES = [
  'onnxruntime-node',
  '@tensorflow/tfjs',
  '@temporalio/worker',
  'kafkajs',
  '@duckdb/node-api',
  'parquet-wasm',
];

interface Outcome {
  readonly name: string;
  readonly seconds: number;
  readonly exitCode: number | null;
}

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, python: { type: 'string' } },
});

/** Each bench is a process of its own: none inherits another's threads, memory or optimised code. */
async function runBench(name: string, foundFile: string): Promise<Outcome> {
  const startedMs = performance.now();
  const python = options.python === undefined ? {} : { TESSERA_BENCH_PYTHON: options.python };
  // With --json, people's text goes to stderr.
  const stdio = ['ignore', options.json ? process.stderr : 'inherit', 'inherit'] as const;
  const child = spawn(process.execPath, ['--import', 'tsx', join(FOLDER, `${name}${ENDING}`)], {
    cwd: ROOT,
    env: { ...process.env, ...python, [FOUND_FILE]: foundFile },
    stdio: [...stdio],
  });
  const [exitCode] = (await once(child, 'exit')) as [number | null];
  return { name, seconds: (performance.now() - startedMs) / 1000, exitCode };
}

function machine() {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    loadAverage: loadavg().map((load) => Number(load.toFixed(2))),
    versions: Object.fromEntries(NAMED_PACKAGES.map((name) => [name, dependencies[name] ?? 'absent'])),
  };
}

function tableLines(found: readonly FoundComparison[]): readonly string[] {
  const side = ({ name, value }: Measured, unit: string) => `${name} ${figure(value)} ${unit}`;
  const columns = [
    { title: 'bench' },
    { title: 'what' },
    { title: 'ours' },
    { title: 'against' },
    { title: 'ratio', align: 'right' },
  ] as const;
  const rows = found.map(({ bench, what, unit, ours, baseline, ratio }) => {
    return [bench, what, side(ours, unit), side(baseline, unit), ratio.toFixed(3)];
  });
  return formatTable(columns, rows);
}

async function main(): Promise<number> {
  const all = readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .sort();
  const names = all.filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  const note = options.json ? console.error : console.log;
  if (names.length === 0) {
    note(`no bench is called ${wanted.join(' or ')}; there are ${all.join(', ')}`);
    return 2;
  }
  const before = machine();
  const folder = mkdtempSync(join(tmpdir(), 'bench-found-'));
  const foundFile = join(folder, 'found.jsonl');
  writeFileSync(foundFile, '');
  const outcomes: Outcome[] = [];
  try {
    for (const name of names) {
      note(`\n== ${name}`);
      const outcome = await runBench(name, foundFile);
      outcomes.push(outcome);
      note(`== ${name}: ${outcome.seconds.toFixed(0)} s${outcome.exitCode === 0 ? '' : ', FAILED'}`);
    }
    const lines = readFileSync(foundFile, 'utf8').split('\n').filter(Boolean);
    const found = lines.map((line) => JSON.parse(line) as FoundComparison);
    if (options.json) console.log(JSON.stringify({ machine: before, outcomes, found }));
    else printSummary(before, found);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return outcomes.every(({ exitCode }) => exitCode === 0) ? 0 : 1;
}

function printSummary(before: ReturnType<typeof machine>, found: readonly FoundComparison[]): void {
  const { cpu, cores, memoryGb, node, platform, loadAverage, versions } = before;
  console.log(`\n${cpu}, ${cores} cores, ${memoryGb} GB, ${platform}, Node ${node}`);
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  console.log(`load average at the start ${loadAverage.join(' ')}; ${named.join(', ')}\n`);
  for (const line of tableLines(found)) console.log(line);
  if (loadAverage[0]! > cores / 2) console.log('\nThe machine was busy: absolute figures are too low.');
}

process.exit(await main());
