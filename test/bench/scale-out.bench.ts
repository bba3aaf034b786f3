// How encoding speeds up with workers: processes of one encoding thread each, as on as many machines, that share Temporal and
// Kafka with one process that aggregates. Rows per second of the encoding phase alone, out of the run's history.
// node --import tsx test/bench/scale-out.bench.ts [--workers 1,2,4,8,16] [--rows N] [--rounds N] [--json FILE]

import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../../infra/cli/format.ts';
import { type LiveHome, MNIST, startHome } from '../live/live-home.ts';
import { servicesOf } from '../live/progress-query.ts';
import { type RunningCommand, startTessera } from '../live/tessera-command.ts';
import { compared, figure, median } from './comparison.ts';
import { mlpNet } from './random-nets.ts';
import { runPhases } from './run-phases.ts';

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: powersOfTwo(availableParallelism()).join(',') },
    rows: { type: 'string', default: '210000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const SET_ROWS = 70_000;
/** Codes of the last hidden layer only, 64 bits a row: the cores that encoders share with the log and its readers have little else to do. */
const WIDTHS = [784, 1024, 1024, 64, 10];
const TAP = 'z3';
/** Workers load the program, open the model and fill their caches with these. */
const WARM_ROWS = SET_ROWS;

interface Found {
  readonly workers: number;
  readonly rowsPerSecond: number;
  readonly idleSlots: number;
}

const counts = options.workers.split(',').map(positive);
const rows = positive(options.rows);
const rounds = positive(options.rounds);
const home = await startHome('scale-out', { workers: 0 });
try {
  await benchAll(home);
} finally {
  await home.close();
}

async function benchAll(bench: LiveHome): Promise<void> {
  writeInputs(bench.folder);
  const collector = await startWorkers(bench, { processes: 1, queues: 'io' });
  const found: Found[] = [];
  try {
    for (const workers of counts) {
      found.push(await timed(bench, workers));
      const { rowsPerSecond, idleSlots } = found.at(-1)!;
      console.log(`${workers} workers: ${figure(rowsPerSecond)} rows/s, slots idle ${percent(idleSlots)}`);
    }
  } finally {
    await stop(collector);
  }
  print(found);
}

/** The median of some runs with so many workers, which live through all of them. */
async function timed(bench: LiveHome, workers: number): Promise<Found> {
  const encoders = await startWorkers(bench, { processes: workers, queues: 'cpu' });
  try {
    await sweep(bench, { run: `warm-${workers}`, rows: WARM_ROWS, workers });
    const all: Found[] = [];
    for (let round = 0; round < rounds; round++)
      all.push(await sweep(bench, { run: `timed-${workers}-${round}`, rows, workers }));
    const middle = median(all.map(({ rowsPerSecond }) => rowsPerSecond));
    return all.find(({ rowsPerSecond }) => rowsPerSecond === middle)!;
  } finally {
    await stop(encoders);
  }
}

async function sweep(
  bench: LiveHome,
  { run, rows: asked, workers }: { readonly run: string; readonly rows: number; readonly workers: number },
): Promise<Found> {
  const sets = ['--set', `run=${run}`, '--set', `dataset.rows=[0, ${asked}]`];
  const args = ['run', join(bench.folder, 'sweep.json'), '--out', bench.runs, '--processes', '0', '--json'];
  const { json, stderr } = await bench.tessera([...args, ...sets]);
  if (json?.status !== 'done') throw new Error(`the run failed: ${stderr}`);
  if (json.rows?.points !== asked) throw new Error(`${json.rows?.points} points instead of ${asked}`);
  const address = `127.0.0.1:${servicesOf(bench).temporal!.ports[0]}`;
  const { encoding, idleSlots } = await runPhases(address, { runId: run, slots: workers });
  return { workers, rowsPerSecond: asked / encoding, idleSlots };
}

async function startWorkers(
  bench: LiveHome,
  { processes, queues }: { readonly processes: number; readonly queues: string },
): Promise<RunningCommand> {
  const args = ['worker', '--processes', String(processes), '--queues', queues];
  const env = { ...bench.env, TESSERA_ENCODERS: '1' };
  const command = startTessera(args, { env, cwd: bench.folder, longestMs: null });
  await command.saying(/workers? ready/);
  return command;
}

async function stop(command: RunningCommand): Promise<void> {
  command.kill('SIGTERM');
  await command.end;
}

/** Digits again and again until there are rows enough, in shards that divide evenly among the workers' tasks. */
function writeInputs(folder: string): void {
  writeFileSync(join(folder, 'net.onnx'), mlpNet(WIDTHS));
  const repeated = (...names: string[]) =>
    Array.from({ length: Math.ceil(rows / SET_ROWS) }, () => names.map((name) => join(MNIST, name))).flat();
  const config = {
    kind: 'sweep',
    run: 'scale-out',
    model: { file: 'net.onnx', threads: 1, taps: [TAP] },
    codes: { spans: ['layer'] },
    dataset: {
      format: 'idx',
      data: repeated('train-images-idx3-ubyte', 't10k-images-idx3-ubyte'),
      labels: repeated('train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte'),
      transform: { scale: 1 / 255, shape: [784] },
      shardRows: 1000,
    },
    stream: { partitions: 4 },
  };
  writeFileSync(join(folder, 'sweep.json'), JSON.stringify(config));
}

function print(found: readonly Found[]): void {
  const [first] = found;
  const one = first!.rowsPerSecond / first!.workers;
  const columns = ['workers', 'rows/s', 'speed-up', 'efficiency', 'slots idle'].map(
    (title) => ({ title, align: 'right' }) as const,
  );
  const cells = found.map(({ workers, rowsPerSecond, idleSlots }) => [
    String(workers),
    figure(rowsPerSecond),
    (rowsPerSecond / one).toFixed(2),
    (rowsPerSecond / one / workers).toFixed(2),
    percent(idleSlots),
  ]);
  console.log(
    `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${figure(rows)} rows a run`,
  );
  for (const line of formatTable(columns, cells)) console.log(line);
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify({ rows, found }));
  const last = found.at(-1)!;
  compared('scale-out', {
    what: `encoding with ${last.workers} workers of one thread`,
    unit: 'rows/s',
    ours: { name: 'measured', value: last.rowsPerSecond },
    baseline: { name: `${last.workers} times one worker`, value: one * last.workers },
  });
}

function powersOfTwo(most: number): number[] {
  const powers = Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);
  return powers.includes(most) ? powers : [...powers, most];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(
    `${JSON.stringify(text)} is not a number of workers, rows or rounds: a whole number from 1 on`,
  );
}
