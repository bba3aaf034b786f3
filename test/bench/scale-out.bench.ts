// How encoding speeds up with workers: processes of one encoding thread each, as on as many machines, that share Temporal and
// Kafka with one process that aggregates. Rows per second of the encoding phase alone, out of the run's history, and the processor
// time per row of encoders, aggregation (with commit), broker and server: they share the cores, so where encoding is cheap, adding
// encoders soon adds nothing.
// node --import tsx test/bench/scale-out.bench.ts [--workers 1,2,4,8,16] [--nets mlp,conv] [--rows N] [--rounds N] [--json FILE]

import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../../infra/cli/format.ts';
import { type LiveHome, MNIST, startHome } from '../live/live-home.ts';
import { cpuSecondsOf, workersOf } from '../live/process-table.ts';
import { servicesOf } from '../live/progress-query.ts';
import { type RunningCommand, startTessera } from '../live/tessera-command.ts';
import { compared, figure, median } from './comparison.ts';
import { convNet, mlpNet } from './random-nets.ts';
import { runPhases, serverCpuSeconds } from './run-phases.ts';

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: powersOfTwo(availableParallelism()).join(',') },
    nets: { type: 'string', default: 'mlp,conv' },
    rows: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const SET_ROWS = 70_000;
interface Net {
  readonly what: string;
  readonly model: () => Uint8Array;
  readonly shape: readonly number[];
  readonly rows: number;
}

/** Codes of the third layer only (`z3`): the cores that encoders share with the log and its readers have little else to do. */
const TAP = 'z3';
const NETS: Readonly<Record<string, Net>> = {
  mlp: {
    what: '784-1024-1024-64-10, 64 bits a row',
    model: () => mlpNet([784, 1024, 1024, 64, 10]),
    shape: [784],
    rows: 210_000,
  },
  // Nearly four times the multiplications of the MLP for each row: encoding dominates.
  conv: {
    what: '3x3 conv 32, 64/2, 128/2 on 1x28x28, 6,272 bits a row',
    model: () => convNet({ shape: [1, 28, 28] }),
    shape: [1, 28, 28],
    rows: 42_000,
  },
};

interface Found {
  readonly workers: number;
  readonly rowsPerSecond: number;
  readonly idleSlots: number;
  /** Processor time of the whole run for each row, in microseconds; null where the system does not tell. */
  readonly cpuMicros: Readonly<Record<Part, number>> | null;
}

type Part = 'encoders' | 'aggregation' | 'broker' | 'server';
const PARTS: readonly Part[] = ['encoders', 'aggregation', 'broker', 'server'];

const counts = options.workers.split(',').map(positive);
const nets = options.nets.split(',');
for (const name of nets)
  if (!(name in NETS)) throw new Error(`no net ${name}; there are ${Object.keys(NETS).join(', ')}`);
const rounds = positive(options.rounds);
const home = await startHome('scale-out', { workers: 0 });
try {
  await benchAll(home);
} finally {
  await home.close();
}

async function benchAll(bench: LiveHome): Promise<void> {
  const collector = await startWorkers(bench, { processes: 1, queues: 'io' });
  const all: Record<string, readonly Found[]> = {};
  console.log(`${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores`);
  try {
    for (const name of nets) {
      const found: Found[] = [];
      const rows = options.rows === undefined ? NETS[name]!.rows : positive(options.rows);
      writeInputs(bench.folder, NETS[name]!, rows);
      for (const workers of counts) found.push(await timed(bench, { name, rows, workers }));
      print(name, rows, found);
      all[name] = found;
    }
  } finally {
    await stop(collector);
  }
  if (options.json !== undefined) writeFileSync(options.json, JSON.stringify(all));
}

interface Timing {
  readonly name: string;
  readonly rows: number;
  readonly workers: number;
}

/** The median of some runs with so many workers, which live through all of them. */
async function timed(bench: LiveHome, { name, rows, workers }: Timing): Promise<Found> {
  const encoders = await startWorkers(bench, { processes: workers, queues: 'cpu' });
  try {
    // Workers load the program, open the model and fill their caches.
    const warm = Math.min(rows, SET_ROWS);
    await sweep(bench, { run: `${name}-warm-${workers}`, rows: warm, workers, encoders });
    const all: Found[] = [];
    for (let round = 0; round < rounds; round++)
      all.push(await sweep(bench, { run: `${name}-${workers}-${round}`, rows, workers, encoders }));
    const middle = median(all.map(({ rowsPerSecond }) => rowsPerSecond));
    return all.find(({ rowsPerSecond }) => rowsPerSecond === middle)!;
  } finally {
    await stop(encoders);
  }
}

async function sweep(
  bench: LiveHome,
  {
    run,
    rows: asked,
    workers,
    encoders,
  }: Omit<Timing, 'name'> & {
    readonly run: string;
    readonly encoders: RunningCommand;
  },
): Promise<Found> {
  const before = usedSeconds(bench, encoders);
  const sets = ['--set', `run=${run}`, '--set', `dataset.rows=[0, ${asked}]`];
  const args = ['run', join(bench.folder, 'sweep.json'), '--out', bench.runs, '--processes', '0', '--json'];
  const { json, stderr } = await bench.tessera([...args, ...sets]);
  if (json?.status !== 'done') throw new Error(`the run failed: ${stderr}`);
  if (json.rows?.points !== asked) throw new Error(`${json.rows?.points} points instead of ${asked}`);
  const address = `127.0.0.1:${servicesOf(bench).temporal!.ports[0]}`;
  const { encoding, idleSlots } = await runPhases(address, { runId: run, slots: workers });
  const after = usedSeconds(bench, encoders);
  const micros = (part: Part) => (1e6 * (after![part] - before![part])) / asked;
  const cpuMicros =
    before === null || after === null
      ? null
      : (Object.fromEntries(PARTS.map((part) => [part, micros(part)])) as Record<Part, number>);
  return { workers, rowsPerSecond: asked / encoding, idleSlots, cpuMicros };
}

/** Processor seconds that each part has used so far; null where the system does not tell. */
function usedSeconds(bench: LiveHome, encoders: RunningCommand): Record<Part, number> | null {
  const all = serverCpuSeconds(bench.folder);
  if (all === null) return null;
  const own = workersOf(encoders.pid).reduce((sum, pid) => sum + (cpuSecondsOf(pid) ?? 0), 0);
  return { encoders: own, aggregation: all.worker - own, broker: all.kafka, server: all.temporal };
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
function writeInputs(folder: string, { model, shape }: Net, rows: number): void {
  writeFileSync(join(folder, 'net.onnx'), model());
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
      transform: { scale: 1 / 255, shape },
      shardRows: 1000,
    },
    stream: { partitions: 4 },
  };
  writeFileSync(join(folder, 'sweep.json'), JSON.stringify(config));
}

function print(name: string, rows: number, found: readonly Found[]): void {
  const [first] = found;
  const one = first!.rowsPerSecond / first!.workers;
  const parts = PARTS.map((part) => `${part}, µs/row`);
  const columns = ['workers', 'rows/s', 'speed-up', 'efficiency', 'slots idle', ...parts].map(
    (title) => ({ title, align: 'right' }) as const,
  );
  const cells = found.map(({ workers, rowsPerSecond, idleSlots, cpuMicros }) => [
    String(workers),
    figure(rowsPerSecond),
    (rowsPerSecond / one).toFixed(2),
    (rowsPerSecond / one / workers).toFixed(2),
    percent(idleSlots),
    ...PARTS.map((part) => (cpuMicros === null ? '' : figure(cpuMicros[part]))),
  ]);
  console.log(`${name}: ${NETS[name]!.what}; ${figure(rows)} rows a run, processor time of whole runs`);
  for (const line of formatTable(columns, cells)) console.log(line);
  const last = found.at(-1)!;
  compared('scale-out', {
    what: `${name}: encoding with ${last.workers} workers of one thread`,
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
