// Local complexity on nets whose first-layer boundaries are known, and the regions of their points.

import { describe, expect, it } from 'vitest';
import { complexityOptions } from '#schemas/experiments/complexity.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import { complexity } from '../../activities/experiments/complexity.ts';
import type { Network } from '../../activities/experiments/network.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { DenseLayer } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

type Config = Extract<LensConfig, { experiment: 'complexity' }>;

const TRAINED = { kind: 'trained', seed: 0 } as const;
const RANDOM = { kind: 'random_init', seed: 1 } as const;

function configOf(options: object): Config {
  const complexity = complexityOptions.parse(options);
  return {
    kind: 'lens',
    experiment: 'complexity',
    seed: 3,
    profile: 'tiny',
    complexity,
  } as unknown as Config;
}

/** Units that turn on where the first coordinate passes given places; a second layer follows. */
function cutsAt(places: readonly number[]): DenseLayer[] {
  return [
    { weights: places.map(() => [1, 0]), bias: places.map((place) => -place) },
    { weights: [places.map(() => 0.01), places.map(() => -0.01)], bias: [0.3, 0.2] },
    { weights: [[1, 1]], bias: [0] },
  ];
}

/** Training points lie around 0, test points around 2; both fill [0, 1] in the second coordinate. */
const random = randomStream(1);
const POINTS = Array.from({ length: 60 }, (_, i): [number, number] => [
  Math.fround((i < 40 ? 0 : 2) + 0.2 * (random.uniform() - 0.5)),
  Math.fround(random.uniform()),
]);
const LABELS = POINTS.map((_, i) => i % 2);
const BETWEEN = Array.from({ length: 30 }, (_, i) => 0.6 + 0.8 * (i / 29));
const NEAR = Array.from({ length: 30 }, (_, i) => -0.1 + 0.2 * (i / 29));

const options = { points: 20, testFrom: 40, radii: [0.3, 0.01], directions: 2, regionPoints: 60 };
const measured = runInMemory(complexity, {
  config: configOf(options),
  samples: vectorSamples(POINTS, LABELS),
  networks: [denseNetwork(cutsAt(BETWEEN), TRAINED), denseNetwork(cutsAt(NEAR), RANDOM)],
});

describe('local complexity', () => {
  it('measures so many points of each split at every radius and layer, random ones in the box of the others', async () => {
    const { plan, tables } = await measured;
    const { split, n_vertices } = tables.local_complexity!;
    for (const name of ['train', 'test', 'random'])
      expect(split!.filter((cell) => cell === name).length).toBe(2 * 20 * 2 * 2);
    expect(new Set(n_vertices)).toEqual(new Set([4]));
    expect(plan.design.train.every((sample) => sample < 40)).toBe(true);
    expect(plan.design.test.every((sample) => sample >= 40)).toBe(true);
  });

  it('counts the boundaries of the first layer that two orthonormal directions reach', async () => {
    const { tables } = await measured;
    const { model, split, point_id, layer_id, radius, crossing_units, fraction } = tables.local_complexity!;
    let seen = 0;
    model!.forEach((name, row) => {
      if (split![row] === 'random' || layer_id![row] !== 0) return;
      const places = name === 'trained' ? BETWEEN : NEAR;
      const distances = places.map((place) => Math.abs(POINTS[point_id![row] as number]![0] - place));
      const count = crossing_units![row] as number;
      // In the plane the two directions span everything: the larger first coordinate is between r / sqrt 2 and r.
      const r = radius![row] as number;
      expect(count).toBeLessThanOrEqual(distances.filter((d) => d < r + 1e-6).length);
      expect(count).toBeGreaterThanOrEqual(distances.filter((d) => d < r / Math.SQRT2 - 1e-6).length);
      expect(fraction![row]).toBe(count / 30);
      seen += count;
    });
    expect(seen).toBeGreaterThan(0);
  });

  it('finds planted boundaries between the data sparser around data, and those among the training data denser', async () => {
    const { claims } = (await measured).conclusion;
    const found = (claim: string, model: string) =>
      claims.find((one) => one.claim.includes(claim) && one.model === model && one.span === 'radius 0.3')!;
    expect(found('around data than around random points', 'trained').verdict).toBe('supported');
    expect(found('around training than around test', 'random_init:1').verdict).toBe('reversed');
    expect(found('than in its untrained copies', 'trained').verdict).toBe('supported');
    expect(found('than in its untrained copies', 'trained').n).toBe(40);
  });

  it('describes the regions of all points, tap by tap', async () => {
    const { model, layer_id, count, centroid, purity, n_neighbors_h1 } = (await measured).tables
      .region_geometry!;
    const rows = Array.from(model!.keys()).filter((row) => model![row] === 'trained' && layer_id![row] === 0);
    // No boundary runs through either cloud, and 30 bits tell them apart.
    expect(rows.map((row) => count![row])).toEqual([40, 20]);
    expect(rows.map((row) => n_neighbors_h1![row])).toEqual([0, 0]);
    expect(rows.map((row) => purity![row])).toEqual([0.5, 0.5]);
    const { class_ids, class_counts, boundary_distance } = (await measured).tables.region_geometry!;
    expect(rows.map((row) => [...(class_ids![row] as Int32Array)])).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(rows.map((row) => [...(class_counts![row] as Int32Array)])).toEqual([
      [20, 20],
      [10, 10],
    ]);
    // The nearest of the planted places, from the nearest of the points.
    for (const [i, cloud] of [POINTS.slice(0, 40), POINTS.slice(40)].entries()) {
      const gaps = cloud.flatMap(([x]) => BETWEEN.map((place) => Math.abs(x - place)));
      expect(boundary_distance![rows[i]!]).toBeCloseTo(Math.min(...gaps), 5);
    }
    const behind = Array.from(model!.keys()).filter((row) => layer_id![row] !== 0);
    expect(behind.every((row) => boundary_distance![row] === null)).toBe(true);
    const mean = POINTS.slice(40).reduce((sum, [x]) => sum + x / 20, 0);
    for (const [unit, value] of (centroid![rows[1]!] as Float32Array).entries())
      expect(value).toBeCloseTo(mean - BETWEEN[unit]!, 5);
    const all = Array.from(model!.keys()).filter(
      (row) => model![row] === 'random_init:1' && layer_id![row] === 0,
    );
    expect(all.reduce((sum, row) => sum + (count![row] as number), 0)).toBe(60);
    // Thresholds on one axis: visited codes form a chain.
    expect(Math.max(...all.map((row) => n_neighbors_h1![row] as number))).toBeLessThanOrEqual(2);
  });

  it('leaves the region table out where it is not asked for', async () => {
    const run = await runInMemory(complexity, {
      config: configOf({ ...options, regionPoints: 0 }),
      samples: vectorSamples(POINTS, null),
      networks: [denseNetwork(cutsAt(NEAR), TRAINED)],
    });
    expect(run.tables.region_geometry).toBeUndefined();
  });

  it('refuses a test part behind the data, and token ids', async () => {
    const run = (network: Network, more: object) =>
      runInMemory(complexity, {
        config: configOf({ ...options, ...more }),
        samples: vectorSamples(POINTS, null),
        networks: [network],
      });
    const net = denseNetwork(cutsAt(NEAR), TRAINED);
    for (const testFrom of [60, 61])
      await expect(run(net, { testFrom })).rejects.toThrow(
        `the test part begins behind the last sample (${testFrom} of 60`,
      );
    await expect(run({ ...net, text: true }, {})).rejects.toThrow('token ids');
  });
});
