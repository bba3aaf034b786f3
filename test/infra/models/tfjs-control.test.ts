// Control nets: deterministic in the seed, alike in shape, and only weights are touched.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readTfjsArtifacts } from '../../../infra/models/tfjs/artifacts.ts';
import { controlArtifacts } from '../../../infra/models/tfjs/control.ts';
import { loadTfjsRuntime, type TfjsRuntime } from '../../../infra/models/tfjs/runtime.ts';
import { weightRoles } from '../../../infra/models/tfjs/weight-roles.ts';
import { openOn } from '../../../infra/models/tfjs.ts';
import {
  graphNode,
  placeholder,
  sequential,
  sessionOptions,
  waves,
  writeTfjsModel,
} from './tfjs-fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'tfjs-control-'));
const KINDS = ['layers', 'graph'] as const;
let runtime: TfjsRuntime;

beforeAll(async () => {
  runtime = await loadTfjsRuntime({ device: 'cpu', threads: 1, backend: 'wasm' });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  expect(runtime.tf.memory().numTensors).toBe(0);
});

async function weightsOf(
  kind: (typeof KINDS)[number],
  control: 'none' | 'random_init' | 'weight_permuted',
  seed: number,
) {
  const artifacts = await readTfjsArtifacts(`examples/mnist-mlp/tfjs-${kind}/model.json`);
  const { weightSpecs, weightData } = controlArtifacts(runtime.tf, artifacts, { control, seed });
  let at = 0;
  return new Map(
    weightSpecs.map(({ name, shape }) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = new Float32Array(weightData.buffer.slice(at, at + 4 * count));
      at += 4 * count;
      return [name, values] as const;
    }),
  );
}

it.each(KINDS)(
  'random_init draws every weight of a %s model within ±1/sqrt(fan in), from the seed alone',
  async (kind) => {
    const [trained, fresh, again, other] = await Promise.all([
      weightsOf(kind, 'none', 7),
      weightsOf(kind, 'random_init', 7),
      weightsOf(kind, 'random_init', 7),
      weightsOf(kind, 'random_init', 8),
    ]);
    expect(again).toEqual(fresh);
    for (const [name, values] of fresh) {
      const bound = 1 / Math.sqrt(name.startsWith('fc1') ? 784 : 128);
      const most = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      expect(most).toBeLessThanOrEqual(Math.fround(bound));
      // P(no value above 0.7 of the bound) is below 0.7^10 for the smallest tensor; here the seed is fixed.
      expect(most).toBeGreaterThan(0.7 * bound);
      expect(values).not.toEqual(trained.get(name));
      expect(values).not.toEqual(other.get(name));
    }
  },
);

it.each(KINDS)(
  'weight_permuted keeps the values of every tensor of a %s model and changes their order',
  async (kind) => {
    const trained = await weightsOf(kind, 'none', 1);
    const shuffled = await weightsOf(kind, 'weight_permuted', 1);
    expect([...shuffled.keys()]).toEqual([...trained.keys()]);
    for (const [name, values] of shuffled) {
      expect(values).not.toEqual(trained.get(name));
      expect(values.slice().sort()).toEqual(trained.get(name)!.slice().sort());
    }
  },
);

it.each(KINDS)(
  'two sessions of one control of a %s model give the same codes, the trained one others',
  async (kind) => {
    const codesOf = async (control: 'none' | 'random_init') => {
      const file = `examples/mnist-mlp/tfjs-${kind}/model.json`;
      const session = await openOn(
        runtime,
        sessionOptions(file, { sampleShape: [784], model: { control }, seed: 3 }),
      );
      const { codes } = await session.encode({ type: 'float32', data: waves(8 * 784, 1), dims: [8, 784] });
      const copy = codes.map((code) => code.slice());
      await session.close();
      return copy;
    };
    const first = await codesOf('random_init');
    expect(await codesOf('random_init')).toEqual(first);
    expect(await codesOf('none')).not.toEqual(first);
  },
);

it.each(KINDS)('a trained and a control session of a %s model live side by side', async (kind) => {
  const file = `examples/mnist-mlp/tfjs-${kind}/model.json`;
  const options = (control: 'none' | 'random_init') =>
    sessionOptions(file, { sampleShape: [784], model: { control } });
  const input = { type: 'float32', data: waves(8 * 784, 2), dims: [8, 784] } as const;
  const alone = await openOn(runtime, options('none'));
  const expected = (await alone.encode(input)).codes.map((code) => code.slice());
  const control = await openOn(runtime, options('random_init'));
  const fresh = (await control.encode(input)).codes.map((code) => code.slice());
  const { codes } = await alone.encode(input);
  expect(codes).toEqual(expected);
  expect(fresh).not.toEqual(expected);
  await alone.close();
  expect((await control.encode(input)).codes).toEqual(fresh);
  await control.close();
});

it('gives roles to kernels, biases and embeddings, and to nothing else', async () => {
  const spec = (name: string, shape: number[]) => ({
    name,
    shape,
    values: waves(
      shape.reduce((a, b) => a * b, 1),
      1,
    ),
  });
  const layers = writeTfjsModel(join(folder, 'roles'), sequential([], [2]), [
    spec('e/embeddings', [7, 4]),
    spec('c/kernel', [3, 3, 4, 8]),
    spec('c/bias', [8]),
    spec('dw/depthwise_kernel', [3, 3, 8, 1]),
    spec('dw/bias', [8]),
    spec('bn/gamma', [8]),
    spec('bn/beta', [8]),
    spec('bn/moving_mean', [8]),
    spec('p/alpha', [8]),
  ]);
  const linear = (fanIn: number) => ({ kind: 'linear', fanIn });
  expect(Object.fromEntries(weightRoles(await readTfjsArtifacts(layers)))).toEqual({
    'e/embeddings': { kind: 'embedding' },
    'c/kernel': linear(36),
    'c/bias': linear(36),
    'dw/depthwise_kernel': linear(9),
    'dw/bias': linear(9),
  });
  const graph = writeTfjsModel(
    join(folder, 'graph-roles'),
    {
      node: [
        placeholder('x', [-1, 4, 4, 3]),
        graphNode('Identity', 'read', ['k']),
        graphNode('Conv2D', 'c', ['x', 'read']),
        graphNode('BiasAdd', 'b', ['c', 'kb']),
        graphNode('FusedBatchNormV3', 'n', ['b', 'g', 's', 'm', 'v']),
        graphNode('_FusedMatMul', 'd', ['n', 'w', 'wb']),
        graphNode('Mul', 'half', ['d', 'factor']),
        graphNode('AddV2', 'plus', ['half', 'one']),
      ],
    },
    [
      spec('k', [3, 3, 3, 5]),
      spec('kb', [5]),
      spec('g', [5]),
      spec('s', [5]),
      spec('m', [5]),
      spec('v', [5]),
      spec('w', [80, 6]),
      spec('wb', [6]),
      spec('factor', [1]),
      spec('one', [1]),
    ],
  );
  expect(Object.fromEntries(weightRoles(await readTfjsArtifacts(graph)))).toEqual({
    k: linear(27),
    kb: linear(27),
    w: linear(80),
    wb: linear(80),
  });
});
