import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { indexGraph } from '../../../../infra/models/onnx/graph.ts';
import { decodeModel, encodeModel } from '../../../../infra/models/onnx/proto.ts';
import { findTaps } from '../../../../infra/models/onnx/taps.ts';
import { floatTensor, node } from '../../../../infra/models/onnx/tensors.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { mlpNet, normals } from '../../../bench/random-nets.ts';
import { around, GELU_FORMS, geluNodes, mixedConvNet, save, sessionOptions, tokenNet } from './nets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-taps-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tapsOf = (net: ReturnType<typeof around>) => findTaps(indexGraph(decodeModel(encodeModel(net)).graph!));

describe('the tap finder', () => {
  it('finds piecewise linear activations in layer order', () => {
    expect(tapsOf(mixedConvNet()).map(({ name, activation, exact }) => [name, activation, exact])).toEqual([
      ['z1', 'Relu', true],
      ['z2', 'Relu', true],
      ['z3', 'LeakyRelu', true],
      ['z4', 'Clip', false],
      ['z5', 'PRelu', true],
    ]);
  });

  it.each(GELU_FORMS)('finds a GELU written as %s, and its pre-activation behind the bias', (form) => {
    expect(tapsOf(around(geluNodes(form, 'z', 'a')))).toEqual([
      { name: 'z', observed: 'z', activation: 'Gelu', exact: false },
    ]);
  });

  it('finds a GELU whose pre-activation is itself a scaled tensor', () => {
    const nodes = [node('Mul', ['z', 'two'], ['z2']), ...geluNodes('tanh-pow', 'z2', 'a')];
    expect(tapsOf(around(nodes)).map((tap) => tap.name)).toEqual(['z2']);
  });

  it.each([
    ['a bare Erf', [node('Erf', ['z'], ['a'])]],
    ['a bare Tanh', [node('Tanh', ['z'], ['a'])]],
    [
      'an Erf of another scale',
      [
        node('Mul', ['z', 'half'], ['s']),
        node('Erf', ['s'], ['e']),
        node('Add', ['e', 'one'], ['p']),
        node('Mul', ['p', 'z'], ['q']),
        node('Mul', ['q', 'half'], ['a']),
      ],
    ],
    [
      'a Gelu-like product without the half',
      geluNodes('erf-div', 'z', 'b')
        .slice(0, -1)
        .concat(node('Identity', ['b_twice'], ['a'])),
    ],
    [
      'a product with another tensor',
      [
        ...geluNodes('erf-div', 'z', 'b').slice(0, 3),
        node('Mul', ['xw', 'b_plus'], ['q']),
        node('Mul', ['q', 'half'], ['a']),
      ],
    ],
    ['a Clip from -1', [node('Clip', ['z', 'low'], ['a'])]],
    ['a Sigmoid', [node('Sigmoid', ['z'], ['a'])]],
  ])('does not take %s for one', (_what, nodes) => {
    expect(tapsOf(around(nodes, [floatTensor('low', [], [-1])]))).toEqual([]);
  });

  it('counts a tensor with two activations once, and reads it itself where the slope is negative', () => {
    const nodes = [
      node('LeakyRelu', ['z'], ['l'], { alpha: -0.5 }, ['alpha']),
      node('Relu', ['z'], ['r']),
      node('Add', ['l', 'r'], ['a']),
    ];
    expect(tapsOf(around(nodes))).toEqual([
      { name: 'z', observed: 'z', activation: 'LeakyRelu', exact: true },
    ]);
  });

  it('finds Max(z, 0) and Clip with the bounds as attributes', () => {
    expect(
      tapsOf(around([node('Max', ['zero', 'z'], ['a'])], [floatTensor('zero', [], [0])])).map(
        (tap) => tap.activation,
      ),
    ).toEqual(['Relu']);
    expect(
      tapsOf(around([node('Clip', ['z'], ['a'], { min: 0, max: 6 }, ['min', 'max'])])).map(
        (tap) => tap.activation,
      ),
    ).toEqual(['Clip']);
  });
});

describe('signs of unusual activations', () => {
  it.each([
    ['LeakyRelu with a negative slope', [node('LeakyRelu', ['z'], ['a'], { alpha: -0.5 }, ['alpha'])]],
    ['Max with zero', [node('Max', ['z', 'zero'], ['a'])]],
    ['Clip from zero', [node('Clip', ['z', 'zero'], ['a'])]],
  ])('%s: bits are signs of the pre-activation', async (_what, nodes) => {
    const net = around(nodes, [floatTensor('zero', [], [0])]);
    const file = await save(folder, 'one.onnx', net);
    const session = await onnxModels.open(sessionOptions(file, { sampleShape: [3] }));
    const data = normals(18, 4);
    const batch = await session.encode({ type: 'float32', data, dims: [6, 3] });
    const [w, b] = ['w', 'b'].map(
      (name) =>
        new Float32Array(
          Uint8Array.from(net.graph!.initializer.find((t) => t.name === name)!.rawData!).buffer,
        ),
    );
    for (let row = 0; row < 6; row++) {
      for (let unit = 0; unit < 4; unit++) {
        const z = [0, 1, 2].reduce((sum, i) => sum + data[row * 3 + i]! * w![i * 4 + unit]!, b![unit]!);
        expect((batch.codes[0]![row * 4]! >> unit) & 1).toBe(z > 0 ? 1 : 0);
      }
    }
    await session.close();
  });
});

describe('inspect', () => {
  it('gives kinds, sizes and code bits for both granularities', async () => {
    const file = await save(folder, 'conv.onnx', mixedConvNet());
    const model = { file, taps: 'auto' as const };
    const image = await onnxModels.inspect(model, { granularity: 'image' });
    const position = await onnxModels.inspect(model, { granularity: 'position' });
    expect(image.taps.map((tap) => [tap.kind, tap.channels, tap.height, tap.width, tap.codeBits])).toEqual([
      ['conv', 5, 7, 5, 175],
      ['conv', 3, 7, 5, 105],
      ['conv', 6, 7, 5, 210],
      ['conv', 9, 4, 3, 108],
      ['dense', 11, 1, 1, 11],
    ]);
    expect(position.taps.map((tap) => tap.codeBits)).toEqual([5, 3, 6, 9, 11]);
    expect(image.input).toEqual({ name: 'x', type: 'float32', dims: [null, 2, 7, 5] });
    expect(image.output).toEqual({ name: 'logits', dims: [null, 4] });
    expect(image.inexact).toEqual([]);
    expect(image.operators[0]).toEqual({ op: 'Conv', count: 4 });
  });

  it('lists what makes codes of a transformer inexact', async () => {
    const file = await save(folder, 'tokens.onnx', tokenNet(['op', 'erf-div', 'tanh-pow']));
    const info = await onnxModels.inspect({ file, taps: 'auto' }, { granularity: 'image' });
    expect(info.taps.map((tap) => [tap.name, tap.kind, tap.codeBits, tap.exact])).toEqual([
      ['z0', 'mlp_block', 10, false],
      ['z1', 'mlp_block', 10, false],
      ['z2', 'mlp_block', 10, false],
    ]);
    expect(info.inexact).toEqual(
      expect.arrayContaining([
        { op: 'LayerNormalization', count: 3 },
        { op: 'Gelu', count: 1 },
      ]),
    );
    expect(info.output).toEqual({ name: 'logits', dims: [null, null, 13] });
  });

  it('chooses taps by globs, in layer order whatever their order', async () => {
    const file = await save(folder, 'mlp.onnx', mlpNet([4, 5, 6, 7, 2]));
    const info = await onnxModels.inspect({ file, taps: ['z3', 'z1'] }, { granularity: 'image' });
    expect(info.taps.map((tap) => tap.name)).toEqual(['z1', 'z3']);
    const all = await onnxModels.inspect({ file, taps: ['*'] }, { granularity: 'image' });
    expect(all.taps.map((tap) => tap.name)).toEqual(['z1', 'z2', 'z3']);
  });

  it('names the available taps where a glob matches none', async () => {
    const file = await save(folder, 'mlp.onnx', mlpNet([4, 5, 6, 2]));
    await expect(
      onnxModels.inspect({ file, taps: ['z1', 'block*'] }, { granularity: 'image' }),
    ).rejects.toMatchObject({
      fault: { kind: 'config-invalid', where: 'model.taps', value: 'block*', remedy: 'Allowed: z1, z2' },
    });
  });
});
