// Encode against forward only, per backend and way of packing: node --import tsx test/bench/tfjs.bench.ts
// TESSERA_TFJS_NODE=<folder> adds native tfjs-node; TF_NUM_INTRAOP_THREADS sets its threads (default here 1).

import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs';
import { readTfjsArtifacts } from '../../infra/models/tfjs/artifacts.ts';
import {
  loadTfjsRuntime,
  scoped,
  type TfjsBackend,
  type TfjsRuntime,
} from '../../infra/models/tfjs/runtime.ts';
import type { TfjsSession } from '../../infra/models/tfjs/session.ts';
import { PACKING_WAYS } from '../../infra/models/tfjs/tap-packer.ts';
import { openOn } from '../../infra/models/tfjs.ts';
import {
  sequential,
  sessionOptions,
  type TestWeight,
  waves,
  writeTfjsModel,
} from '../infra/models/tfjs-fixtures.ts';
import { compared } from './comparison.ts';

interface Net {
  readonly name: string;
  readonly file: string;
  readonly sampleShape: readonly number[];
  readonly batchSamples: number;
  readonly kind: 'layers' | 'graph';
}

const ROUNDS = 60;
const WARM_UP = 8;
const folder = mkdtempSync(join(tmpdir(), 'tfjs-bench-'));

/** The conv net of the ONNX figures: 3x3 conv 32, 64/2, 128/2 on 32x32x3, 57,344 bits an image. */
function convNet(): string {
  const layers = [
    [3, 32, 1],
    [32, 64, 2],
    [64, 128, 2],
  ] as const;
  const weights: TestWeight[] = layers.flatMap(([ins, outs], i) => [
    {
      name: `c${i}/kernel`,
      shape: [3, 3, ins, outs],
      values: waves(9 * ins * outs, i, Math.sqrt(4 / (9 * ins))),
    },
    { name: `c${i}/bias`, shape: [outs], values: waves(outs, i + 9, 0.1) },
  ]);
  weights.push({ name: 'o/kernel', shape: [128, 10], values: waves(1280, 5, 0.1) });
  const topology = sequential(
    [
      ...layers.map(
        ([, filters, stride], i) =>
          [
            'Conv2D',
            {
              name: `c${i}`,
              filters,
              kernel_size: [3, 3],
              strides: [stride, stride],
              padding: 'same',
              activation: 'relu',
            },
          ] as const,
      ),
      ['GlobalAveragePooling2D', { name: 'g' }],
      ['Dense', { name: 'o', units: 10, use_bias: false, activation: 'linear' }],
    ],
    [32, 32, 3],
  );
  return writeTfjsModel(join(folder, 'conv'), topology, weights);
}

/** Median milliseconds of each; the order rotates, so that no run always follows the same other one. */
async function medians(runs: readonly (() => unknown)[]): Promise<number[]> {
  const times = runs.map((): number[] => []);
  for (let round = 0; round < ROUNDS + WARM_UP; round++) {
    for (let turn = 0; turn < runs.length; turn++) {
      const i = (turn + round) % runs.length;
      const start = performance.now();
      await runs[i]!();
      if (round >= WARM_UP) times[i]!.push(performance.now() - start);
    }
  }
  return times.map((all) => all.sort((a, b) => a - b)[all.length >> 1]!);
}

/** The unmodified model, with its activations fused, and nothing read but its output. */
async function openPlain({ tf }: TfjsRuntime, net: Net, data: Float32Array) {
  const { topology, weightSpecs, weightData } = await readTfjsArtifacts(net.file);
  const handler = tf.io.fromMemory({
    modelTopology: topology,
    weightSpecs: [...weightSpecs],
    weightData: weightData.buffer,
  });
  const dims = [net.batchSamples, ...net.sampleShape];
  // Not tf.tidy: it looks for tensors in every element of the array that it returns, which would slow only this side.
  const read = (forward: (x: Tensor) => Tensor) => () =>
    scoped(tf, () => forward(tf.tensor(data, dims)).dataSync());
  if (net.kind === 'graph') {
    const model = await tf.loadGraphModel(handler);
    return { run: read((x) => model.execute(x) as Tensor), close: () => model.dispose() };
  }
  const model = await tf.loadLayersModel(handler);
  return { run: read((x) => model.apply(x) as Tensor), close: () => model.dispose() };
}

async function measure(backend: TfjsBackend, net: Net): Promise<void> {
  const runtime = await loadTfjsRuntime({ device: 'cpu', threads: 1, backend });
  await runtime.activate();
  const data = waves(net.batchSamples * net.sampleShape.reduce((a, b) => a * b, 1), 1);
  const dims = [net.batchSamples, ...net.sampleShape];
  const plain = await openPlain(runtime, net, data);
  const sessions: TfjsSession[] = [];
  for (const packing of ['auto', ...PACKING_WAYS]) {
    sessions.push(await openOn(runtime, sessionOptions(net.file, { ...net, packing })));
  }
  const encodes = sessions.map((session) => () => session.encode({ type: 'float32', data, dims }));
  // The baseline runs twice: how far the two differ is what the other ratios cannot be trusted below.
  const [base = 0, again = 0, auto = 0, ...ways] = await medians([plain.run, plain.run, ...encodes]);
  const rate = (ms: number) => `${Math.round((net.batchSamples / ms) * 1000).toLocaleString('en')}/s`;
  const shown = PACKING_WAYS.map((way, i) => `${way} ${rate(ways[i]!)} (${(base / ways[i]!).toFixed(2)})`);
  process.stdout.write(
    `${net.name} on tfjs/${backend}: forward only ${rate(base)} (again ${(base / again).toFixed(2)}), ${shown.join(', ')}`,
  );
  process.stdout.write('\n');
  const perSecond = (ms: number) => (net.batchSamples / ms) * 1000;
  compared('tfjs', {
    what: `${net.name} on tfjs/${backend}, auto (${sessions[0]!.packing})`,
    unit: 'rows/s',
    ours: { name: 'encode', value: perSecond(auto) },
    baseline: { name: 'forward only', value: perSecond(base) },
  });
  for (const session of sessions) await session.close();
  plain.close();
}

const mlp = { sampleShape: [784], batchSamples: 1024 };
const nets: Net[] = [
  {
    name: '784-128-128-10 layers',
    file: 'examples/mnist-mlp/tfjs-layers/model.json',
    kind: 'layers',
    ...mlp,
  },
  { name: '784-128-128-10 graph', file: 'examples/mnist-mlp/tfjs-graph/model.json', kind: 'graph', ...mlp },
  { name: 'conv, 57,344 bits', file: convNet(), kind: 'layers', sampleShape: [32, 32, 3], batchSamples: 64 },
];
const backends: TfjsBackend[] = process.env['TESSERA_TFJS_NODE'] === undefined ? ['wasm'] : ['node', 'wasm'];
process.stdout.write(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n`);
for (const backend of backends) for (const net of nets) await measure(backend, net);
rmSync(folder, { recursive: true });
