// Our encode loop against PyTorch with forward hooks, packbits and pyarrow (peer-pytorch.py), on one net's same ONNX
// weights. Needs a Python with torch, onnx, numpy and pyarrow; says so and ends where there is none.
// node --import tsx test/bench/pytorch.bench.ts [--python PATH]

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { EncoderSession } from '../../activities/ports.ts';
import { onnxModels } from '../../infra/models/onnx.ts';
import { REPOSITORY } from '../live/live-home.ts';
import { compared, median } from './comparison.ts';
import { convNet, mlpNet, normals } from './random-nets.ts';

const PEER = fileURLToPath(new URL('./peer-pytorch.py', import.meta.url));
const ROUNDS = 3;
const SECONDS_EACH = 1;

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
  readonly torch: string;
}

interface PeerSettings {
  readonly batch: number;
  readonly layout: string;
}

const { values: options } = parseArgs({ options: { python: { type: 'string' } } });
const python = options.python ?? process.env.TESSERA_BENCH_PYTHON ?? 'python3';

/** One call of the script; null where a package is missing. */
function peer(net: Net, { batch, layout, threads, out }: PeerSettings & { threads: number; out: string }) {
  const shape = net.shape.join('x');
  const args = [PEER, net.file, shape, String(batch), String(net.rows), String(threads), layout, out];
  // Memory that is given back and asked for again costs PyTorch a third on big activations.
  const env = { ...process.env, MALLOC_TRIM_THRESHOLD_: '4294967296', MALLOC_MMAP_THRESHOLD_: '4294967296' };
  const { status, stdout, stderr, error } = spawnSync(python, args, { encoding: 'utf8', env });
  if (status === 0) return JSON.parse(stdout) as PeerSeconds;
  if (error !== undefined || status === 3) {
    console.log(`skipped: ${python} cannot run PyTorch (${error?.message ?? stdout.trim()});`);
    console.log('give --python PATH of one with torch, onnx, numpy and pyarrow');
    return null;
  }
  throw new Error(stderr);
}

/** The settings under which the peer encodes fastest: it gets every advantage. */
function bestSettings(net: Net, run: { threads: number; out: string }): PeerSettings | null {
  let best: (PeerSettings & { speed: number }) | null = null;
  for (const layout of net.layouts) {
    for (const batch of net.batches) {
      const found = peer({ ...net, rows: Math.min(net.rows, 4 * batch) }, { batch, layout, ...run });
      if (found === null) return null;
      const speed = found.rows / found.encode;
      if (best === null || speed > best.speed) best = { batch, layout, speed };
    }
  }
  return best;
}

/** Rows a second of one session. */
async function ourRate(net: Net, session: EncoderSession, data: Float32Array): Promise<number> {
  const batch = net.batches[0]!;
  const input = { type: 'float32' as const, data, dims: [batch, ...net.shape] };
  const start = performance.now();
  let rows = 0;
  while (performance.now() - start < SECONDS_EACH * 1000) {
    await session.encode(input);
    rows += batch;
  }
  return (rows * 1000) / (performance.now() - start);
}

function openOurs(net: Net, threads: number): Promise<EncoderSession> {
  return onnxModels.open({
    model: { file: net.file, control: 'none', taps: 'auto', device: 'cpu', threads },
    seed: 0,
    granularity: 'image',
    sampleShape: net.shape,
    batchSamples: net.batches[0]!,
    threads,
    packing: 'auto',
    countAmbiguous: false,
  });
}

async function compare(net: Net, { threads, out }: { threads: number; out: string }): Promise<boolean> {
  const settings = bestSettings(net, { threads, out });
  if (settings === null) return false;
  const session = await openOurs(net, threads);
  const data = normals(net.batches[0]! * net.shape.reduce((a, b) => a * b, 1), 3);
  await session.encode({ type: 'float32', data, dims: [net.batches[0]!, ...net.shape] });
  const ours: number[] = [];
  const theirs: PeerSeconds[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await ourRate(net, session, data));
    const found = peer(net, { ...settings, threads, out });
    if (found !== null) theirs.push(found);
  }
  await session.close();
  const rate = (of: (seconds: PeerSeconds) => number) => median(theirs.map((one) => one.rows / of(one)));
  const what = `${net.name}, ${threads} thread(s)`;
  console.log(
    `PyTorch ${theirs[0]?.torch}, batch ${settings.batch}, ${settings.layout}: forward only ` +
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
      rows: 65_536,
      layouts: ['contiguous'],
    },
    {
      name: '784-512-512-512-10',
      file: join(folder, 'mlp.onnx'),
      shape: [784],
      batches: [1024, 256, 4096],
      rows: 32_768,
      layouts: ['contiguous'],
    },
    {
      name: 'conv, 57,344 bits',
      file: join(folder, 'conv.onnx'),
      shape: [3, 32, 32],
      batches: [256, 64],
      rows: 2048,
      layouts: ['contiguous', 'channels_last'],
    },
  ];
  await writeFile(nets[1]!.file, mlpNet([784, 512, 512, 512, 10]));
  await writeFile(nets[2]!.file, convNet());
  const out = join(folder, 'regions.parquet');
  let present = true;
  for (const net of nets) {
    for (const threads of new Set([1, availableParallelism()]))
      present = present && (await compare(net, { threads, out }));
  }
} finally {
  await rm(folder, { recursive: true });
}
