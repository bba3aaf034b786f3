// E6 on a net whose answer and boundaries are known in closed form.

import { describe, expect, it } from 'vitest';
import { perturbationOptions } from '#schemas/experiments/perturbation.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { perturbation, type PerturbationConfig } from '../../activities/experiments/perturbation.ts';
import type { DenseLayer } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const RANDOM = { kind: 'random_init', seed: 1 } as const;
const LENGTH = 3;

function configOf(options: object): PerturbationConfig {
  const perturbation = perturbationOptions.parse(options);
  return {
    kind: 'lens',
    experiment: 'perturbation',
    seed: 4,
    profile: 'tiny',
    model: { file: 'model.onnx' },
    perturbation,
  } as unknown as PerturbationConfig;
}

/**
 * Logits are the first two coordinates (the units with bias 100 are always on there); further units bend at given places of
 * x - y, the margin, and reach no logit.
 */
function marginNet(places: readonly number[]): DenseLayer[] {
  const none = places.map(() => 0);
  return [
    {
      weights: [[1, 0, 0], [0, 1, 0], ...places.map(() => [1, -1, 0])],
      bias: [100, 100, ...places.map((p) => -p)],
    },
    {
      weights: [
        [1, 0, ...none],
        [0, 1, ...none],
      ],
      bias: [-100, -100],
    },
  ];
}

const random = randomStream(6);
const POINTS = Array.from({ length: 16 }, () =>
  Array.from({ length: 3 }, () => Math.fround(2 * random.normal())),
);
const PLACES = Array.from({ length: 41 }, (_, i) => (i - 20) / 4 + 0.0123);
const EVEN = PLACES.map((place) => 4 * place);

const measured = runInMemory(perturbation, {
  config: configOf({ points: 16, length: LENGTH }),
  samples: vectorSamples(POINTS, null),
  networks: [denseNetwork(marginNet(PLACES), TRAINED), denseNetwork(marginNet(EVEN), RANDOM)],
});

/** Rows of the trained net with a direction, with the sample of each. */
async function trainedRows(direction: string) {
  const table = (await measured).tables.perturbations!;
  return Array.from(table.model!.keys())
    .filter((row) => table.model![row] === 'trained' && table.direction![row] === direction)
    .map((row) => Object.fromEntries(Object.entries(table).map(([name, cells]) => [name, cells[row]])));
}

describe('perturbation', () => {
  it.each(['gradient', 'pgd'])(
    'follows the margin down in direction %s, to the known change of class',
    async (direction) => {
      const rows = await trainedRows(direction);
      expect(rows.length).toBe(16);
      for (const row of rows) {
        const [x, y] = POINTS[row.point_id as number] as [number, number];
        const gap = Math.abs(x - y);
        expect(row.pred_class).toBe(x >= y ? 0 : 1);
        expect(row.margin as number).toBeCloseTo(gap, 9);
        // The margin falls by sqrt 2 per unit of length. PGD ends in the corner of its box but for the third coordinate,
        // which keeps its random start within one epsilon: its path is at most so much longer.
        const least = gap / Math.SQRT2;
        if (direction === 'gradient') {
          const change = least < LENGTH ? least : null;
          if (change === null) expect(row.class_change).toBeNull();
          else expect(row.class_change as number).toBeCloseTo(change, 9);
          const [low, high] = x >= y ? [gap - LENGTH * Math.SQRT2, gap] : [-gap, LENGTH * Math.SQRT2 - gap];
          expect(row.crossings).toBe(PLACES.filter((place) => place > low && place < high).length);
        } else if (row.class_change !== null) {
          expect(row.class_change as number).toBeGreaterThanOrEqual(least - 1e-9);
          expect(row.class_change as number).toBeLessThanOrEqual(least * Math.sqrt(1.5) + 1e-9);
        }
      }
      expect(rows.some(({ class_change }) => class_change !== null)).toBe(true);
    },
  );

  it('counts what lies between a sample and the way to another one', async () => {
    const { points, others } = (await measured).plan.design;
    for (const row of await trainedRows('other_image')) {
      const at = points.indexOf(row.point_id as number);
      const [from, to] = [POINTS[points[at]!]!, POINTS[others[at]!]!];
      const distance = Math.hypot(...from.map((value, i) => to[i]! - value));
      const end = from.map((value, i) => value + (LENGTH * (to[i]! - value)) / distance);
      const margins = [from[0]! - from[1]!, end[0]! - end[1]!].sort((a, b) => a - b);
      const passed = PLACES.filter((place) => place > margins[0]! && place < margins[1]!);
      expect(row.crossings).toBe(passed.length);
      expect(row.crossings_per_length as number).toBeCloseTo(passed.length / LENGTH, 12);
      const rate = Math.abs(margins[1]! - margins[0]!) / LENGTH;
      const nearest = Math.min(...passed.map((place) => Math.abs(place - (from[0]! - from[1]!)))) / rate;
      if (passed.length === 0) expect(row.first_crossing).toBeNull();
      else expect(row.first_crossing as number).toBeCloseTo(nearest, 9);
    }
  });

  it('splits crossings at the change of class', async () => {
    for (const row of await trainedRows('gradient')) {
      if (row.class_change === null) expect(row.crossings_before_change).toBeNull();
      else {
        const [x, y] = POINTS[row.point_id as number] as [number, number];
        const [low, high] = [Math.min(0, x - y), Math.max(0, x - y)];
        expect(row.crossings_before_change).toBe(
          PLACES.filter((place) => place > low && place < high).length,
        );
      }
    }
  });

  it('writes the shared tables for the same paths, all of one length', async () => {
    const { tables, plan } = await measured;
    expect(tables.paths!.path_id).toEqual(tables.perturbations!.path_id);
    expect(tables.paths!.crossings).toEqual(tables.perturbations!.crossings);
    expect(new Set(tables.paths!.length)).toEqual(new Set([LENGTH]));
    const layers = tables.path_layers!;
    for (const ratio of layers.trajectory_ratio!) expect(ratio as number).toBeGreaterThan(0);
    expect(plan.design.others.every((other, i) => other !== plan.design.points[i])).toBe(true);
    const changes = tables.path_outputs!.is_class_change!.filter((cell) => cell === true).length;
    expect(changes).toBe(tables.perturbations!.class_change!.filter((cell) => cell !== null).length);
  });

  it('says that the gradient meets more boundaries than a random direction, as all of them cut the margin', async () => {
    const { claims } = (await measured).conclusion;
    const trained = claims.find(
      ({ claim, model, span }) =>
        claim.startsWith('more boundaries') && model === 'trained' && span === 'gradient / gaussian',
    )!;
    expect(trained.verdict).toBe('supported');
    expect(claims.filter(({ claim }) => claim.includes('untrained')).length).toBe(4);
  });

  it('takes half the median distance of samples where no length is given', async () => {
    const run = await runInMemory(perturbation, {
      config: configOf({ points: 3 }),
      samples: vectorSamples(
        [
          [0, 0, 0],
          [0, 0, 4],
          [0, 4, 0],
          [4, 0, 0],
        ],
        null,
      ),
      networks: [denseNetwork(marginNet(PLACES), TRAINED)],
    });
    // Distances are 4 and sqrt 32 only.
    expect([2, Math.sqrt(8)].some((half) => Math.abs(run.plan.design.length - half) < 1e-12)).toBe(true);
  });

  it('refuses data without distances, models without two classes and models that are not piecewise linear', async () => {
    const net = denseNetwork(marginNet(PLACES), TRAINED);
    const run = (network: typeof net, points: number[][]) =>
      runInMemory(perturbation, {
        config: configOf({}),
        samples: vectorSamples(points, null),
        networks: [network],
      });
    await expect(
      run(net, [
        [1, 1, 1],
        [1, 1, 1],
      ]),
    ).rejects.toThrow('most samples are equal');
    await expect(run({ ...net, classes: 1 }, POINTS)).rejects.toThrow('two classes or more');
    await expect(run({ ...net, inexact: () => ['Gelu'] }, POINTS)).rejects.toThrow(
      'model.onnx: exact gradients',
    );
  });
});
