// A draw's digest is the hash of its signs in all taps, as the contract puts them together: against pre-activations read
// from the graph and an independent MurmurHash3.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { openDrawCoder } from '../../../infra/metflow/draw-codes.ts';
import { onnxModels } from '../../../infra/models/onnx.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';
import { fnv1a, murmur3x86x128 } from '../../oracle/murmur3-x86-128.ts';
import { preActivations } from '../models/onnx/oracle.ts';

const MODEL = fileURLToPath(new URL('../../../examples/mnist-mlp/model.onnx', import.meta.url));
const DIM = 784;
/** More than one call of the model. */
const ROWS = 300;

const { model } = metflowConfig.parse({
  kind: 'metflow',
  target: { name: 'gaussian', dim: DIM },
  kernels: [{ type: 'rwm' }],
  model: { file: MODEL },
});

describe('codes of draws', () => {
  it('are the digests of the signs of all taps', async () => {
    const random = randomStream(3);
    const z = Float64Array.from({ length: ROWS * DIM }, () => random.normal());
    await using coder = await openDrawCoder(model!, DIM);
    const digests = await coder.digests(z);
    const { taps } = await onnxModels.inspect(model!, { granularity: 'image' });
    const input = { type: 'float32' as const, data: Float32Array.from(z), dims: [ROWS, DIM] };
    const values = await preActivations(
      await readFile(MODEL),
      taps.map(({ name }) => name),
      input,
    );
    let compared = 0;
    for (let row = 0; row < ROWS; row++) {
      const signs = taps.map(({ name, codeBits }) => {
        const all = values.get(name)!.data as Float32Array;
        return all.subarray(row * codeBits, (row + 1) * codeBits);
      });
      // A sign that rounding may turn would make another digest.
      if (signs.some((tap) => tap.some((value) => Math.abs(value) < 1e-4))) continue;
      const code = Buffer.concat(signs.map(packed));
      const expected = murmur3x86x128(code, fnv1a('network'));
      expect(Buffer.from(digests.subarray(row * 16, (row + 1) * 16))).toEqual(Buffer.from(expected));
      compared++;
    }
    expect(compared).toBeGreaterThan(ROWS / 4);
  });

  it('need a target of the size of the input', async () => {
    await expect(openDrawCoder(model!, 5)).rejects.toMatchObject({ fault: { kind: 'shape-mismatch' } });
  });
});

/** Bits from the lowest on, padded to whole 32-bit words. */
function packed(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 * Math.ceil(values.length / 32));
  for (const [bit, value] of values.entries()) if (value > 0) bytes[bit >> 3]! |= 1 << (bit & 7);
  return bytes;
}
