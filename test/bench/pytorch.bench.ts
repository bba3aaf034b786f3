// Our encode loop against PyTorch with forward hooks, packbits and pyarrow (peer-pytorch.py), on one net's same ONNX
// weights. Needs a Python with torch, onnx, numpy and pyarrow; says so and ends where there is none.
// node --import tsx test/bench/pytorch.bench.ts [--python PATH]

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { REPOSITORY } from '../live/live-home.ts';
import { compared, median } from './comparison.ts';
import type { EncodeRole } from './encode-thread.ts';
import { convNet, mlpNet } from './random-nets.ts';
import { ask, nextMessage, startThread } from './threads.ts';

const PEER = fileURLToPath(new URL('./peer-pytorch.py', import.meta.url));
const ROUNDS = 3;
const ENCODE_MS = 1000;

interface Net {
  readonly name: string;
  readonly file: string;
  readonly shape: readonly number[];
  /** Batch sizes that PyTorch may choose from; the first is ours. */
  readonly batches: readonly number[];
  readonly rows: number;
  readonly layouts: readonly string[];
}

interface PeerSeconds {
  readonly rows: number;
  readonly forward: number;
  readonly encode: number;
  readonly write: number;
  /** What it found to be fastest. */
  readonly settings: string;
}

const { values: options } = parseArgs({ options: { python: { type: 'string' } } });
const python = options.python ?? process.env.TESSERA_BENCH_PYTHON ?? 'python3';

interface Run {
  readonly threads: number;
  readonly out: string;
}

/** One call of the script, which gets every advantage; null where a package is missing. */
function peer({ file, shape, batches, layouts, rows }: Net, { threads, out }: Run): PeerSeconds | null {
  const lists = [shape.join('x'), batches.join(','), layouts.join(',')];
  const args = [PEER, file, ...lists, String(rows), String(threads), out];
  // glibc keeps what is freed, so that big activations are not page faults again in every batch.
  const env = { ...process.env, MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '4294967296' };
  const { status, stdout, stderr, error } = spawnSync(python, args, { encoding: 'utf8', env });
  if (status === 0) return JSON.parse(stdout) as PeerSeconds;
  if (error !== undefined || status === 3) {
    console.log(`skipped: ${python} cannot run PyTorch (${error?.message ?? stdout.trim()});`);
    console.log('give --python PATH of one with torch, onnx, numpy and pyarrow');
    return null;
  }
  throw new Error(stderr);
}

/** Alternates the two; false where there is no PyTorch. */
async function compare(net: Net, run: Run): Promise<boolean> {
  const first = peer(net, run);
  if (first === null) return false;
  const { threads } = run;
  // As the pool does it: one thread and session a core.
  const role: EncodeRole = { file: net.file, shape: net.shape, batch: net.batches[0]! };
  const encoders = Array.from({ length: threads }, () => startThread('./encode-thread.ts', role));
  await Promise.all(encoders.map(nextMessage));
  const ours: number[] = [];
  const theirs = [first];
  for (let round = 0; round < ROUNDS; round++) {
    const rates = await Promise.all(encoders.map((thread) => ask<number>(thread, ENCODE_MS)));
    ours.push(rates.reduce((sum, one) => sum + one, 0));
    const found = round + 1 < ROUNDS ? peer(net, run) : null;
    if (found !== null) theirs.push(found);
  }
  await Promise.all(encoders.map((thread) => thread.terminate()));
  const rate = (of: (seconds: PeerSeconds) => number) => median(theirs.map((one) => one.rows / of(one)));
  const what = `${net.name}, ${threads} thread(s)`;
  console.log(
    `${first.settings}: forward only ` +
      `${rate(({ forward }) => forward).toFixed(0)} rows/s, with group-by and Parquet ` +
      `${rate(({ encode, write }) => encode + write).toFixed(0)} rows/s`,
  );
  compared('pytorch', {
    what,
    unit: 'rows/s',
    ours: { name: 'encode', value: median(ours) },
    baseline: { name: 'hooks and packbits', value: rate(({ encode }) => encode) },
  });
  return true;
}

const folder = await mkdtemp(join(tmpdir(), 'pytorch-bench-'));
try {
  const nets: Net[] = [
    {
      name: '784-128-128-10',
      file: join(REPOSITORY, 'examples/mnist-mlp/model.onnx'),
      shape: [784],
      batches: [1024, 256, 4096],
      rows: 32_768,
      layouts: ['contiguous'],
    },
    {
      name: '784-512-512-512-10',
      file: join(folder, 'mlp.onnx'),
      shape: [784],
      batches: [1024, 256, 4096],
      rows: 16_384,
      layouts: ['contiguous'],
    },
    {
      name: 'conv, 57,344 bits',
      file: join(folder, 'conv.onnx'),
      shape: [3, 32, 32],
      batches: [256, 64],
      rows: 1024,
      layouts: ['contiguous', 'channels_last'],
    },
  ];
  await writeFile(nets[1]!.file, mlpNet([784, 512, 512, 512, 10]));
  await writeFile(nets[2]!.file, convNet());
  const out = join(folder, 'regions.parquet');
  const cases = nets.flatMap((net) =>
    [...new Set([1, availableParallelism()])].map((threads) => ({ net, threads })),
  );
  for (const { net, threads } of cases) if (!(await compare(net, { threads, out }))) break;
} finally {
  await rm(folder, { recursive: true });
}
