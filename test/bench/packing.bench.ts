// Encoding against forward only, for every way of packing. Both alternate within one run, so a busy machine
// slows both alike. node --import tsx test/bench/packing.bench.ts [threads] [mlp|conv] [way ...]

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import type { SessionOptions } from '../../activities/ports.ts';
import { loadModel } from '../../infra/models/onnx/load.ts';
import { PACKING_WAYS } from '../../infra/models/onnx/packing-ways.ts';
import { openRuntime } from '../../infra/models/onnx/runtime.ts';
import { onnxModels } from '../../infra/models/onnx.ts';
import { compared, median } from './comparison.ts';
import { convNet, mlpNet, normals } from './random-nets.ts';

const CASES = [
  {
    name: 'mlp',
    what: '784-512-512-512-10',
    model: () => mlpNet([784, 512, 512, 512, 10]),
    shape: [784],
    batch: 1024,
    forward: [128, 256, 1024],
  },
  {
    name: 'conv',
    what: '3x3 conv 32, 64/2, 128/2 on 3x32x32',
    model: () => convNet(),
    shape: [3, 32, 32],
    batch: 256,
    forward: [16, 32, 256],
  },
] as const;
const WINDOW_MS = 120;
const ROUNDS = 21;

const [threads = '1', only = '', ...ways] = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'packing-bench-'));
try {
  for (const one of CASES)
    if (only === '' || only === one.name)
      await compare(one, Number(threads), ways.length > 0 ? ways : [...PACKING_WAYS, 'auto']);
} finally {
  await rm(folder, { recursive: true });
}

async function compare(
  one: (typeof CASES)[number],
  threadCount: number,
  packings: readonly string[],
): Promise<void> {
  const file = join(folder, `${one.name}.onnx`);
  await writeFile(file, one.model());
  const data = normals(one.batch * one.shape.reduce<number>((a, b) => a * b, 1), 3);
  const input = { type: 'float32' as const, data, dims: [one.batch, ...one.shape] };
  const forward = await fastestForward(file, { one, threadCount, data });
  const granularities = one.name === 'conv' ? (['image', 'position'] as const) : (['image'] as const);
  for (const packing of packings) {
    for (const granularity of granularities) {
      const options: SessionOptions = {
        model: { file, control: 'none', taps: 'auto', device: 'cpu', threads: threadCount },
        seed: 0,
        granularity,
        sampleShape: one.shape,
        batchSamples: one.batch,
        threads: threadCount,
        packing,
        countAmbiguous: false,
      };
      const session = await onnxModels.open(options);
      const { plain, coded, byCpuTime } = await alternate(forward, {
        run: () => session.encode(input),
        batch: one.batch,
      });
      const how = `${granularity}, ${packing} (${session.packing}), by cpu time ${byCpuTime}`;
      compared('packing', {
        what: `${one.what}, ${threadCount} thread(s), ${how}`,
        unit: 'rows/s',
        ours: { name: 'encode', value: coded },
        baseline: { name: 'forward only', value: plain },
      });
      await session.close();
    }
  }
}

interface Timed {
  readonly run: () => Promise<unknown>;
  readonly batch: number;
}

/** Medians over many short windows; the ratio of processor time holds on a busy machine, too. */
async function alternate(forward: Timed, encode: Timed) {
  const plain: Rate[] = [];
  const coded: Rate[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await rate(forward.run, forward.batch));
    coded.push(await rate(encode.run, encode.batch));
  }
  const byCpuTime = median(coded.map((c, i) => c.cpu / (plain[i]?.cpu ?? 1))).toFixed(3);
  const speed = (rates: readonly Rate[]) => median(rates.map((r) => r.wall));
  return { plain: speed(plain), coded: speed(coded), byCpuTime };
}

/** The batch size that forward only likes best: the baseline gets every advantage. */
async function fastestForward(
  file: string,
  { one, threadCount, data }: { one: (typeof CASES)[number]; threadCount: number; data: Float32Array },
) {
  const { model, graph } = await loadModel(file);
  let best: (Timed & { readonly speed: number }) | undefined;
  for (const batch of one.forward) {
    const session = await openRuntime(model, graph, [{ name: 'logits', elemType: 1 }], {
      file,
      device: 'cpu',
      threads: threadCount,
    });
    const size = data.length / one.batch;
    const x = new Tensor('float32', data.subarray(0, batch * size), [batch, ...one.shape]);
    const run = () => session.run({ x });
    const rates = [await rate(run, batch), await rate(run, batch), await rate(run, batch)];
    const speed = median(rates.map((r) => r.cpu));
    if (best === undefined || speed > best.speed) best = { run, batch, speed };
  }
  return best as Timed;
}

/** Rows per second, and rows per second of processor time. */
interface Rate {
  readonly wall: number;
  readonly cpu: number;
}

async function rate(run: () => Promise<unknown>, rows: number): Promise<Rate> {
  const start = performance.now();
  const used = process.cpuUsage();
  let calls = 0;
  while (performance.now() - start < WINDOW_MS) {
    await run();
    calls++;
  }
  const { user, system } = process.cpuUsage(used);
  const perMs = calls * rows * 1000;
  return { wall: perMs / (performance.now() - start), cpu: (perMs * 1000) / (user + system) };
}
