// One thread that encodes one batch again and again, as an encoder of the pool would.

import { parentPort, workerData } from 'node:worker_threads';
import { onnxModels } from '../../infra/models/onnx.ts';
import { normals } from './random-nets.ts';

export interface EncodeRole {
  readonly file: string;
  readonly shape: readonly number[];
  readonly batch: number;
}

const { file, shape, batch } = workerData.role as EncodeRole;
const session = await onnxModels.open({
  model: { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 },
  seed: 0,
  granularity: 'image',
  sampleShape: shape,
  batchSamples: batch,
  threads: 1,
  packing: 'auto',
  countAmbiguous: false,
});
const data = normals(batch * shape.reduce((a, b) => a * b, 1), 3);
const input = { type: 'float32' as const, data, dims: [batch, ...shape] };
await session.encode(input);

/** Takes how long to encode, in milliseconds; answers with rows a second. */
parentPort!.on('message', async (forMs: number) => {
  const start = performance.now();
  let rows = 0;
  while (performance.now() - start < forMs) {
    await session.encode(input);
    rows += batch;
  }
  parentPort!.postMessage((rows * 1000) / (performance.now() - start));
});
parentPort!.postMessage('ready');
