// Resident memory of a real worker, sampled while it sweeps millions of rows of mostly distinct 64-byte codes: model, log,
// segments, commit. node --import tsx test/bench/worker-memory.bench.ts [million rows] [partitions]

import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readManifest } from '../../infra/run-manifest.ts';
import { type LiveHome, startHome } from '../live/live-home.ts';
import { processesOf } from '../live/process-table.ts';
import { compared } from './comparison.ts';
import { mlpNet, normals } from './random-nets.ts';

const RUN = 'memory';
const CODE_BITS = 512;
const INPUTS = 8;
const LIMIT_MB = 1024;
const SAMPLE_MS = 200;
const CURVE_POINTS = 40;
const CHUNK_ROWS = 100_000;

interface Sample {
  readonly seconds: number;
  readonly rssMb: number;
}

const [millions = '5', partitions = '4'] = process.argv.slice(2);
const rows = Number(millions) * 1e6;
const home = await startHome('worker-memory', { workers: 1 });
try {
  const samples = await sampledRun(home);
  for (const line of curve(samples)) console.log(line);
  const peakMb = Math.max(...samples.map(({ rssMb }) => rssMb));
  compared('worker-memory', {
    what: `a worker, ${millions} million rows of ${CODE_BITS / 8}-byte codes`,
    unit: 'MB',
    ours: { name: 'peak resident', value: peakMb },
    baseline: { name: 'allowed', value: LIMIT_MB },
  });
  process.exitCode = peakMb < LIMIT_MB ? 0 : 1;
} finally {
  await home.close();
}

async function sampledRun(home: LiveHome): Promise<Sample[]> {
  const { folder, runs, tessera } = home;
  const config = await writeInputs(folder);
  const worker = processesOf(folder).find(({ command }) => command.includes('worker.mjs'))!.pid;
  const samples: Sample[] = [];
  const startedMs = performance.now();
  const timer = setInterval(async () => {
    const rssMb = await residentMb(worker);
    samples.push({ seconds: (performance.now() - startedMs) / 1000, rssMb });
  }, SAMPLE_MS);
  try {
    // Detached, because a test's command is killed after some minutes.
    const started = await tessera(['run', config, '--out', runs, '--detach']);
    if (started.code !== 0) throw new Error(started.stderr);
    await untilDone(home, join(runs, RUN));
  } finally {
    clearInterval(timer);
  }
  return samples;
}

/** A run that fails while it is planned leaves no manifest: then `tessera status` knows that it is over. */
async function untilDone(home: LiveHome, runDir: string): Promise<void> {
  for (let looks = 1; ; looks++) {
    await sleep(1000);
    const manifest = await readManifest(runDir);
    if (manifest === null && looks % 10 === 0) {
      const { json, stderr } = await home.tessera(['status', RUN, '--json', '--out', home.runs]);
      if (json?.status !== 'running')
        throw new Error(`the run ended without a manifest: ${JSON.stringify(json)} ${stderr}`);
    }
    if (manifest?.status === 'failed') throw new Error(JSON.stringify(manifest.fault));
    if (manifest?.status !== 'done') continue;
    if (manifest.rows?.points !== rows) throw new Error(`${manifest.rows?.points} points instead of ${rows}`);
    return;
  }
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1000;
}

/** A net of one hidden layer and normal inputs; returns the config's file. */
async function writeInputs(folder: string): Promise<string> {
  await writeFile(join(folder, 'net.onnx'), mlpNet([INPUTS, CODE_BITS, 2]));
  await using data = await open(join(folder, 'data.npy'), 'w');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${INPUTS}), }`;
  const header = `${text.padEnd(128 - 10 - 1)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  await data.writeFile(
    Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header)]),
  );
  for (let row = 0; row < rows; row += CHUNK_ROWS) {
    const values = normals(Math.min(CHUNK_ROWS, rows - row) * INPUTS, row + 1);
    await data.writeFile(new Uint8Array(values.buffer));
  }
  const file = join(folder, 'sweep.json');
  const dataset = { format: 'npy', data: 'data.npy' };
  const stream = { partitions: Number(partitions) };
  await writeFile(
    file,
    JSON.stringify({ kind: 'sweep', run: RUN, model: { file: 'net.onnx' }, dataset, stream }),
  );
  return file;
}

/** The largest sample of each stretch of time, with a bar. */
function curve(samples: readonly Sample[]): string[] {
  const each = Math.max(1, Math.ceil(samples.length / CURVE_POINTS));
  const lines: string[] = [];
  for (let at = 0; at < samples.length; at += each) {
    const stretch = samples.slice(at, at + each);
    const most = Math.max(...stretch.map(({ rssMb }) => rssMb));
    const bar = '#'.repeat(Math.round(most / 20));
    lines.push(`${stretch[0]!.seconds.toFixed(1).padStart(7)} s ${most.toFixed(0).padStart(5)} MB ${bar}`);
  }
  return lines;
}
