// E4 on nets whose boundaries and changes of class are known.

import { describe, expect, it } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { interpolationOptions } from '#schemas/experiments/interpolation.ts';
import { interpolation } from '../../activities/experiments/interpolation.ts';
import type { InterpolationConfig } from '../../activities/experiments/interpolation-design.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import type { DenseLayer } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const RANDOM = { kind: 'random_init', seed: 1 } as const;

function configOf(options: object): InterpolationConfig {
  return {
    kind: 'lens',
    experiment: 'interpolation',
    seed: 4,
    profile: 'tiny',
    interpolation: interpolationOptions.parse(options),
  } as unknown as InterpolationConfig;
}

/** Units that turn on where x passes given places, and one that is always on, which carries the logits x and -x. */
function cutsAt(places: readonly number[]): DenseLayer[] {
  const weights = [[1, 0], ...places.map(() => [1, 0])];
  const readout = (sign: number) => [sign, ...places.map(() => 0)];
  return [
    { weights, bias: [10, ...places.map((place) => -place)] },
    { weights: [readout(1), readout(-1)], bias: [-10, 10] },
  ];
}

const random = randomStream(78);
/** Class 0 at x > 0, class 1 at x < 0, all with y around 1, so that arcs are defined. */
const POINTS = Array.from({ length: 200 }, (_, i): [number, number] => [
  Math.fround((i % 2 === 0 ? 1 : -1) * (0.2 + 1.6 * random.uniform())),
  Math.fround(1 + 0.2 * random.uniform()),
]);
const LABELS = POINTS.map((_, i) => i % 2);
const EVEN = Array.from({ length: 80 }, (_, i) => ((i + 0.5) / 80) * 4 - 2);
/** A few boundaries anywhere, many around the change of class. */
const PLACES = [
  ...EVEN.filter((_, i) => i % 2 === 0),
  ...Array.from({ length: 20 }, () => 0.1 * random.normal()),
];

const planted = runInMemory(interpolation, {
  config: configOf({ chains: 20, images: 3, bins: 32, shifts: 199 }),
  samples: vectorSamples(POINTS, LABELS),
  networks: [denseNetwork(cutsAt(PLACES), TRAINED), denseNetwork(cutsAt(EVEN), RANDOM)],
});

describe('interpolation', () => {
  it('deals chains of which no two share an image, between classes and within', async () => {
    const { plan } = await planted;
    const { legs, tracks } = plan.design;
    expect(legs).toHaveLength(2 * 20 * 2);
    expect(tracks).toEqual([
      { space: 'input', curve: 'lerp' },
      { space: 'input', curve: 'slerp' },
    ]);
    for (const { a, b, kind } of legs) expect(LABELS[a] === LABELS[b]).toBe(kind === 'within');
    const images = legs.flatMap(({ a, b, leg }) => (leg === 0 ? [a, b] : [b]));
    expect(new Set(images).size).toBe(2 * 20 * 3);
    expect(plan.points).toEqual([...images].sort((x, y) => x - y));
  });

  it('finds the changes of class where x changes its sign', async () => {
    const { plan, tables } = await planted;
    const { path_id, class_changes, curve } = tables.interpolation_legs!;
    class_changes!.forEach((changes, row) => {
      const { a, b, kind } = plan.design.legs[Math.floor(Number(path_id![row]) / 2)]!;
      const [p, q] = [POINTS[a]![0], POINTS[b]![0]];
      expect((changes as number[]).length).toBe(kind === 'between' ? 1 : 0);
      if (kind === 'between' && curve![row] === 'lerp')
        expect((changes as number[])[0]).toBeCloseTo(p / (p - q), 9);
    });
  });

  it('counts the boundaries of every leg in bins, and answers at equal steps and at changes', async () => {
    const { plan, tables } = await planted;
    const { model, path_id, crossings, length } = tables.paths!;
    const { density } = tables.interpolation_legs!;
    expect(crossings).toHaveLength(2 * 80 * 2);
    crossings!.forEach((count, row) => {
      const { a, b } = plan.design.legs[Math.floor(Number(path_id![row]) / 2)]!;
      const places = model![row] === 'trained' ? PLACES : EVEN;
      const between = places.filter((place) => place < POINTS[a]![0] !== place < POINTS[b]![0]).length;
      if (Number(path_id![row]) % 2 === 1) return;
      expect(count).toBe(between);
      const mean = (density![row] as Float64Array).reduce((x, y) => x + y, 0) / 32;
      expect(mean * Number(length![row])).toBeCloseTo(between, 6);
    });
    const changes = tables.path_outputs!.is_class_change!.filter(Boolean).length;
    expect(tables.path_outputs!.t).toHaveLength(2 * 80 * 2 * 65 + changes);
    expect(changes).toBe(2 * 40 * 2);
    expect(tables.crossing_bins!.bin).toHaveLength(2 * 80 * 2 * 32);
  });

  it('supports what was planted, and not where boundaries are even', async () => {
    const { conclusion } = await planted;
    const verdict = (model: string, claim: string) =>
      conclusion.claims
        .filter((found) => found.model === model && found.claim === claim)
        .map((found) => found.verdict);
    const near = 'boundaries are denser near changes of class than elsewhere on the leg';
    const place = 'boundaries are denser near changes of class than there on legs that change elsewhere';
    const overall = 'boundaries are denser on legs between classes than on legs within one';
    for (const claim of [near, place, overall]) expect(verdict('trained', claim)).toContain('supported');
    expect(verdict('random_init:1', near)[0]).toBe('not shown');
    expect(verdict('random_init:1', place)[0]).toBe('not shown');
    const contrast = verdict('trained', 'the ratio near changes of class is larger than in random nets');
    expect(contrast).toEqual(['supported', 'supported']);
  });

  it('says too few where no leg changes its class', async () => {
    const { conclusion } = await runInMemory(interpolation, {
      config: configOf({ chains: 12, images: 2, curves: ['lerp'] }),
      samples: vectorSamples(
        POINTS.map(([x, y]) => [Math.abs(x), y]),
        LABELS,
      ),
      networks: [denseNetwork(cutsAt(EVEN), TRAINED)],
    });
    const near = conclusion.claims.filter(({ claim }) => claim.includes('near changes of class'));
    expect(near.map(({ verdict, effect, n }) => [verdict, effect, n])).toEqual([
      ['too few', null, 0],
      ['too few', null, 0],
    ]);
  });

  it('leaves out legs whose ends coincide, and says so', async () => {
    const { tables, conclusion } = await runInMemory(interpolation, {
      config: configOf({ chains: 2, images: 2, curves: ['lerp'] }),
      samples: vectorSamples(
        Array.from({ length: 8 }, (_, i) => [i % 2, 1]),
        Array.from({ length: 8 }, (_, i) => i % 2),
      ),
      networks: [denseNetwork(cutsAt(EVEN), TRAINED)],
    });
    expect(tables.interpolation_legs!.chain_kind).toEqual(['between', 'between']);
    expect(conclusion.notices).toContain('2 legs have ends that coincide in their space and are left out');
  });

  it('names what cannot be: too few images, a text model, an unknown space', async () => {
    const faultOf = async (options: object, text = false) => {
      const network = { ...denseNetwork(cutsAt(EVEN), TRAINED), text };
      const samples = vectorSamples(POINTS, LABELS);
      const error = await runInMemory(interpolation, {
        config: configOf(options),
        samples,
        networks: [network],
      }).then(
        () => null,
        (reason: unknown) => reason,
      );
      if (error instanceof PipelineError) return error.fault;
      throw error ?? new Error('no fault');
    };
    expect(await faultOf({ chains: 30, images: 4 })).toMatchObject({
      kind: 'data-invalid',
      where: 'dataset',
    });
    expect(await faultOf({ spaces: ['nowhere'] })).toMatchObject({
      kind: 'config-invalid',
      value: 'nowhere',
    });
    expect(await faultOf({}, true)).toMatchObject({ kind: 'config-invalid', where: 'experiment' });
  });
});
