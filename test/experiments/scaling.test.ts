// E1 and E8 on nets whose boundaries are known, and on random ones against forward passes of the scaled point.

import { describe, expect, it } from 'vitest';
import { scalingOptions } from '#schemas/experiments/scaling.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { Network } from '../../activities/experiments/network.ts';
import { factorsOf, scaling } from '../../activities/experiments/scaling.ts';
import type { ScalingConfig } from '../../activities/experiments/scaling-design.ts';
import { scaledSpaces } from '../../activities/experiments/scaling-spaces.ts';
import { type DenseLayer, denseNet, randomLayers } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { type MemoryRun, runInMemory, vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const RANDOM = { kind: 'random_init', seed: 1 } as const;

function configOf(options: object): ScalingConfig {
  return {
    kind: 'lens',
    experiment: 'scaling',
    seed: 5,
    profile: 'tiny',
    scaling: scalingOptions.parse(options),
  } as unknown as ScalingConfig;
}

type Rows = Record<string, unknown>[];
function rowsOf({ tables }: MemoryRun<unknown>, table: string): Rows {
  const columns = Object.entries(tables[table] ?? {});
  return Array.from({ length: columns[0]?.[1].length ?? 0 }, (_, row) =>
    Object.fromEntries(columns.map(([name, cells]) => [name, cells[row]])),
  );
}

const random = randomStream(9);
const POINTS = Array.from({ length: 30 }, () =>
  Array.from({ length: 5 }, () => Math.fround(random.normal())),
);
const LABELS = POINTS.map((_, i) => i % 3);
const LAYERS = randomLayers([5, 14, 12, 3], randomStream(2));
const small = { points: 12, cases: 24, reference: 30, probes: 8, factors: { count: 9 } };
const measured = runInMemory(scaling, {
  config: configOf(small),
  samples: vectorSamples(POINTS, LABELS),
  networks: [
    denseNetwork(LAYERS, TRAINED),
    denseNetwork(randomLayers([5, 14, 12, 3], randomStream(3)), RANDOM),
  ],
});

describe('scaling (E1)', () => {
  it('measures the input and the space behind the first layer, in all models and kinds of direction', async () => {
    const rows = rowsOf(await measured, 'scaling');
    const kinds = new Set(rows.map(({ direction }) => String(direction).split(':')[0]));
    expect(kinds).toEqual(new Set(['whole', 'neuron', 'pca', 'nmf', 'class_mean', 'random']));
    expect(new Set(rows.map(({ space }) => space))).toEqual(new Set(['input', 'act1']));
    expect(new Set(rows.map(({ model }) => model))).toEqual(
      new Set(['trained', 'bias_free', 'random_init:1']),
    );
  });

  it('keeps code, class and angle of the bias-free copy exactly', async () => {
    const copy = rowsOf(await measured, 'scaling').filter(({ model }) => model === 'bias_free');
    expect(copy.length).toBe(12 * 9 * (2 + 1));
    const classes = new Map<unknown, unknown>();
    for (const { hamming, crossings, theta_rad, pred_class, point_id, space } of copy) {
      expect([hamming, crossings]).toEqual([0, 0]);
      expect(theta_rad as number).toBeLessThan(1e-12);
      const key = `${space} ${point_id}`;
      expect(pred_class).toBe(classes.get(key) ?? pred_class);
      classes.set(key, pred_class);
    }
  });

  it('agrees with forward passes of the scaled input in code and class', async () => {
    const net = denseNet(LAYERS);
    const rows = rowsOf(await measured, 'scaling').filter(
      ({ model, space, direction }) => model === 'trained' && space === 'input' && direction === 'whole',
    );
    expect(rows.length).toBe(12 * 9 * 2);
    for (const { point_id, alpha, later_layer_id, hamming, pred_class } of rows) {
      const point = Float64Array.from(POINTS[point_id as number]!);
      const [before, after] = [point, point.map((x) => x * (alpha as number))].map((x) => net.forward(x));
      const z = (states: Float64Array[]) => states[later_layer_id as number]!;
      const differing = z(before!).filter((value, i) => value > 0 !== z(after!)[i]! > 0).length;
      expect(hamming).toBe(differing);
      expect(pred_class).toBe(after!.at(-1)!.indexOf(Math.max(...after!.at(-1)!)));
    }
  });

  it('crosses at least as often as bits differ, with the same parity, and nothing at the point itself', async () => {
    const rows = rowsOf(await measured, 'scaling');
    expect(rows.some(({ crossings, hamming }) => (crossings as number) > (hamming as number))).toBe(true);
    for (const { crossings, hamming, alpha, theta_rad, kl, part } of rows) {
      const excess = (crossings as number) - (hamming as number);
      expect(excess >= 0 && excess % 2 === 0).toBe(true);
      if (part === 'scale' && alpha === 1)
        expect([crossings, hamming, theta_rad ?? 0, kl]).toEqual([0, 0, 0, 0]);
    }
  });

  it('has a path for every line, with all the crossings on it', async () => {
    const run = await measured;
    const paths = rowsOf(run, 'paths');
    const keys = paths.map(({ model, path_id }) => `${model} ${path_id}`);
    expect(new Set(keys).size).toBe(keys.length);
    const scaling = rowsOf(run, 'scaling').filter(
      ({ part, direction }) => part === 'scale' && direction === 'whole',
    );
    const factors = scaling.map(({ alpha }) => Number(alpha));
    const ends = [Math.min(...factors), Math.max(...factors)];
    let compared = 0;
    for (const path of paths.filter(({ start_layer }) => start_layer === 0)) {
      const norms = Number(path.norm_b) / Number(path.norm_a);
      // Only the whole vector keeps its direction.
      if (Math.abs(norms / (ends[1]! / ends[0]!) - 1) > 1e-9) continue;
      const own = scaling.filter(
        ({ model, space, point_id, alpha }) =>
          model === path.model &&
          space === 'input' &&
          point_id === path.point_a &&
          ends.includes(Number(alpha)),
      );
      const crossed = own.reduce((sum, { crossings }) => sum + Number(crossings), 0);
      expect(crossed).toBe(path.crossings);
      compared++;
    }
    // Trained, random and without biases.
    expect(compared).toBe(3 * 12);
  });

  it('counts the boundaries between a factor and 1', async () => {
    const places = [0.5, 2, 3, 5, 8];
    const cuts: DenseLayer[] = [
      { weights: places.map(() => [1]), bias: places.map((place) => -place) },
      { weights: [[1, 1, 1, 1, 1]], bias: [0] },
    ];
    const run = await runInMemory(scaling, {
      config: configOf({ ...small, directions: ['whole'], points: 2, reference: 10, cases: 0 }),
      samples: vectorSamples([[1.5], [2.5]], null),
      networks: [denseNetwork(cuts, TRAINED)],
    });
    for (const { point_id, alpha, crossings, space } of rowsOf(run, 'scaling').filter(
      ({ model }) => model === 'trained',
    )) {
      const at = [1.5, 2.5][point_id as number]!;
      const [low, high] = [at, at * (alpha as number)].sort((a, b) => a - b) as [number, number];
      expect(space).toBe('input');
      expect(crossings).toBe(places.filter((place) => place > low && place < high).length);
    }
  });

  it('concludes per model and space, with the copy as a control that shows nothing', async () => {
    const { claims } = (await measured).conclusion;
    const changes = claims.filter(({ claim }) => claim === 'scaling a vector changes the class');
    expect(changes.map(({ model, span }) => `${model} ${span}`).sort()).toEqual(
      ['bias_free', 'random_init:1', 'trained'].flatMap((model) => [`${model} act1`, `${model} input`]),
    );
    for (const { effect, verdict, n } of changes.filter(({ model }) => model === 'bias_free'))
      expect([effect, verdict, n]).toEqual([0, 'not shown', 12]);
    expect(
      changes.find(({ model, span }) => model === 'trained' && span === 'input')!.effect,
    ).toBeGreaterThan(0);
  });
});

describe('validity radius (E8)', () => {
  // Slope 0 below 0, then 1, and -1 behind 1: f(x) = relu(x) - 2 relu(x - 1).
  const tent: DenseLayer[] = [
    { weights: [[1], [1]], bias: [0, -1] },
    { weights: [[1, -2]], bias: [0] },
  ];
  const xs = Array.from({ length: 12 }, (_, i) => Math.fround(0.15 + 0.06 * i));

  it('ends where the slope turns, on either side', async () => {
    const run = await runInMemory(scaling, {
      config: configOf({
        ...small,
        spaces: ['input'],
        directions: ['neuron'],
        points: 12,
        cases: 12,
        probes: 4,
      }),
      samples: vectorSamples(
        xs.map((x) => [x]),
        null,
      ),
      networks: [denseNetwork(tent, TRAINED)],
    });
    const rows = rowsOf(run, 'validity');
    expect(rows.length).toBe(24);
    for (const row of rows) {
      const x = xs[row.point_id as number]!;
      const end = row.side === 1 ? 1 - x : x;
      const reach = row.reach as number;
      const isWithin = end < reach;
      for (const name of ['first_crossing', 't_90', 't_50'])
        if (isWithin) expect(row[name] as number).toBeCloseTo(end, 9);
        else expect(row[name]).toBeNull();
      expect(row.crossings_at_t_90).toBe(isWithin ? 1 : null);
      const t = row.t as number;
      expect(row.jv_cos_at_t).toBe(t <= end ? 1 : row.side === 1 ? -1 : 0);
      // Behind the turn f moves on with slope -1 (or 0): off by twice (once) the way since then.
      const error = t <= end ? 0 : ((row.side === 1 ? 2 : 1) * (t - end)) / t;
      expect(row.lin_err_at_t as number).toBeCloseTo(error, 9);
      if (row.side === 1 && t > end) expect(row.affine_distance_at_t as number).toBeCloseTo(2, 9);
      if (t <= end) expect(row.affine_distance_at_t).toBe(0);
    }
    expect(
      rows.some(({ t_90 }) => t_90 !== null) && rows.some(({ side, t_90 }) => side === -1 && t_90 !== null),
    ).toBe(true);
  });

  it('compares crossings and affine distance with distance over norm in every model and space', async () => {
    const { claims } = (await measured).conclusion;
    const rivals = claims.filter(({ claim }) => claim.includes('better than distance over norm'));
    expect(rivals.length).toBe(2 * 2 * 2);
    for (const { effect, n } of rivals) {
      expect(Math.abs(effect!)).toBeLessThanOrEqual(2);
      expect(n).toBeGreaterThanOrEqual(10);
    }
  });
});

describe('what is scaled', () => {
  it.each([
    { from: 0.1, to: 10, count: 33 },
    { from: 0.3, to: 5, count: 8 },
    { from: 0.99, to: 100, count: 3 },
  ])('has 1 among the factors %o, which ascend from end to end', (range) => {
    const factors = factorsOf(range);
    expect(factors).toContain(1);
    expect([factors.length, factors[0], factors.at(-1)]).toEqual([range.count, range.from, range.to]);
    expect([...factors].sort((a, b) => a - b)).toEqual(factors);
  });

  it('is no residual stream of a transformer, and nothing by default there', () => {
    const text = { text: true, startSpaces: [{ name: 'residual' }], taps: [] } as unknown as Network;
    expect(() => scaledSpaces(text, ['residual'])).toThrow('residual stream');
    expect(() => scaledSpaces(text, 'auto')).toThrow('output of a LayerNorm');
    expect(scaledSpaces(text, ['ln_2'])).toEqual(['ln_2']);
  });

  it('may be entries of a dictionary that fit the space', async () => {
    const entries = [
      [0, 0, 2, 0, 0],
      [3, 0, 0, 0, -4],
    ];
    const asked = (more: object) =>
      runInMemory(scaling, {
        config: configOf({ ...small, spaces: ['input'], directions: ['dictionary'], ...more }),
        samples: vectorSamples(POINTS, LABELS),
        networks: [denseNetwork(LAYERS, TRAINED)],
      });
    const rows = rowsOf(await asked({ dictionary: entries }), 'validity');
    expect(new Set(rows.map(({ direction }) => direction))).toEqual(
      new Set(['dictionary:0', 'dictionary:1']),
    );
    await expect(asked({ dictionary: [[1, 0]] })).rejects.toThrow(
      /entry 0: vectors of input have 5 values.*2 values/,
    );
    await expect(asked({})).rejects.toThrow('there are no vectors');
    await expect(asked({ directions: ['whole'], dictionary: entries })).rejects.toThrow('no direction is of');
  });

  it('needs two samples', async () => {
    const run = runInMemory(scaling, {
      config: configOf(small),
      samples: vectorSamples([[1, 2, 3, 4, 5]], null),
      networks: [denseNetwork(LAYERS, TRAINED)],
    });
    await expect(run).rejects.toThrow('at least two samples');
  });
});
