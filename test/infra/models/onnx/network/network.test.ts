// Forward passes from any space, sampled codes, start spaces and what inspect says, on small nets.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Network } from '../../../../../activities/experiments/network.ts';
import { randomStream } from '../../../../../activities/numeric/rng.ts';
import { curveBetween } from '../../../../../activities/polytope/polyline.ts';
import { crossingsOnSegments } from '../../../../../activities/polytope/segment-crossings.ts';
import { sampledCrossings } from '../../../../../activities/polytope/sampled-crossings.ts';
import type { InputTensor } from '../../../../../activities/ports.ts';
import { geometryLines } from '../../../../../infra/cli/inspect-geometry.ts';
import { createForward } from '../../../../../infra/models/onnx/network/forward.ts';
import { openModel } from '../../../../../infra/models/onnx/network/opened-model.ts';
import { ShortContexts } from '../../../../../infra/models/onnx/network/short-contexts.ts';
import { decodeModel, encodeModel, type NodeProto } from '../../../../../infra/models/onnx/proto.ts';
import { floatTensor, intTensor, node } from '../../../../../infra/models/onnx/tensors.ts';
import { onnxModels } from '../../../../../infra/models/onnx.ts';
import { normals } from '../../../../bench/random-nets.ts';
import { around, GELU_FORMS, geluNodes, save, tokenNet } from '../nets.ts';
import { openFile, tensorsAt, TRAINED } from './open-net.ts';
import { inceptionBlock, residual } from './small-nets.ts';

let folder: string;
const open: Network[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-network-'));
});
afterAll(async () => {
  for (const network of open) await network.close();
  await rm(folder, { recursive: true });
});

const random = randomStream(41);
const floats = (count: number) => Float32Array.from({ length: count }, () => random.normal());

describe('forward passes', () => {
  const { net, shape } = inceptionBlock();
  const graph = decodeModel(encodeModel(net)).graph!;
  let network: Network;
  beforeAll(async () => {
    network = await openFile(await save(folder, 'inception.onnx', net), shape);
    open.push(network);
  });

  it('give taps, activations and logits of every sample, whoever its neighbours are', async () => {
    const count = 70;
    const data = floats(count * 42);
    const names = [...network.taps.map(({ name }) => name), ...network.activations, 'logits'];
    const all = await network.forward(batch(data, [count, ...shape]), { to: names });
    for (const sample of [0, 63, 64, 69]) {
      const own = data.slice(sample * 42, (sample + 1) * 42);
      const tensors = tensorsAt(graph, shape, own);
      const alone = await network.forward(batch(own, [1, ...shape]), { to: names });
      for (const name of names) {
        const expected = tensors.get(name)!.data;
        const row = all.get(name)!.subarray(sample * expected.length, (sample + 1) * expected.length);
        expect([...alone.get(name)!]).toEqual([...row]);
        row.forEach((value, i) => {
          expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-4);
        });
      }
    }
  });

  it('go on from a space', async () => {
    const input = batch(floats(3 * 42), [3, ...shape]);
    const from = 'joined';
    const whole = await network.forward(input, { to: [from, 'logits'] });
    const values = whole.get(from)!;
    const behind = await network.forward(batch(values, [3, values.length / 3]), {
      from,
      to: ['logits', from],
    });
    expect(behind.get(from)).toEqual(values);
    behind.get('logits')!.forEach((value, i) => {
      expect(Math.abs(value - whole.get('logits')![i]!)).toBeLessThan(1e-4);
    });
  });

  it('name a tensor that is not there, does not follow, or an input that does not fit', async () => {
    const input = batch(floats(42), [1, ...shape]);
    await expect(network.forward(input, { to: ['nowhere'] })).rejects.toThrow(/no such tensor \(nowhere\)/);
    const space = batch(floats(network.startSpaces.find(({ name }) => name === 'joined')!.size), [1, 420]);
    await expect(network.forward(space, { from: 'joined', to: ['z_stem'] })).rejects.toThrow(
      /does not depend on joined/,
    );
    await expect(network.forward(batch(floats(41), [1, 41]), { to: ['logits'] })).rejects.toThrow(
      /does not fit/,
    );
  });
});

describe('start spaces', () => {
  it('are tensors that alone separate the graph', async () => {
    const { net, shape } = inceptionBlock();
    const network = await openFile(await save(folder, 'spaces.onnx', net), shape);
    open.push(network);
    const names = network.startSpaces.map(({ name }) => name);
    expect(names).toEqual([
      'input',
      'z_stem',
      'a_stem',
      'joined',
      'small',
      'z_last',
      'a_last',
      'top',
      'flat',
    ]);
    expect(network.startSpaces.map(({ tapsBefore }) => tapsBefore)).toEqual([0, 0, 1, 7, 7, 7, 8, 8, 8]);
    await expect(network.piecewise({ from: 'a_one' })).rejects.toThrow(/does not separate/);
  });

  it('within residual branches are none', async () => {
    const { net, shape } = residual();
    const network = await openFile(await save(folder, 'residual.onnx', net), shape);
    open.push(network);
    const names = network.startSpaces.map(({ name }) => name);
    // a1 passes by z2 and z3 to both sums.
    expect(names).not.toContain('z2');
    expect(names).toContain('sum2');
  });
});

it('counts bits that rounding could flip per position where asked to', async () => {
  const { net, shape } = inceptionBlock();
  const network = await openFile(await save(folder, 'positions.onnx', net), shape);
  open.push(network);
  const exact = await network.piecewise({ from: 'input' });
  const { size } = exact.start;
  const [from, to] = [floats(size), floats(size)].map((values) => Float64Array.from(values));
  const [found] = await crossingsOnSegments(exact, { from: from!, to: to! });
  await exact.close();
  let looked = 0;
  // A point on a boundary of each layer.
  for (const { name, height, width } of network.taps) {
    const { flips } = found!;
    const at = flips.t.findIndex((_, i) => exact.taps[flips.tap[i]!]!.name === name);
    if (at < 0) continue;
    looked++;
    const point = Float32Array.from(from!, (x, i) => x + flips.t[at]! * (to![i]! - x));
    const input: InputTensor = { type: 'float32', data: point, dims: [1, ...shape] };
    const whole = (await network.ambiguous(input)).get(name)!;
    const placed = (await network.ambiguous(input, { tap: name, granularity: 'position' })).get(name)!;
    const position = flips.unit[at]! % (height * width);
    expect(placed.length).toBe(height * width);
    expect(placed[position]).toBeGreaterThan(0);
    expect(placed.reduce((sum, count) => sum + count, 0)).toBe(whole[0]);
  }
  expect(looked).toBeGreaterThan(2);
});

describe('sampled codes', () => {
  // Of 40 tokens, those from the 17th on are left out where the model does not look at them.
  it.each([
    [5, 'looks at itself'],
    [40, 'looks at itself'],
    [40, 'looks back'],
    [40, 'looks ahead'],
  ] as const)(
    'of one of %i tokens that %s: the others stay, the codes are the whole model’s',
    async (tokens, look) => {
      const file = await save(folder, `tokens-${tokens}-${look}.onnx`, lookingNet(look));
      const network = await openFile(file, [tokens]);
      open.push(network);
      expect(network.text).toBe(true);
      const base: InputTensor = {
        type: 'int64',
        data: BigInt64Array.from({ length: tokens }, (_, i) => BigInt([3, 1, 4, 1, 5, 9, 2][i % 7]!)),
        dims: [1, tokens],
      };
      const names = network.taps.map(({ name }) => name);
      const whole = await network.forward(base, { to: [...names, 'ln0', 'h1', 'logits'] });
      const width = whole.get('ln0')!.length / tokens;
      for (const from of ['ln0', 'h1']) {
        const net = await network.sampled({ from, at: { base, token: 2 } });
        const own = Float64Array.from(whole.get(from)!.subarray(2 * width, 3 * width));
        // Not a shift of all entries, which a LayerNorm takes away.
        const other = own.map((value, i) => value + (i % 2));
        const { pre, outputs } = await net.evaluate(Float64Array.of(...own, ...other), 2);
        net.taps.forEach(({ name, codeBits }, tap) => {
          const expected = whole.get(name)!.subarray(2 * codeBits, 3 * codeBits);
          expect(gap(pre[tap]!.subarray(0, codeBits), expected)).toBeLessThan(1e-5);
          expect(gap(pre[tap]!.subarray(codeBits), expected)).toBeGreaterThan(1e-3);
        });
        expect(gap(outputs.subarray(0, 13), whole.get('logits')!.subarray(2 * 13, 3 * 13))).toBeLessThan(
          1e-5,
        );
        const codes = await net.evaluate(own, 1, 'codes');
        expect(codes.outputs.length).toBe(0);
        expect(codes.pre.map((values) => [...values])).toEqual(
          net.taps.map(({ codeBits }, tap) => [...pre[tap]!.subarray(0, codeBits)]),
        );
        await net.close();
      }
      await expect(network.sampled({ from: 'ln0' })).rejects.toThrow(/needs the token that moves/);
      await expect(network.sampled({ from: 'ln0', at: { base, token: tokens } })).rejects.toThrow(
        `one of its tokens (${tokens})`,
      );
      await expect(network.sampled({ from: 'input', at: { base, token: 0 } })).rejects.toThrow(
        /no space of floats/,
      );
    },
  );

  it.each([
    ['looks at itself', 16],
    ['looks back', 16],
    ['looks ahead', 40],
  ] as const)('of a token that %s take a sequence of %i of 40 tokens', async (look, computed) => {
    const file = await save(folder, `short-${look}.onnx`, lookingNet(look));
    const contextOf = async (tokens: number) => {
      const config = { file, control: 'none', taps: 'auto', device: 'cpu', threads: 1 } as const;
      const model = await openModel({ model: config, variant: TRAINED, sampleShape: [tokens] });
      return { model, forward: createForward(model, 1) };
    };
    const full = await contextOf(40);
    const contexts = new ShortContexts(full, contextOf);
    const base: InputTensor = { type: 'int64', data: new BigInt64Array(40).fill(3n), dims: [1, 40] };
    const { context, at } = await contexts.around({ base, token: 15 });
    expect([context.model.tokens, at.base.data.length]).toEqual([computed, computed]);
    const behind = await contexts.around({ base, token: 33 });
    expect(behind.context.model.tokens).toBe(40);
    await contexts.close();
    await full.forward.close();
  });

  it('of one MLP do not change when its residual stream is scaled, but for the epsilon of LayerNorm', async () => {
    const network = await openFile(await save(folder, 'scaled.onnx', tokenNet(['op', 'op'])), [5]);
    open.push(network);
    const base: InputTensor = { type: 'int64', data: BigInt64Array.of(3n, 1n, 4n, 1n, 5n), dims: [1, 5] };
    const h1 = (await network.forward(base, { to: ['h1'] })).get('h1')!;
    for (const token of [0, 2, 4]) {
      const net = await network.sampled({ from: 'h1', at: { base, token } });
      const { size } = net.start;
      const point = Float64Array.from(h1.subarray(token * size, (token + 1) * size));
      const ray = curveBetween(
        point,
        point.map((value) => 20 * value),
        { kind: 'lerp' },
      );
      const [found] = await sampledCrossings(net, [ray]);
      expect([found!.crossings, found!.hamming]).toEqual([0, 0]);
      const away = curveBetween(
        point,
        point.map((value) => -value),
        { kind: 'lerp' },
      );
      expect((await sampledCrossings(net, [away]))[0]!.crossings).toBeGreaterThan(0);
      await net.close();
    }
  });

  it.each(GELU_FORMS)('of images behind a GELU written as %s', async (form) => {
    const network = await openFile(
      await save(folder, `${form}.onnx`, around(geluNodes(form, 'z', 'a'))),
      [3],
    );
    open.push(network);
    expect(network.inexact('input')).toEqual(['Gelu']);
    await expect(network.piecewise({ from: 'input' })).rejects.toThrow(
      /piecewise-linear network, .*\(Gelu\)/,
    );
    const net = await network.sampled({ from: 'input' });
    const points = Float64Array.from(floats(3 * 100));
    const { pre } = await net.evaluate(points, 100);
    const z = (await network.forward(batch(Float32Array.from(points), [100, 3]), { to: ['z'] })).get('z')!;
    expect(gap(pre[0]!, z)).toBeLessThan(1e-6);
  });
});

describe('operators that are not piecewise linear', () => {
  const CURVED: readonly (readonly [string, readonly NodeProto[]])[] = [
    ['Sigmoid', [node('Relu', ['z'], ['r']), node('Sigmoid', ['r'], ['s']), node('Neg', ['s'], ['a'])]],
    [
      'Softmax',
      [node('Relu', ['z'], ['r']), node('Softmax', ['r'], ['s'], { axis: -1 }), node('Neg', ['s'], ['a'])],
    ],
    ['Tanh', [node('Relu', ['z'], ['r']), node('Tanh', ['r'], ['s']), node('Neg', ['s'], ['a'])]],
    ['Mul of two live tensors', [node('Relu', ['z'], ['r']), node('Mul', ['r', 'z'], ['a'])]],
    [
      'LayerNormalization',
      [node('LayerNormalization', ['z', 'four'], ['n'], { axis: -1 }), node('Relu', ['n'], ['a'])],
    ],
  ];

  it.each(CURVED)('%s is named, by the network and by inspect', async (name, nodes) => {
    const net = around([...nodes], [floatTensor('four', [4], normals(4, 9))]);
    const file = await save(folder, `${name.replaceAll(' ', '-')}.onnx`, net);
    const network = await openFile(file, [3]);
    open.push(network);
    expect(network.inexact('input')).toEqual([name]);
    await expect(network.piecewise({ from: 'input' })).rejects.toThrow(
      new RegExp(`behind x it is not \\(${name}\\)`),
    );
    const { geometry } = await onnxModels.inspect({ file, taps: 'auto' }, { granularity: 'image' });
    const kinds = new Map(geometry!.operators.map(({ op, kind }) => [op, kind]));
    expect(kinds.get(name.split(' ')[0]!)).toBe('not piecewise linear');
    expect(kinds.get('Relu')).toBe('piecewise linear');
    expect(geometry!.startSpaces!.find((space) => space.name === 'input')!.inexact).toEqual([name]);
    const lines = geometryLines(geometry!, 1).join('\n');
    expect(lines).toContain(`no: ${name}`);
    expect(lines).toMatch(/Relu +1 +piecewise linear/);
  });

  it('LRN before the space does not matter behind it', async () => {
    const nodes = [
      node('Unsqueeze', ['z', 'last'], ['wide']),
      node('LRN', ['wide'], ['local'], { size: 3 }),
      node('Squeeze', ['local', 'last'], ['n']),
      node('Relu', ['n'], ['r']),
      node('MatMul', ['r', 'square'], ['m']),
      node('Relu', ['m'], ['s']),
      node('Neg', ['s'], ['a']),
    ];
    const net = around(nodes, [intTensor('last', [2, 3]), floatTensor('square', [4, 4], normals(16, 5))]);
    const network = await openFile(await save(folder, 'lrn.onnx', net), [3]);
    open.push(network);
    expect(network.inexact('input')).toEqual(['LRN']);
    expect(network.inexact('n')).toEqual([]);
    const behind = await network.piecewise({ from: 'n' });
    expect(behind.taps.map(({ name }) => name)).toEqual(['n', 'm']);
    await behind.close();
  });

  it('a piecewise-linear graph is exact from all of its spaces', async () => {
    const file = await save(folder, 'exact.onnx', inceptionBlock().net);
    const { geometry } = await onnxModels.inspect({ file, taps: 'auto' }, { granularity: 'image' });
    expect(new Set(geometry!.operators.map(({ kind }) => kind))).toEqual(
      new Set(['affine', 'piecewise linear']),
    );
    expect(geometry!.startSpaces!.every(({ inexact }) => inexact.length === 0)).toBe(true);
  });
});

function batch(data: Float32Array, dims: readonly number[]): InputTensor {
  return { type: 'float32', data, dims };
}

function gap(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}

/** A text model in which a token's vector is its own, or a sum over those up to it or from it on. */
function lookingNet(look: 'looks at itself' | 'looks back' | 'looks ahead') {
  const net = tokenNet(['op', 'tanh-pow']);
  const graph = net.graph!;
  if (look === 'looks at itself') return net;
  graph.node[0] = { ...graph.node[0]!, output: ['own'] };
  graph.node.splice(
    1,
    0,
    node('CumSum', ['own', 'axis'], ['sum'], look === 'looks ahead' ? { reverse: 1 } : {}),
    node('Mul', ['sum', 'half'], ['h0']),
  );
  graph.initializer.push(intTensor('axis', [1]));
  return net;
}
