// Every bad model, input or device gives one fault that says what and where.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InputTensor } from '../../../activities/ports.ts';
import { loadTfjsRuntime, type TfjsRuntime } from '../../../infra/models/tfjs/runtime.ts';
import { openOn, tfjsModels } from '../../../infra/models/tfjs.ts';
import {
  constants,
  graphNode,
  placeholder,
  sequential,
  sessionOptions,
  waves,
  writeTfjsModel,
} from './tfjs-fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-faults-'));
const weights = [
  { name: 'd/kernel', shape: [2, 3], values: waves(6, 1) },
  { name: 'd/bias', shape: [3], values: waves(3, 2) },
];
const dense = (activation: string) => sequential([['Dense', { name: 'd', units: 3, activation }]], [2]);
const good = writeTfjsModel(join(folder, 'good'), dense('relu'), weights);
let runtime: TfjsRuntime;

beforeAll(async () => {
  runtime = await loadTfjsRuntime({ device: 'cpu', threads: 1, backend: 'wasm' });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(runtime.tf.memory().numTensors).toBe(0);
});

type Options = Parameters<typeof sessionOptions>[1];
const open = (file: string, options: Options = {}) =>
  openOn(runtime, sessionOptions(file, { sampleShape: [2], ...options }));
const fault = (kind: string, more: object = {}) => ({ fault: expect.objectContaining({ kind, ...more }) });

function broken(name: string, change: (folder: string, file: string) => void): string {
  const file = writeTfjsModel(join(folder, name), dense('relu'), weights);
  change(join(folder, name), file);
  return file;
}

describe('model files', () => {
  it.each<[string, string, () => string, object]>([
    ['model-missing', 'no model.json', () => join(folder, 'nowhere', 'model.json'), { what: 'no such file' }],
    [
      'model-missing',
      'a shard that is gone',
      () => broken('gone', (at) => rmSync(join(at, 'group1-shard2of2.bin'))),
      { where: expect.stringContaining('shard2of2') },
    ],
    [
      'model-invalid',
      'a shard cut short',
      () => broken('short', (at) => truncateSync(join(at, 'group1-shard2of2.bin'), 3)),
      { value: '22 bytes, expected 36' },
    ],
    [
      'model-invalid',
      'text that is no JSON',
      () => broken('text', (_, file) => writeFileSync(file, '{"modelTopology":')),
      {},
    ],
    [
      'model-invalid',
      'JSON that is no model',
      () => broken('json', (_, file) => writeFileSync(file, '{"a":1}')),
      { value: expect.stringContaining('modelTopology') },
    ],
    [
      'model-invalid',
      'an unknown layer',
      () =>
        broken('layer', (_, file) => {
          writeFileSync(file, readFileSync(file, 'utf8').replace('"Dense"', '"Densest"'));
        }),
      { value: expect.stringContaining('Densest') },
    ],
    [
      'model-invalid',
      'shards outside of the folder',
      () =>
        broken('outside', (at, file) => {
          copyFileSync(join(at, 'group1-shard2of2.bin'), join(folder, 'stray.bin'));
          writeFileSync(file, readFileSync(file, 'utf8').replace('group1-shard2of2.bin', '../stray.bin'));
        }),
      { value: '../stray.bin' },
    ],
    [
      'model-invalid',
      'a loop',
      () =>
        writeTfjsModel(
          join(folder, 'loop'),
          {
            node: [placeholder('x', [-1, 2]), graphNode('While', 'w', ['x']), graphNode('Relu', 'r', ['w'])],
          },
          [],
        ),
      { value: 'While w' },
    ],
    [
      'model-invalid',
      'two inputs',
      () =>
        writeTfjsModel(
          join(folder, 'two'),
          {
            node: [
              placeholder('x', [-1, 2]),
              placeholder('y', [-1, 2]),
              graphNode('AddV2', 's', ['x', 'y']),
              graphNode('Relu', 'r', ['s']),
            ],
          },
          [],
        ),
      { value: 'x, y' },
    ],
    [
      'model-invalid',
      'a node without an operator',
      () => writeTfjsModel(join(folder, 'nodes'), { node: [{ name: 'x' }] }, []),
      { value: expect.stringContaining('modelTopology.node.0.op') },
    ],
    [
      'model-invalid',
      'an unknown operator',
      () =>
        writeTfjsModel(
          join(folder, 'operator'),
          {
            node: [
              placeholder('x', [-1, 2]),
              graphNode('Frobnicate', 'f', ['x']),
              graphNode('Relu', 'r', ['f']),
            ],
          },
          [],
        ),
      { value: expect.stringContaining('Frobnicate') },
    ],
    [
      'model-no-taps',
      'only smooth activations',
      () => writeTfjsModel(join(folder, 'smooth'), dense('tanh'), weights),
      {},
    ],
  ])('%s: %s', async (kind, _, make, more) => {
    await expect(open(make())).rejects.toMatchObject(fault(kind, more));
  });
});

describe('sessions', () => {
  it.each<[string, string, Options]>([
    ['shape-mismatch', 'samples of another shape', { sampleShape: [3] }],
    ['shape-mismatch', 'samples of another rank', { sampleShape: [1, 2] }],
    ['config-invalid', 'a tap that is not there', { model: { taps: ['e*'] } }],
    ['config-invalid', 'an input that is not there', { model: { input: 'y' } }],
    ['config-invalid', 'an unknown way of packing', { packing: 'zip' }],
  ])('%s: %s', async (kind, _, options) => {
    await expect(open(good, options)).rejects.toMatchObject(fault(kind));
  });

  it.each<[string, InputTensor]>([
    ['more samples than a batch', { type: 'float32', data: new Float32Array(18), dims: [9, 2] }],
    ['another sample shape', { type: 'float32', data: new Float32Array(9), dims: [3, 3] }],
    ['token ids', { type: 'int32', data: new Int32Array(4), dims: [2, 2] }],
    ['less data than its shape says', { type: 'float32', data: new Float32Array(3), dims: [2, 2] }],
  ])('shape-mismatch: a batch with %s', async (_, input) => {
    const session = await open(good);
    await expect(session.encode(input)).rejects.toMatchObject(fault('shape-mismatch'));
    await session.close();
  });

  it.each(['host-simd', 'device-matmul'])(
    'names the first row that is not finite (%s) and encodes the next batch',
    async (packing) => {
      const session = await open(good, { packing });
      for (const [bad, row] of [
        [Number.NaN, 2],
        [Infinity, 5],
        [-Infinity, 0],
      ] as const) {
        const data = waves(16, 3);
        data[row * 2 + 1] = bad;
        data[6 * 2] = Number.NaN;
        const failing = session.encode({ type: 'float32', data, dims: [8, 2] });
        await expect(failing).rejects.toMatchObject(
          fault('non-finite-input', { where: `row ${row} of the batch`, value: 'd' }),
        );
      }
      const { codes } = await session.encode({ type: 'float32', data: waves(16, 3), dims: [8, 2] });
      expect(codes[0]).toHaveLength(8 * 4);
      await session.close();
    },
  );

  it('takes uint8 samples as numbers', async () => {
    const session = await open(good);
    const bytes = await session.encode({ type: 'uint8', data: Uint8Array.of(3, 250), dims: [1, 2] });
    const fromBytes = [...bytes.codes[0]!, ...bytes.logits!.data];
    const floats = await session.encode({ type: 'float32', data: Float32Array.of(3, 250), dims: [1, 2] });
    expect([...floats.codes[0]!, ...floats.logits!.data]).toEqual(fromBytes);
    await session.close();
  });

  it('refuses a batch after close', async () => {
    const session = await open(good);
    await session.close();
    await session.close();
    await expect(
      session.encode({ type: 'float32', data: new Float32Array(2), dims: [1, 2] }),
    ).rejects.toMatchObject(fault('internal'));
  });

  it('refuses batches of another size than a graph with a fixed batch takes', async () => {
    const kernel = [{ name: 'w', shape: [2, 3], values: waves(6, 1) }];
    const node = [
      placeholder('x', [4, 2]),
      ...constants(kernel),
      graphNode('MatMul', 'm', ['x', 'w']),
      graphNode('Relu', 'r', ['m']),
    ];
    const file = writeTfjsModel(join(folder, 'fixed'), { node }, kernel);
    await expect(open(file, { batchSamples: 8 })).rejects.toMatchObject(fault('shape-mismatch'));
    const session = await open(file, { batchSamples: 4 });
    await session.close();
  });
});

describe('devices', () => {
  it('says that no GPU package is there when cuda is asked for', async () => {
    const options = sessionOptions(good, { sampleShape: [2], model: { device: 'cuda' } });
    await expect(tfjsModels.open(options)).rejects.toMatchObject(fault('device-unavailable'));
  });

  it('does not fall back from a folder that the user named', async () => {
    await expect(loadTfjsRuntime({ device: 'cpu', threads: 1, nativeFolder: folder })).rejects.toMatchObject(
      fault('device-unavailable', { value: expect.stringContaining('tfjs-node: not installed') }),
    );
  });

  it('states the fallback to wasm, and that it runs on one thread', async () => {
    const { backend, notices } = await loadTfjsRuntime({ device: 'cpu', threads: 4, nativeFolder: '' });
    expect(backend).toBe('wasm');
    expect(notices).toEqual([
      'TensorFlow.js runs on its wasm backend (@tensorflow/tfjs-node: not installed; @tensorflow/tfjs-node-gpu: not installed)',
      'the wasm backend of TensorFlow.js runs on one thread under Node',
    ]);
  });
});
