// Exact crossings per second on dense nets, one thread, against a plain NumPy float64 solver and dense sampling in PyTorch
// (peer-crossings.py) on the same weights and segments; and on a conv net, which has no peer. Needs a Python with numpy;
// says so and goes on where there is none.
// node --import tsx test/bench/crossings.bench.ts

import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { decodeModel } from '../../infra/models/onnx/proto.ts';
import { floatValues } from '../../infra/models/onnx/tensors.ts';
import { openNetwork } from '../../infra/models/onnx-network.ts';
import { compared, figure } from './comparison.ts';
import { convNet, mlpNet, normals } from './random-nets.ts';

const PEER = fileURLToPath(new URL('./peer-crossings.py', import.meta.url));
const SECONDS = 5;
const BATCH = 32;
const SEGMENTS = 64;

interface Rate {
  readonly perSecond: number;
  /** Mean per segment. */
  readonly crossings: number;
}

interface Segments {
  /** `[segments, size]` both. */
  readonly from: Float64Array;
  readonly to: Float64Array;
}

const python = process.env.TESSERA_BENCH_PYTHON ?? 'python3';
const folder = await mkdtemp(join(tmpdir(), 'bench-crossings-'));
try {
  for (const sizes of [
    [784, 128, 128, 10],
    [784, 512, 512, 512, 10],
  ])
    await onDense(sizes);
  await onConvolutions();
} finally {
  await rm(folder, { recursive: true });
}

async function onDense(sizes: readonly number[]): Promise<void> {
  const name = sizes.join('-');
  const bytes = mlpNet(sizes);
  const file = join(folder, `${name}.onnx`);
  await writeFile(file, bytes);
  const segments = randomSegments(sizes[0]!);
  const ours = await rateOf(file, [sizes[0]!], segments);
  console.log(`${name}: ${ours.crossings.toFixed(0)} crossings a segment`);
  const weights = (decodeModel(bytes).graph?.initializer ?? []).flatMap((tensor) => [
    ...floatValues(tensor)!,
  ]);
  await writeFile(`${file}.weights`, Float64Array.from(weights));
  await writeFile(`${file}.segments`, interleaved(segments, sizes[0]!));
  for (const [how, what] of [
    ['numpy', 'NumPy, exact'],
    ['torch', 'PyTorch, 10,000 samples'],
  ] as const) {
    const theirs = peer(how, { file, name });
    if (theirs === null) continue;
    if (how === 'numpy' && Math.abs(theirs.crossings / ours.crossings - 1) > 0.02)
      console.log(`WARNING: the peer finds ${theirs.crossings} crossings a segment, ours ${ours.crossings}`);
    compared('crossings', {
      what: `${name}, 1 thread`,
      unit: 'segments/s',
      ours: { name: 'exact crossings', value: ours.perSecond },
      baseline: { name: what, value: theirs.perSecond },
    });
  }
}

/** 57,344 units: a short piece of a segment, as every breakpoint costs a pass through the layers behind it. */
async function onConvolutions(): Promise<void> {
  const file = join(folder, 'conv.onnx');
  await writeFile(file, convNet());
  const { from, to } = randomSegments(3 * 32 * 32);
  const near = to.map((value, i) => from[i]! + 0.01 * (value - from[i]!));
  const rate = await rateOf(file, [3, 32, 32], { from, to: near });
  console.log(
    `conv 3x32x32, 57,344 units, 1 % of a segment: ${figure(rate.perSecond)} pieces/s, ` +
      `${figure(rate.perSecond * rate.crossings)} crossings/s`,
  );
}

async function rateOf(file: string, shape: readonly number[], { from, to }: Segments): Promise<Rate> {
  const model = { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 } as const;
  const variant = { kind: 'trained', seed: 0 } as const;
  const network = await openNetwork({ model, variant, sampleShape: shape, threads: 1 });
  const net = await network.piecewise({ from: 'input' });
  const batch = shape.length === 1 ? BATCH : 1;
  const solve = (first: number) => {
    const range = [first * net.start.size, (first + batch) * net.start.size] as const;
    return crossingsOnSegments(net, { from: from.subarray(...range), to: to.subarray(...range) });
  };
  await solve(0);
  let [done, crossings] = [0, 0];
  const startedMs = performance.now();
  while (performance.now() - startedMs < SECONDS * 1000) {
    for (const found of await solve(done % SEGMENTS)) crossings += found.crossings;
    done += batch;
  }
  const perSecond = (1000 * done) / (performance.now() - startedMs);
  await net.close();
  await network.close();
  return { perSecond, crossings: crossings / done };
}

/** Null where a package is missing. */
function peer(how: 'numpy' | 'torch', { file, name }: { file: string; name: string }): Rate | null {
  const args = [PEER, how, `${file}.weights`, name, `${file}.segments`, '1', String(SECONDS)];
  const { status, stdout, stderr, error } = spawnSync(python, args, { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout) as Rate;
  if (error === undefined && status !== 3) throw new Error(stderr);
  console.log(`skipped: ${python} cannot run the ${how} peer (${error?.message ?? stdout.trim()})`);
  return null;
}

function randomSegments(size: number): Segments {
  return {
    from: Float64Array.from(normals(SEGMENTS * size, 1)),
    to: Float64Array.from(normals(SEGMENTS * size, 2)),
  };
}

/** `[segments, 2, size]` */
function interleaved({ from, to }: Segments, size: number): Float64Array {
  const all = new Float64Array(2 * SEGMENTS * size);
  for (let segment = 0; segment < SEGMENTS; segment++) {
    all.set(from.subarray(segment * size, (segment + 1) * size), 2 * segment * size);
    all.set(to.subarray(segment * size, (segment + 1) * size), (2 * segment + 1) * size);
  }
  return all;
}
