// Taps of every kind, on layers and graph models, against plain arithmetic: conv geometry, split activations, GELU, tokens.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EncodedBatch } from '../../../activities/ports.ts';
import { loadTfjsRuntime, type TfjsRuntime } from '../../../infra/models/tfjs/runtime.ts';
import { openOn, tfjsModels } from '../../../infra/models/tfjs.ts';
import * as net from './tfjs-fixtures.ts';

const SAMPLES = 3;
const folder = mkdtempSync(join(tmpdir(), 'tfjs-taps-'));
let runtime: TfjsRuntime;

beforeAll(async () => {
  runtime = await loadTfjsRuntime({ device: 'cpu', threads: 1, backend: 'wasm' });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(runtime.tf.memory().numTensors).toBe(0);
});

type Options = Parameters<typeof net.sessionOptions>[1];

async function encodeAll(file: string, x: Float32Array | Int32Array, options: Options) {
  const session = await openOn(runtime, net.sessionOptions(file, options));
  const type = x instanceof Int32Array ? 'int32' : 'float32';
  const batch = await session.encode({ type, data: x, dims: [SAMPLES, ...options.sampleShape!] });
  const copy: EncodedBatch = { ...batch, codes: batch.codes.map((code) => code.slice()) };
  await session.close();
  return { taps: session.taps, ...copy };
}

describe.each([
  { height: 8, width: 8, why: 'bits are turned after packing' },
  { height: 5, width: 3, why: 'floats are turned before packing' },
])('a conv net on $height x $width images ($why)', ({ height, width }) => {
  const size = { height, width };
  const area = height * width;
  const x = net.waves(SAMPLES * area * 2, 1);
  const [k1, b1] = [net.waves(9 * 2 * 4, 2), net.waves(4, 3, 0.1)];
  const [k2, b2] = [net.waves(9 * 4 * 5, 4), net.waves(5, 5, 0.1)];
  const [k3, b3] = [net.waves(area * 5 * 3, 6), net.waves(3, 7)];
  const z1 = net.convOracle(x, k1, b1, size);
  const z2 = net.convOracle(net.relu(z1), k2, b2, size);
  const logits = net.denseOracle(net.relu(z2), k3, b3);
  const weights = [
    { name: 'c1/kernel', shape: [3, 3, 2, 4], values: k1 },
    { name: 'c1/bias', shape: [4], values: b1 },
    { name: 'c2/kernel', shape: [3, 3, 4, 5], values: k2 },
    { name: 'c2/bias', shape: [5], values: b2 },
    { name: 'out/kernel', shape: [area * 5, 3], values: k3 },
    { name: 'out/bias', shape: [3], values: b3 },
  ];
  const conv = { kernel_size: [3, 3], padding: 'same', strides: [1, 1] };
  const layers = net.sequential(
    [
      ['Conv2D', { name: 'c1', filters: 4, activation: 'relu', ...conv }],
      ['Conv2D', { name: 'c2', filters: 5, activation: 'linear', ...conv }],
      ['ReLU', { name: 'r2' }],
      ['Flatten', { name: 'flat' }],
      ['Dense', { name: 'out', units: 3, activation: 'softmax' }],
    ],
    [height, width, 2],
  );
  const attr = {
    strides: { list: { i: ['1', '1', '1', '1'] } },
    dilations: { list: { i: ['1', '1', '1', '1'] } },
    padding: net.text('SAME'),
    data_format: net.text('NHWC'),
    num_args: { i: '1' },
    fused_ops: { list: { s: ['BiasAdd', 'Relu'].map((op) => net.text(op).s) } },
  };
  const graph = {
    node: [
      net.placeholder('x', [-1, height, width, 2]),
      ...net.constants(weights),
      { name: 'to', op: 'Const', attr: { dtype: { type: 'DT_INT32' } } },
      net.graphNode('_FusedConv2D', 'r1', ['x', 'c1/kernel', 'c1/bias'], attr),
      net.graphNode('_FusedConv2D', 'r2', ['r1', 'c2/kernel', 'c2/bias'], attr),
      net.graphNode('Reshape', 'flat', ['r2', 'to']),
      net.graphNode('MatMul', 'mm', ['flat', 'out/kernel']),
      net.graphNode('BiasAdd', 'logits', ['mm', 'out/bias']),
      net.graphNode('Softmax', 'probabilities', ['logits']),
    ],
  };
  const shapeWeight = {
    name: 'to',
    shape: [2],
    values: Float32Array.of(-1, area * 5),
    dtype: 'int32' as const,
  };
  const files = {
    layers: net.writeTfjsModel(join(folder, `layers${area}`), layers, weights),
    graph: net.writeTfjsModel(join(folder, `graph${area}`), graph, [...weights, shapeWeight], {
      format: 'graph-model',
    }),
  };
  const names = { layers: ['c1', 'c2'], graph: ['r1/preactivation', 'r2/preactivation'] };

  describe.each(['layers', 'graph'] as const)('as a %s model', (kind) => {
    it.each(['host-simd', 'device-matmul'])('codes images channel by channel (%s)', async (packing) => {
      const {
        taps,
        codes,
        logits: found,
      } = await encodeAll(files[kind], x, { sampleShape: [height, width, 2], packing });
      expect(taps.map(({ name }) => name)).toEqual(names[kind]);
      expect(taps[1]).toMatchObject({
        kind: 'conv',
        channels: 5,
        height,
        width,
        codeBits: 5 * area,
        exact: true,
      });
      for (const [tap, z, channels] of [
        [0, z1, 4],
        [1, z2, 5],
      ] as const) {
        const expected = net.signs(net.channelMajor(z, { ...size, channels }));
        const { wrong, known } = net.compareBits(net.bitsOf(codes[tap]!, SAMPLES, channels * area), expected);
        expect(wrong).toBe(0);
        expect(known).toBeGreaterThan(0.99 * expected.length);
      }
      expect(found!.classes).toBe(3);
      for (const [i, value] of found!.data.entries()) expect(value).toBeCloseTo(logits[i]!, 3);
    });

    it.each(['host-simd', 'device-matmul'])('codes positions in raster order (%s)', async (packing) => {
      const options = {
        sampleShape: [height, width, 2],
        granularity: 'position',
        packing,
        countAmbiguous: true,
      } as const;
      const { taps, codes, ambiguous } = await encodeAll(files[kind], x, options);
      expect(taps[0]).toMatchObject({ channels: 4, height, width, codeBits: 4 });
      expect(net.compareBits(net.bitsOf(codes[0]!, SAMPLES * area, 4), net.signs(z1)).wrong).toBe(0);
      expect(net.compareBits(net.bitsOf(codes[1]!, SAMPLES * area, 5), net.signs(z2)).wrong).toBe(0);
      expect(ambiguous!.map((counts) => counts.length)).toEqual([SAMPLES * area, SAMPLES * area]);
    });
  });
});

it('counts as ambiguous exactly the bits with |z| < 1e-5 (|w||a| + |b|)', async () => {
  // Unit j of the layer is w_j x + b_j with w = (1, 1, 1, 1), so x = 1 puts z at the chosen offsets from 0.
  const offsets = [1.9e-5, 2.2e-5, -1.9e-5, 1e-3].map((z) => Math.fround(-1 + z));
  const weights = [
    { name: 'd/kernel', shape: [1, 4], values: Float32Array.of(1, 1, 1, 1) },
    { name: 'd/bias', shape: [4], values: Float32Array.from(offsets) },
  ];
  const file = net.writeTfjsModel(
    join(folder, 'near'),
    net.sequential([['Dense', { name: 'd', units: 4, activation: 'relu' }]], [1]),
    weights,
  );
  const { ambiguous, codes } = await encodeAll(file, Float32Array.of(1, 1, 3), {
    sampleShape: [1],
    countAmbiguous: true,
  });
  // The scale is |1||1| + |-1| = 2, so the limit is 2e-5; at x = 3 nothing is near 0.
  expect([...ambiguous![0]!]).toEqual([2, 2, 0]);
  expect(codes[0]![0]).toBe(0b1011);
});

it('taps every activation of a layers model, in nested models too', async () => {
  const dense = (name: string, activation: string) =>
    ['Dense', { name, units: 3, activation, use_bias: false }] as const;
  const inner = net.sequential([dense('inner', 'gelu'), ['PReLU', { name: 'p' }]], [3]) as {
    model_config: object;
  };
  const topology = net.sequential(
    [
      dense('a', 'relu6'),
      dense('b', 'leaky_relu'),
      dense('c', 'tanh'),
      dense('d', 'linear'),
      ['LeakyReLU', { name: 'l', alpha: 0.1 }],
      ['Sequential', (inner.model_config as { config: object }).config],
      dense('e', 'gelu_new'),
      ['Activation', { name: 'f', activation: 'relu' }],
    ],
    [3],
  );
  const kernels = ['a', 'b', 'c', 'd', 'inner', 'e'].map((name, i) => ({
    name: `${name}/kernel`,
    shape: [3, 3],
    values: net.waves(9, i),
  }));
  const file = net.writeTfjsModel(join(folder, 'many'), topology, [
    ...kernels,
    { name: 'p/alpha', shape: [3], values: net.waves(3, 9) },
  ]);
  const info = await tfjsModels.inspect({ file, taps: 'auto' }, { granularity: 'image' });
  // What a layer of its own activates carries the name of the layer before, numbered where that is tapped already.
  expect(info.taps.map(({ name, activation, exact }) => [name, activation, exact])).toEqual([
    ['a', 'Clip', false],
    ['b', 'LeakyRelu', true],
    ['d', 'LeakyRelu', true],
    ['inner', 'Gelu', false],
    ['inner:1', 'PRelu', true],
    ['e', 'Gelu', false],
    ['e:1', 'Relu', true],
  ]);
  expect(info.inexact.map(({ op }) => op).sort()).toEqual(['gelu', 'geluNew', 'tanh']);
  const x = net.waves(SAMPLES * 3, 4);
  const { softCounts, codes } = await encodeAll(file, x, { sampleShape: [3] });
  expect(softCounts[3]).toBe(SAMPLES * 3);
  expect(softCounts[0]).toBeNaN();
  const zeros = new Float32Array(3);
  const z = net.denseOracle(x, kernels[0]!.values, zeros);
  expect(net.compareBits(net.bitsOf(codes[0]!, SAMPLES, 3), net.signs(z)).wrong).toBe(0);
  const a = z.map((value) => Math.min(6, Math.max(0, value)));
  const second = net.denseOracle(a, kernels[1]!.values, zeros);
  expect(net.compareBits(net.bitsOf(codes[1]!, SAMPLES, 3), net.signs(second)).wrong).toBe(0);
});

it('finds erf and tanh GELU in a graph, and counts |z| < 2', async () => {
  const weights = [{ name: 'w', shape: [4, 6], values: net.waves(24, 3, 3) }];
  const scalar = (name: string, value: number) => ({ name, shape: [], values: Float32Array.of(value) });
  const scalars = [
    scalar('half', 0.5),
    scalar('one', 1),
    scalar('root', Math.SQRT1_2),
    scalar('three', 3),
    scalar('cubic', 0.044715),
    scalar('scale', Math.sqrt(2 / Math.PI)),
  ];
  const all = [...weights, ...scalars];
  const node = [
    net.placeholder('x', [-1, 4]),
    ...net.constants(all),
    net.graphNode('MatMul', 'z', ['x', 'w']),
    net.graphNode('Mul', 'scaled', ['z', 'root']),
    net.graphNode('Erf', 'erf', ['scaled']),
    net.graphNode('AddV2', 'onePlus', ['erf', 'one']),
    net.graphNode('Mul', 'halfZ', ['z', 'half']),
    net.graphNode('Mul', 'g1', ['halfZ', 'onePlus']),
    net.graphNode('Pow', 'cube', ['g1', 'three']),
    net.graphNode('Mul', 'part', ['cube', 'cubic']),
    net.graphNode('AddV2', 'sum', ['g1', 'part']),
    net.graphNode('Mul', 'inside', ['sum', 'scale']),
    net.graphNode('Tanh', 'tanh', ['inside']),
    net.graphNode('AddV2', 'onePlus2', ['tanh', 'one']),
    net.graphNode('Mul', 'halfG', ['g1', 'half']),
    net.graphNode('Mul', 'g2', ['halfG', 'onePlus2']),
    net.graphNode('Tanh', 'plain', ['g2']),
  ];
  const file = net.writeTfjsModel(join(folder, 'gelu'), { node }, all);
  const x = net.waves(SAMPLES * 4, 5);
  const { taps, softCounts, codes } = await encodeAll(file, x, {
    sampleShape: [4],
    packing: 'device-matmul',
  });
  expect(taps.map(({ name, activation }) => [name, activation])).toEqual([
    ['z', 'Gelu'],
    ['g1', 'Gelu'],
  ]);
  const z = net.denseOracle(x, weights[0]!.values, new Float32Array(6));
  expect(softCounts[0]).toBe(z.filter((value) => Math.abs(value) < 2).length);
  expect(softCounts[0]).toBeLessThan(z.length);
  expect(net.compareBits(net.bitsOf(codes[0]!, SAMPLES, 6), net.signs(z)).wrong).toBe(0);
});

it('codes one row per token where the input is token ids', async () => {
  const table = net.waves(7 * 4, 1);
  const kernel = net.waves(4 * 5, 2);
  const bias = net.waves(5, 3);
  const topology = net.sequential(
    [
      ['Embedding', { name: 'e', input_dim: 7, output_dim: 4 }],
      ['Dense', { name: 'm', units: 5, activation: 'gelu' }],
      ['Dense', { name: 'o', units: 7, activation: 'linear' }],
    ],
    [6],
  );
  const weights = [
    { name: 'e/embeddings', shape: [7, 4], values: table },
    { name: 'm/kernel', shape: [4, 5], values: kernel },
    { name: 'm/bias', shape: [5], values: bias },
    { name: 'o/kernel', shape: [5, 7], values: net.waves(35, 4) },
    { name: 'o/bias', shape: [7], values: net.waves(7, 5) },
  ];
  const file = net.writeTfjsModel(join(folder, 'tokens'), topology, weights);
  const ids = Int32Array.from({ length: SAMPLES * 6 }, (_, i) => (i * 5) % 7);
  const { taps, codes, logits, inputNorms } = await encodeAll(file, ids, { sampleShape: [6] });
  expect(taps[0]).toMatchObject({ name: 'm', kind: 'mlp_block', channels: 5, codeBits: 5 });
  const embedded = Float64Array.from(
    { length: ids.length * 4 },
    (_, i) => table[ids[i >> 2]! * 4 + (i & 3)]!,
  );
  const z = net.denseOracle(embedded, kernel, bias);
  expect(net.compareBits(net.bitsOf(codes[0]!, SAMPLES * 6, 5), net.signs(z)).wrong).toBe(0);
  expect(logits).toMatchObject({ classes: 7 });
  expect(logits!.data).toHaveLength(SAMPLES * 6 * 7);
  expect(inputNorms).toBeNull();
});

it('folds batch normalisation into the scale of ambiguous bits', async () => {
  const bn = (name: string, values: number[]) => ({
    name: `bn/${name}`,
    shape: [2],
    values: Float32Array.from(values),
  });
  const weights = [
    { name: 'd/kernel', shape: [1, 2], values: Float32Array.of(1, 1) },
    bn('gamma', [2, 2]),
    bn('beta', [-2 + 3e-5, -2 + 9e-5]),
    bn('moving_mean', [0, 0]),
    bn('moving_variance', [1, 1]),
  ];
  const topology = net.sequential(
    [
      ['Dense', { name: 'd', units: 2, use_bias: false, activation: 'linear' }],
      ['BatchNormalization', { name: 'bn', epsilon: 0, axis: -1 }],
      ['ReLU', { name: 'r' }],
    ],
    [1],
  );
  const file = net.writeTfjsModel(join(folder, 'bn'), topology, weights);
  const { taps, ambiguous } = await encodeAll(file, Float32Array.of(1, 5, 1), {
    sampleShape: [1],
    countAmbiguous: true,
  });
  expect(taps[0]!.name).toBe('bn');
  // Scale 2 * (1 + 0) + 2 = 4, limit 4e-5: the first unit lies within, the second outside.
  expect([...ambiguous![0]!]).toEqual([1, 0, 1]);
});
