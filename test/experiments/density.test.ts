// E3 on nets whose boundaries are known: hyperplanes that cut one axis at given places.

import { describe, expect, it } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { density } from '../../activities/experiments/density.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { randomLayers } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { configOf, cutsAt, EVEN, LABELS, PLACES, POINTS, RANDOM, TRAINED } from './planted-classes.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const planted = runInMemory(density, {
  config: configOf({ pointsPerClass: 12, exactPairs: 15 }),
  samples: vectorSamples(POINTS, LABELS),
  networks: [denseNetwork(cutsAt(PLACES), TRAINED), denseNetwork(cutsAt(EVEN), RANDOM)],
});

describe('density', () => {
  it('takes all pairs within classes, as many between, and none twice', async () => {
    const { plan, tables } = await planted;
    const { ends, intra, points, labels } = plan.design;
    expect([intra, ends.length / 2, points.length]).toEqual([4 * 66, 2 * 4 * 66, 48]);
    for (let pair = 0; pair < ends.length / 2; pair++) {
      const [a, b] = [labels[ends[2 * pair]!], labels[ends[2 * pair + 1]!]];
      expect(a === b).toBe(pair < intra);
    }
    expect(tables.paths!.path_id).toEqual([0, 1].flatMap(() => [...Array(ends.length / 2).keys()]));
  });

  it('counts the boundaries between the ends, and those crossed, as the places say', async () => {
    const { tables } = await planted;
    const { model, point_a, point_b, hamming, rho_h, crossings, same_class } = tables.paths!;
    let solved = 0;
    model!.forEach((name, row) => {
      const [p, q] = [POINTS[Number(point_a![row])]!, POINTS[Number(point_b![row])]!];
      const places = name === 'trained' ? PLACES : EVEN;
      const between = places.filter((place) => place < p[0] !== place < q[0]).length;
      expect(hamming![row]).toBe(between);
      expect(rho_h![row]).toBeCloseTo(between / Math.hypot(p[0] - q[0], p[1] - q[1]), 9);
      expect(same_class![row]).toBe(LABELS[Number(point_a![row])] === LABELS[Number(point_b![row])]);
      if (crossings![row] === null) return;
      solved++;
      expect(crossings![row]).toBe(between);
    });
    expect(solved).toBe(2 * 2 * 15);
  });

  it('has the ratio of mean densities as its effect, and supports it where boundaries lie between classes', async () => {
    const { tables, conclusion } = await planted;
    const { model, rho_h, same_class } = tables.paths!;
    const mean = (name: string, same: boolean) => {
      const values = rho_h!.filter((_, row) => model![row] === name && same_class![row] === same).map(Number);
      return values.reduce((a, b) => a + b, 0) / values.length;
    };
    for (const name of ['trained', 'random_init:1']) {
      const claim = conclusion.claims.find((found) => found.model === name)!;
      expect(claim.effect).toBeCloseTo(mean(name, false) / mean(name, true), 9);
    }
    const verdicts = new Map(conclusion.claims.map((claim) => [`${claim.model}: ${claim.claim}`, claim]));
    const dense = verdicts.get('trained: boundaries are denser between classes than within')!;
    expect(dense.verdict).toBe('supported');
    expect(dense.ciLow!).toBeGreaterThan(1.5);
    expect(dense.n).toBe(48);
    expect(verdicts.get('trained: crossings are denser between classes than within')!.effect).toBeGreaterThan(
      1.5,
    );
    const contrast = verdicts.get('trained: the ratio of densities is larger than in random nets')!;
    expect(contrast.verdict).toBe('supported');
    expect(contrast.effect).toBeCloseTo(
      dense.effect! /
        verdicts.get('random_init:1: boundaries are denser between classes than within')!.effect!,
      9,
    );
  });

  it('does not show it where labels are shuffled', async () => {
    const { conclusion } = await planted;
    const shuffled = conclusion.claims.find(({ claim }) => claim.includes('shuffled'))!;
    expect(shuffled).toMatchObject({ model: 'trained', verdict: 'not shown', nullEffect: 1 });
  });

  it('gives the means behind every ratio, with counts of their pairs', async () => {
    const { conclusion } = await planted;
    const { columns, rows } = conclusion.rows[0]!;
    expect(rows).toBe(2 * 5 * 2);
    const at = Array.from({ length: rows }, (_, i) => i).filter((i) => columns.measure![i] === 'rho_h');
    expect(at.map((i) => columns.pairs![i])).toEqual([264, 264, 264, 264]);
    for (const i of at) {
      expect(Number(columns.ci_low![i])).toBeLessThan(Number(columns.mean![i]));
      expect(Number(columns.ci_high![i])).toBeGreaterThan(Number(columns.mean![i]));
    }
  });

  it('shows nothing in a random net on points whose labels mean nothing', async () => {
    const normal = randomStream(5);
    const points = Array.from({ length: 60 }, () => Array.from({ length: 6 }, () => normal.normal()));
    const { conclusion, plan } = await runInMemory(density, {
      config: configOf({ pointsPerClass: 15, exactPairs: 0 }),
      samples: vectorSamples(
        points,
        points.map((_, i) => i % 4),
      ),
      networks: [denseNetwork(randomLayers([6, 32, 32, 4], normal), TRAINED)],
    });
    expect(plan.design.spans.map(({ kind, space }) => `${kind} ${space}`)).toEqual([
      'to_output input',
      'layer input',
      'to_output act1',
    ]);
    const found = conclusion.claims.filter(({ verdict }) => verdict !== 'too few');
    // Six families at 5 % each, at 99 % intervals.
    expect(found.map(({ verdict }) => verdict)).toEqual(found.map(() => 'not shown'));
    expect(found).toHaveLength(15);
    expect(conclusion.claims.filter(({ claim }) => claim.startsWith('crossings'))).toEqual([]);
  });

  it('counts every crossing of deep layers, and the layer alone for its own span', async () => {
    const normal = randomStream(6);
    const points = Array.from({ length: 16 }, () => [normal.normal(), normal.normal()]);
    const { tables, plan } = await runInMemory(density, {
      config: configOf({ pointsPerClass: 8, exactPairs: 20 }),
      samples: vectorSamples(
        points,
        points.map((_, i) => i % 2),
      ),
      networks: [denseNetwork(randomLayers([2, 24, 24, 24, 2], normal), TRAINED)],
    });
    const { path_id, crossings, hamming, start_layer, end_layer } = tables.paths!;
    const spans = plan.design.spans.length;
    expect(spans).toBe(5);
    const solved = path_id!.flatMap((id, row) => (crossings![row] === null ? [] : [{ id: Number(id), row }]));
    expect(solved).toHaveLength(40 * spans);
    let beyond = 0;
    for (const { id, row } of solved) {
      const [all, ends] = [Number(crossings![row]), Number(hamming![row])];
      expect(all).toBeGreaterThanOrEqual(ends);
      expect((all - ends) % 2).toBe(0);
      // The first layer of a span is crossed along a line: every boundary once.
      if (plan.design.spans[id % spans]!.kind === 'layer') expect(all).toBe(ends);
      else beyond += all - ends;
    }
    expect(beyond).toBeGreaterThan(0);
    expect([...new Set(start_layer)]).toEqual([0, 1, 2]);
    expect([...new Set(end_layer)]).toEqual([2, 0, 1]);
  });
});

describe('density of what cannot be measured', () => {
  const networks = [denseNetwork(cutsAt([0.5]), TRAINED)];
  const faultOf = async (options: object, labels: readonly number[] | null) => {
    const run = runInMemory(density, {
      config: configOf(options),
      samples: vectorSamples(POINTS, labels),
      networks,
    });
    const error = await run.then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error instanceof PipelineError) return error.fault;
    throw error ?? new Error('no fault');
  };

  it('names a missing label file, a lone class, a class with one point, and an unknown space', async () => {
    expect(await faultOf({}, null)).toMatchObject({ kind: 'data-invalid', where: 'dataset.labels' });
    expect(
      await faultOf(
        {},
        LABELS.map(() => 2),
      ),
    ).toMatchObject({ kind: 'data-invalid', value: '1' });
    expect(
      await faultOf(
        {},
        LABELS.map((_, i) => (i === 9 ? 8 : i % 2)),
      ),
    ).toMatchObject({
      kind: 'data-invalid',
      where: 'class 8, point 9',
    });
    expect(await faultOf({ spaces: ['act1'] }, LABELS)).toMatchObject({
      kind: 'config-invalid',
      value: 'act1',
      remedy: 'Choose among: input.',
    });
    expect(await faultOf({ exactSpaces: ['x'] }, LABELS)).toMatchObject({ where: 'density.exactSpaces' });
  });

  it('leaves out pairs whose points coincide, and says so', async () => {
    const twins = POINTS.map((point, i) => (i === 4 ? POINTS[0]! : point));
    const { tables, conclusion } = await runInMemory(density, {
      config: configOf({ pointsPerClass: 12, exactPairs: 500 }),
      samples: vectorSamples(twins, LABELS),
      networks: [denseNetwork(cutsAt(PLACES), TRAINED)],
    });
    expect(tables.paths!.path_id).toHaveLength(2 * 264 - 1);
    expect(conclusion.notices).toContain(
      'trained, to_output from input: 1 of 528 pairs coincide and have no density',
    );
  });
});
