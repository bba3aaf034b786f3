import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyControl } from '../../../../infra/models/onnx/control.ts';
import { loadModel } from '../../../../infra/models/onnx/load.ts';
import { encodeModel, type ModelProto } from '../../../../infra/models/onnx/proto.ts';
import { floatTensor, floatValues, node } from '../../../../infra/models/onnx/tensors.ts';
import { onnxModels } from '../../../../infra/models/onnx.ts';
import { model, normals } from '../../../bench/random-nets.ts';
import { around, mixedConvNet, save, sessionOptions, tokenNet } from './nets.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-control-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Values of every initializer before and after a control. */
async function controlled(net: ModelProto, control: 'random_init' | 'weight_permuted', seed = 1) {
  const file = await save(folder, 'net.onnx', net);
  const values = (loaded: Awaited<ReturnType<typeof loadModel>>) =>
    new Map(
      loaded.graph.initializer.map((tensor) => [
        tensor.name ?? '',
        floatValues(tensor) ?? new Float32Array(),
      ]),
    );
  const loaded = await loadModel(file);
  const before = values(loaded);
  applyControl(loaded, control, seed);
  return { before, after: values(loaded), model: encodeModel(loaded.model) };
}

const CONV_WEIGHTS = { w1: 18, b1: 18, w2: 5, b2: 5, w3: 45, b3: 45, w4: 81, w5: 9, b5: 9, w6: 11, b6: 11 };
const CONV_KEPT = ['g4', 's4', 'm4', 'v4', 'zero', 'six', 'slope'];

describe('random_init', () => {
  it('draws weights and biases within 1/sqrt(fan in) and keeps normalisations and bounds', async () => {
    const { before, after } = await controlled(mixedConvNet(), 'random_init');
    for (const [name, fanIn] of Object.entries(CONV_WEIGHTS)) {
      const values = [...after.get(name)!];
      const most = Math.max(...values.map(Math.abs));
      expect(values, name).not.toEqual([...before.get(name)!]);
      expect(most, name).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
      if (values.length > 20) expect(most, name).toBeGreaterThan(0.8 / Math.sqrt(fanIn));
    }
    for (const name of CONV_KEPT) expect([...after.get(name)!], name).toEqual([...before.get(name)!]);
  });

  it('knows embeddings, MatMul layers and their biases of a transformer', async () => {
    const net = tokenNet(['op', 'erf-div'], { vocabulary: 400, width: 16, hidden: 64 });
    const { before, after } = await controlled(net, 'random_init');
    const deviation = (name: string) =>
      Math.sqrt(after.get(name)!.reduce((sum, v) => sum + v * v, 0) / after.get(name)!.length);
    expect(deviation('embed')).toBeCloseTo(0.02, 3);
    for (const [name, fanIn] of [
      ['up0', 16],
      ['ub0', 16],
      ['down1', 64],
      ['head', 16],
    ] as const) {
      expect(Math.max(...after.get(name)!.map(Math.abs)), name).toBeLessThanOrEqual(1 / Math.sqrt(fanIn));
      expect(deviation(name), name).toBeCloseTo(1 / Math.sqrt(3 * fanIn), 1);
    }
    for (const name of ['gain', 'shift', 'root2', 'half', 'one', 'c3'])
      expect([...after.get(name)!], name).toEqual([...before.get(name)!]);
  });

  it('rewrites weights that are Constant nodes or sit behind a Transpose', async () => {
    const nodes = [
      node('Transpose', ['wt'], ['w'], { perm: [1, 0] }),
      node('MatMul', ['x', 'w'], ['z']),
      node('Relu', ['z'], ['r']),
      node('MatMul', ['r', 'k'], ['a']),
    ];
    nodes.splice(1, 0, {
      opType: 'Constant',
      input: [],
      output: ['k'],
      name: 'k',
      attribute: [{ name: 'value', type: 4, t: floatTensor('', [7, 2], normals(14, 1)) }],
    });
    const net = model({
      nodes,
      initializers: [floatTensor('wt', [7, 3], normals(21, 2))],
      input: ['batch', 3],
      output: 'a',
      outputRank: 2,
    });
    const { after } = await controlled(net, 'random_init');
    expect(Math.max(...after.get('wt')!.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(3));
    const loaded = await loadModel(join(folder, 'net.onnx'));
    applyControl(loaded, 'random_init', 1);
    const constant = floatValues(
      loaded.graph.node.find((one) => one.opType === 'Constant')!.attribute[0]!.t!,
    )!;
    expect(Math.max(...constant.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(7));
  });

  it('redraws learnt position tables and leaves masks alone', async () => {
    const nodes = [
      node('Add', ['x', 'positions'], ['p']),
      node('Add', ['p', 'mask'], ['q']),
      node('MatMul', ['q', 'w'], ['z']),
      node('Relu', ['z'], ['a']),
    ];
    const mask = Float32Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? 0 : -1e9));
    const initializers = [
      floatTensor('positions', [4, 3], normals(12, 1)),
      floatTensor('mask', [4, 3], mask),
      floatTensor('w', [3, 5], normals(15, 2)),
    ];
    const { before, after } = await controlled(
      model({ nodes, initializers, input: ['batch', 4, 3], output: 'a', outputRank: 3 }),
      'random_init',
    );
    expect(Math.max(...after.get('positions')!.map(Math.abs))).toBeLessThan(0.1);
    expect([...after.get('mask')!]).toEqual([...before.get('mask')!]);
  });

  it('writes equal bytes for equal seeds, and others for another', async () => {
    const bytes = async (seed: number) =>
      Buffer.from((await controlled(mixedConvNet(), 'random_init', seed)).model).toString('hex');
    expect(await bytes(4)).toBe(await bytes(4));
    expect(await bytes(4)).not.toBe(await bytes(5));
  });
});

describe('weight_permuted', () => {
  it('keeps the entries of every weight tensor, in another order', async () => {
    const { before, after } = await controlled(mixedConvNet(), 'weight_permuted');
    const sorted = (values: Float32Array) => [...values].sort((a, b) => a - b);
    for (const name of Object.keys(CONV_WEIGHTS)) {
      expect(sorted(after.get(name)!), name).toEqual(sorted(before.get(name)!));
      if (after.get(name)!.length > 8)
        expect([...after.get(name)!], name).not.toEqual([...before.get(name)!]);
    }
    for (const name of CONV_KEPT) expect([...after.get(name)!], name).toEqual([...before.get(name)!]);
  });
});

describe('a session', () => {
  it.each(['random_init', 'weight_permuted'] as const)(
    'encodes with the %s weights, the same for the same seed',
    async (control) => {
      const file = await save(folder, 'conv.onnx', mixedConvNet());
      const input = { type: 'float32' as const, data: normals(6 * 70, 3), dims: [6, 2, 7, 5] };
      const codes = [];
      for (const [name, seed] of [
        ['none', 1],
        [control, 1],
        [control, 1],
        [control, 2],
      ] as const) {
        const options = sessionOptions(file, { sampleShape: [2, 7, 5], seed });
        const session = await onnxModels.open({ ...options, model: { ...options.model, control: name } });
        codes.push(
          (await session.encode(input)).codes.map((code) => Buffer.from(code).toString('hex')).join(),
        );
        await session.close();
      }
      expect(codes[1]).toBe(codes[2]);
      expect(new Set(codes).size).toBe(3);
    },
  );

  it('refuses a control where nothing can be rewritten', async () => {
    const net = around([node('Relu', ['z'], ['a'])]);
    net.graph!.node[0] = node('Sub', ['x', 'x'], ['xw']);
    net.graph!.node[1] = node('Identity', ['xw'], ['z']);
    const file = await save(folder, 'weightless.onnx', net);
    const options = sessionOptions(file, { sampleShape: [3] });
    await expect(
      onnxModels.open({ ...options, model: { ...options.model, control: 'random_init' } }),
    ).rejects.toMatchObject({
      fault: { kind: 'model-invalid', where: file, value: 'random_init' },
    });
  });
});
