// Single paths and E7: rows against an independent solver, drawn pairs, tokens, and what is refused.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathsOptions } from '#schemas/experiments/paths.ts';
import type { Samples } from '../../activities/experiments/experiment.ts';
import type { Network } from '../../activities/experiments/network.ts';
import { paths } from '../../activities/experiments/paths.ts';
import type { PathsConfig } from '../../activities/experiments/paths-design.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { save, tokenNet } from '../infra/models/onnx/nets.ts';
import { openFile } from '../infra/models/onnx/network/open-net.ts';
import { inceptionBlock } from '../infra/models/onnx/network/small-nets.ts';
import { eventDrivenFlips } from '../oracle/event-driven-crossings.ts';
import { randomLayers } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import {
  cutsAt,
  EVEN,
  LABELS as PLANTED_LABELS,
  PLACES,
  POINTS as PLANTED,
  RANDOM,
} from './planted-classes.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const random = randomStream(5);
const LAYERS = randomLayers([6, 16, 16, 3], random);
const POINTS = Array.from({ length: 40 }, () =>
  Array.from({ length: 6 }, () => Math.fround(1.5 * random.normal())),
);
const LABELS = POINTS.map((_, i) => i % 4);
const dense = denseNetwork(LAYERS, TRAINED);

function configOf(options: object): PathsConfig {
  const section = pathsOptions.parse(options);
  return {
    kind: 'lens',
    experiment: 'paths',
    seed: 3,
    profile: 'tiny',
    paths: section,
  } as unknown as PathsConfig;
}

function run(options: object, { samples = vectorSamples(POINTS, LABELS), network = dense } = {}) {
  return runInMemory(paths, { config: configOf(options), samples, networks: [network] });
}

describe('listed pairs', () => {
  const pairs = [
    [3, 17],
    [8, 4],
    [0, 39],
  ] as const;

  it('have the crossings of the event-driven solver, path by path and bin by bin', async () => {
    const { tables, plan, conclusion } = await run({ pairs, crossings: true, bins: 10 });
    expect(plan.points).toEqual([0, 3, 4, 8, 17, 39]);
    expect(conclusion).toEqual({ claims: [], rows: [], notices: [] });
    pairs.forEach(([a, b], path) => {
      const flips = eventDrivenFlips(LAYERS, POINTS[a]!, POINTS[b]!);
      const at = (table: string, column: string) =>
        tables[table]![column]!.filter((_, row) => tables[table]!.path_id![row] === path);
      expect(at('crossings', 't').map(Number)).toHaveLength(flips.length);
      at('crossings', 't').forEach((t, i) => {
        expect(Number(t)).toBeCloseTo(flips[i]!.t, 9);
      });
      expect(at('crossings', 'unit')).toEqual(flips.map(({ unit }) => unit));
      expect(at('crossings', 'to_on')).toEqual(flips.map(({ toOn }) => toOn));
      expect(at('paths', 'crossings')).toEqual([flips.length]);
      for (const layer of [0, 1]) {
        const own = flips.filter(({ tap }) => tap === layer);
        expect(at('path_layers', 'crossings')[layer]).toBe(own.length);
        const bins = at('crossing_bins', 'crossings').slice(10 * layer, 10 * layer + 10);
        expect(bins).toEqual(
          Array.from({ length: 10 }, (_, bin) => own.filter(({ t }) => Math.floor(10 * t) === bin).length),
        );
      }
      const length = Math.hypot(...POINTS[a]!.map((x, i) => x - POINTS[b]![i]!));
      expect(at('paths', 'length')[0]).toBeCloseTo(length, 12);
      expect(at('paths', 'rho_x')[0]).toBeCloseTo(flips.length / length, 12);
      expect(at('paths', 'same_class')).toEqual([LABELS[a] === LABELS[b]]);
      expect([at('paths', 'point_a'), at('paths', 'point_b')]).toEqual([[a], [b]]);
    });
    expect(tables.paths!.exact).toEqual([true, true, true]);
    expect(tables.paths!.soft_dist).toEqual([null, null, null]);
  });

  it('have the answers of the model at equal steps, and where they change', async () => {
    const { tables } = await run({ pairs: [[3, 17]], steps: 20 });
    const { t, pred_class, is_class_change, prob, kl_from_start } = tables.path_outputs!;
    const regular = t!.filter((_, row) => is_class_change![row] === false);
    expect(regular).toEqual(Array.from({ length: 21 }, (_, i) => i / 20));
    expect(kl_from_start![0]).toBe(0);
    for (const [row, place] of t!.entries()) {
      const point = POINTS[3]!.map((x, i) => x + Number(place) * (POINTS[17]![i]! - x));
      const logits = outputsAt(point);
      const best = Math.max(...logits);
      const chance = 1 / logits.reduce((sum, value) => sum + Math.exp(value - best), 0);
      expect(Number(prob![row])).toBeCloseTo(chance, 6);
      if (is_class_change![row] === false) expect(pred_class![row]).toBe(logits.indexOf(best));
      // At a change two classes tie.
      else expect(logits.filter((value) => Math.abs(value - best) < 1e-9)).toHaveLength(2);
    }
  });

  it('lie on arcs where asked', async () => {
    const { tables } = await run({ pairs, curve: 'slerp', chords: 32, space: 'act1' });
    expect(tables.paths!.kind).toEqual(['slerp', 'slerp', 'slerp']);
    expect(tables.paths!.start_layer).toEqual([1, 1, 1]);
    expect(new Set(tables.path_layers!.layer_id)).toEqual(new Set([1]));
  });
});

describe('drawn pairs', () => {
  it('are different ones within and between classes, the same for the same seed', async () => {
    const { plan } = await run({ pairs: { intra: 30, inter: 50 } });
    const { pairs, sameClass } = plan.design;
    expect(new Set(pairs.map(String)).size).toBe(80);
    pairs.forEach(([a, b], i) => {
      expect(a).toBeLessThan(b);
      expect(LABELS[a] === LABELS[b]).toBe(i < 30);
      expect(sameClass[i]).toBe(i < 30);
    });
    expect((await run({ pairs: { intra: 30, inter: 50 } })).plan.design).toEqual(plan.design);
  });

  it('may be all that there are, and any without labels', async () => {
    // 4 classes of 10: 4 x 45 pairs within.
    const { plan } = await run({ pairs: { intra: 180, inter: 0 } });
    expect(new Set(plan.design.pairs.map(String)).size).toBe(180);
    const unlabelled = await run({ pairs: { any: 25 } }, { samples: vectorSamples(POINTS, null) });
    expect(unlabelled.plan.design.pairs).toHaveLength(25);
    expect(new Set(unlabelled.tables.paths!.same_class)).toEqual(new Set([null]));
  });

  it('are compared within and between classes, layer by layer, with random nets', async () => {
    const done = runInMemory(paths, {
      config: configOf({ pairs: { intra: 60, inter: 60 } }),
      samples: vectorSamples(PLANTED, PLANTED_LABELS),
      networks: [denseNetwork(cutsAt(PLACES), TRAINED), denseNetwork(cutsAt(EVEN), RANDOM)],
    });
    const { tables, conclusion } = await done;
    const { model, same_class, crossings, length } = tables.paths!;
    const mean = (name: string, same: boolean) => {
      const rows = [...model!.keys()].filter((row) => model![row] === name && same_class![row] === same);
      return rows.reduce((sum, row) => sum + Number(crossings![row]) / Number(length![row]), 0) / rows.length;
    };
    const effects = ['trained', 'random_init:1'].map((name) => mean(name, false) / mean(name, true));
    const claims = conclusion.claims.filter(({ claim }) => claim.startsWith('crossings are denser'));
    // The net has one layer: it is all of them.
    expect(claims.map(({ model: name, span }) => [name, span])).toEqual([
      ['trained', 'all layers'],
      ['trained', 'layer 0'],
      ['random_init:1', 'all layers'],
      ['random_init:1', 'layer 0'],
    ]);
    claims.forEach(({ effect }, i) => {
      expect(effect).toBeCloseTo(effects[i >> 1]!, 9);
    });
    expect(claims[0]!.verdict).toBe('supported');
    const against = conclusion.claims.find(({ claim }) => claim.includes('larger than in random nets'))!;
    expect(against.effect).toBeCloseTo(effects[0]! / effects[1]!, 9);
    expect(against.verdict).toBe('supported');
  });

  it('that coincide have no row, and are counted in a notice', async () => {
    const doubled = [...POINTS.slice(0, 3), POINTS[0]!];
    const { tables, conclusion } = await run(
      { pairs: { any: 6 } },
      { samples: vectorSamples(doubled, null) },
    );
    expect(tables.paths!.path_id).toHaveLength(5);
    expect(conclusion.notices).toEqual(['1 pairs coincide in trained: they have no row']);
  });
});

describe('what is refused', () => {
  it.each([
    ['a row that is not there', { pairs: [[0, 40]] }, /paths\.pairs: there is no such point: .*\(40\)/],
    ['identical rows', { pairs: [[7, 7]] }, /identical end points.*\[7, 7\]/],
    [
      'more pairs than there are',
      { pairs: { intra: 181, inter: 0 } },
      /not enough pairs within classes.*180, 181/,
    ],
    ['an unknown space', { pairs: [[0, 1]], space: 'nowhere' }, /paths\.space: .*nowhere/],
    ['a space behind all taps', { pairs: [[0, 1]], space: 'act2' }, /no tap lies behind/],
  ])('%s', async (_, options, message) => {
    await expect(run(options)).rejects.toThrow(message);
  });

  it('classes without labels, and listed rows that are equal', async () => {
    const samples = vectorSamples([POINTS[0]!, POINTS[0]!], null);
    await expect(run({ pairs: { intra: 1, inter: 1 } }, { samples })).rejects.toThrow(
      /dataset\.labels: .*need labels/,
    );
    await expect(run({ pairs: [[0, 1]] }, { samples })).rejects.toThrow(
      /path 0, from point 0 to point 1: identical/,
    );
  });
});

describe('ONNX models', () => {
  let folder: string;
  const open: Network[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'paths-'));
  });
  afterAll(async () => {
    for (const network of open) await network.close();
    await rm(folder, { recursive: true });
  });

  it('with max-pools: pools are layers behind the taps, and count in no density', async () => {
    const { net, shape } = inceptionBlock();
    const network = await openFile(await save(folder, 'inception.onnx', net), shape);
    open.push(network);
    const images = Array.from({ length: 4 }, () =>
      Array.from({ length: 42 }, () => Math.fround(random.normal())),
    );
    const samples = { ...vectorSamples(images, [0, 1, 0, 1]), shape };
    const { tables } = await run(
      {
        pairs: [
          [0, 1],
          [2, 3],
        ],
        crossings: true,
      },
      { samples, network },
    );
    const taps = network.taps.length;
    expect(network.pools.map(({ name }) => name)).toEqual(['pooled', 'small', 'top']);
    const layers = tables.path_layers!.layer_id!.slice(0, taps + 3);
    expect(layers).toEqual(Array.from({ length: taps + 3 }, (_, i) => i));
    const own = (path: number, isPool: boolean) =>
      tables.path_layers!.crossings!.filter(
        (_, row) =>
          tables.path_layers!.path_id![row] === path &&
          Number(tables.path_layers!.layer_id![row]) >= taps === isPool,
      );
    const sum = (cells: unknown[]) => cells.map(Number).reduce((a, b) => a + b, 0);
    for (const path of [0, 1]) {
      expect(tables.paths!.crossings![path]).toBe(sum(own(path, false)));
      expect(sum(own(path, true))).toBeGreaterThan(0);
    }
    const { kind, layer_id, unit, channel, y, x } = tables.crossings!;
    kind!.forEach((name, row) => {
      expect(name).toBe(Number(layer_id![row]) >= taps ? 'pool' : 'relu');
      const tap = [...network.taps, ...network.pools][Number(layer_id![row])]!;
      if (tap.height * tap.width === 1) return;
      const bit = (Number(channel![row]) * tap.height + Number(y![row])) * tap.width + Number(x![row]);
      expect(bit).toBe(unit![row]);
    });
  });

  it('of text: one token moves, the first block is crossed as often as bits differ, and nothing is exact', async () => {
    const network = await openFile(await save(folder, 'tokens.onnx', tokenNet(['op', 'tanh-pow'])), [5]);
    open.push(network);
    const samples = textSamples(12, 5, 13);
    const pairs = { pairs: { intra: 3, inter: 3 }, alike: 'token', space: 'ln0' };
    const { tables, plan, conclusion } = await run(pairs, { samples, network });
    expect(plan.points).toEqual([]);
    expect(plan.notices.join()).toMatch(/sampled lower bounds: .*Gelu/);
    expect(plan.design.sameClass).toEqual([true, true, true, false, false, false]);
    // Without attention and positions a token has the same vector wherever it stands.
    expect(conclusion.notices).toEqual(['3 pairs coincide in trained: they have no row']);
    expect(tables.paths!.path_id).toEqual([3, 4, 5]);
    expect(tables.paths!.exact).toEqual([false, false, false]);
    for (const [row, layer] of tables.path_layers!.layer_id!.entries()) {
      const [crossings, hamming] = [tables.path_layers!.crossings![row], tables.path_layers!.hamming![row]];
      // Pre-activations of block 0 are affine in what its LayerNorm gives.
      if (layer === 0) expect(crossings).toBe(hamming);
      else expect(Number(crossings)).toBeGreaterThanOrEqual(Number(hamming));
      expect(Number(tables.path_layers!.soft_dist![row])).toBeGreaterThan(0);
    }
    expect(Number(tables.paths!.n_samples![0])).toBeGreaterThan(512);
    await expect(run({ ...pairs, space: 'input' }, { samples, network })).rejects.toThrow(
      /paths\.space: token ids/,
    );
  });
});

function outputsAt(point: readonly number[]): number[] {
  const [first, second, last] = LAYERS;
  const apply = ({ weights, bias }: (typeof LAYERS)[number], x: readonly number[]) =>
    bias.map((b, out) => x.reduce((sum, value, i) => sum + weights[out]![i]! * value, b));
  const relu = (z: readonly number[]) => z.map((value) => Math.max(value, 0));
  return apply(last!, relu(apply(second!, relu(apply(first!, point)))));
}

/** Sequences of random token ids. */
function textSamples(count: number, length: number, vocabulary: number): Samples {
  const ids = Array.from({ length: count }, () =>
    Array.from({ length }, () => BigInt(random.below(vocabulary))),
  );
  return {
    count,
    shape: [length],
    labelNames: null,
    classes: null,
    labels: async () => null,
    async read(numbers) {
      const chosen = Array.from(numbers, (number) => ids[number]!);
      return {
        input: { type: 'int64', data: BigInt64Array.from(chosen.flat()), dims: [chosen.length, length] },
        labels: null,
        sourceIds: Array.from(numbers, String),
        tokens: {
          lengths: new Int32Array(chosen.length).fill(length),
          contexts: new Array<string>(chosen.length * length).fill(''),
        },
      };
    },
  };
}
