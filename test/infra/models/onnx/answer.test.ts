// A vocabulary of logits never leaves the graph: what comes out must be what they say.

import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { onnxModels } from '../../../../infra/models/onnx.ts';

const FILE = fileURLToPath(new URL('../../../../examples/brown/model.onnx', import.meta.url));
const [SEQUENCES, TOKENS] = [3, 20];

it('gives argmax and softmax probability of a wide vocabulary as its logits do', async () => {
  const ids = BigInt64Array.from({ length: SEQUENCES * TOKENS }, (_, i) => BigInt((i * 577) % 4096));
  const plain = await InferenceSession.create(FILE);
  const { logits } = await plain.run({ input_ids: new Tensor('int64', ids, [SEQUENCES, TOKENS]) });
  const session = await onnxModels.open({
    model: { file: FILE, control: 'none', taps: 'auto', device: 'cpu', threads: 1 },
    seed: 0,
    granularity: 'image',
    sampleShape: [TOKENS],
    batchSamples: 4,
    threads: 1,
    packing: 'float-simd',
    countAmbiguous: false,
  });
  const batch = await session.encode({ type: 'int64', data: ids, dims: [SEQUENCES, TOKENS] });
  expect(batch.logits).toBeNull();
  expect(batch.predicted!.classes).toHaveLength(SEQUENCES * TOKENS);
  for (let row = 0; row < SEQUENCES * TOKENS; row++) {
    const own = (logits!.data as Float32Array).subarray(row * 4096, (row + 1) * 4096);
    const best = own.reduce((at, value, i) => (value > own[at]! ? i : at), 0);
    const sum = own.reduce((total, value) => total + Math.exp(value - own[best]!), 0);
    expect(Number(batch.predicted!.classes[row])).toBe(best);
    expect(batch.predicted!.probabilities[row]).toBeCloseTo(1 / sum, 5);
  }
  await session.close();
  await plain.release();
});
