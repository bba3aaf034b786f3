// Data with too little of a class, experiment by experiment: a clear fault where the question has no answer without it, else
// rows that leave it out.

import { describe, expect, it } from 'vitest';
import { lensConfig } from '#schemas/lens-config.ts';
import { experimentNamed } from '../../activities/experiments/experiments.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { randomLayers } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const random = randomStream(41);
const POINTS = Array.from({ length: 60 }, (_, i) =>
  Array.from({ length: 4 }, (__, k) => Math.fround(random.normal() + (k === i % 2 ? 2 : 0))),
);
const LONE = 17;
/** Two classes, and one of a single image. */
const WITH_LONE = POINTS.map((_, i) => (i === LONE ? 2 : i % 2));
/** Every image its own class. */
const ALL_ALONE = POINTS.map((_, i) => i);

const SMALL = {
  density: { exactPairs: 5, pointsPerClass: 6 },
  interpolation: { chains: 3, images: 2, bins: 8, samples: 8, shifts: 99 },
  paths: { pairs: { intra: 4, inter: 4 } },
  slice: { planes: 2, margin: 0 },
  clusters: {
    minClusterSize: 5,
    minSamples: 1,
    selection: 'eom',
    span: 'layer1',
    feature: 'code',
    shuffles: 19,
    components: 2,
  },
  code_directions: { components: 2, span: 'layer1', topPoints: 5 },
  scaling: { points: 4, cases: 6, reference: 60, probes: 2, factors: { count: 3 } },
  complexity: { points: 20, radii: [0.5], directions: 2, regionPoints: 60 },
  perturbation: { points: 4 },
} as const;

function run(name: keyof typeof SMALL, labels: readonly number[] | null, options: object = {}) {
  const config = lensConfig.parse({
    kind: 'lens',
    experiment: name,
    run: 'thin',
    seed: 2,
    model: { file: 'model.onnx' },
    dataset: { format: 'npy', data: 'points.npy' },
    [name]: { ...SMALL[name], ...options },
  });
  return runInMemory(experimentNamed(name), {
    config,
    samples: vectorSamples(POINTS, labels),
    networks: [denseNetwork(randomLayers([4, 24, 8, 3], randomStream(6)), { kind: 'trained', seed: 0 })],
  });
}

describe('a class with one image', () => {
  it.each(['density', 'interpolation'] as const)('has no pair: %s names it', async (name) => {
    await expect(run(name, WITH_LONE)).rejects.toMatchObject({
      fault: { kind: 'data-invalid', what: 'a class with one point has no pair', where: 'class 2, point 17' },
    });
  });

  it('is in no pair within classes, but in pairs between them', async () => {
    const { tables } = await run('paths', WITH_LONE, { pairs: { intra: 4, inter: 100 } });
    const { point_a, point_b, same_class } = tables.paths!;
    const touching = [...point_a!.keys()].filter((row) => point_a![row] === LONE || point_b![row] === LONE);
    expect(touching.length).toBeGreaterThan(0);
    expect(touching.map((row) => same_class![row])).toEqual(touching.map(() => false));
    await expect(run('paths', ALL_ALONE)).rejects.toMatchObject({
      fault: {
        kind: 'data-invalid',
        what: expect.stringContaining('a class with one point has none'),
        value: '0, 4 asked for',
      },
    });
  });

  it('may be what a plane goes through', async () => {
    const { plan, tables } = await run('slice', WITH_LONE);
    expect((plan.design as { planes: number[][] }).planes.every((plane) => plane.includes(LONE))).toBe(true);
    expect(tables.slices!.n_polygons!.every((count) => Number(count) > 1)).toBe(true);
  });

  it.each(['clusters', 'code_directions', 'complexity', 'perturbation'] as const)(
    'is a class like others to %s',
    async (name) => {
      const { tables, conclusion } = await run(name, WITH_LONE);
      expect(Object.values(tables).every((table) => Object.values(table)[0]!.length > 0)).toBe(true);
      for (const { effect } of conclusion.claims)
        expect(effect === null || Number.isFinite(effect)).toBe(true);
      // Agreement with its class at a point of its own, never more than all.
      for (const purity of (tables.clusters?.purity ?? []) as (number | null)[]) {
        expect(purity === null || (purity > 0 && purity <= 1)).toBe(true);
      }
    },
  );

  it('has a mean of its own among the directions of scaling', async () => {
    const { tables } = await run('scaling', WITH_LONE, { directions: ['class_mean'], cases: 30 });
    const directions = new Set(tables.scaling!.direction!.map(String));
    expect([...directions].some((direction) => direction.startsWith('class_mean'))).toBe(true);
    for (const theta of tables.scaling!.theta_rad!) expect(Number.isNaN(theta)).toBe(false);
  });
});

describe('data of one class', () => {
  const one = POINTS.map(() => 0);

  it.each(['density', 'interpolation'] as const)('has nothing between classes: %s says so', async (name) => {
    await expect(run(name, one)).rejects.toMatchObject({
      fault: { kind: 'data-invalid', what: 'pairs between classes need at least two classes', value: '1' },
    });
  });

  it('leaves clusters all pure, and agreement with labels without an answer', async () => {
    const { tables, conclusion } = await run('clusters', one);
    expect(new Set(tables.clusters!.purity)).toEqual(new Set([1]));
    expect(conclusion.claims.filter(({ verdict }) => verdict === 'supported')).toEqual([]);
  });
});

describe('fewer points than are asked for', () => {
  it('than a cluster needs are refused, here and where codes are clustered', async () => {
    await expect(run('clusters', WITH_LONE, { minClusterSize: 61 })).rejects.toMatchObject({
      fault: { kind: 'data-invalid', where: 'dataset.rows', value: '60 points, 61 needed' },
    });
  });
});
