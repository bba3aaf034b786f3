// E9 on codes whose bits come on together by class, behind activations in which one loud unit drowns that.

import { describe, expect, it } from 'vitest';
import { codeDirectionsOptions } from '#schemas/experiments/code-directions.ts';
import { codeDirections } from '../../activities/experiments/code-directions.ts';
import { randomStream, shuffle } from '../../activities/numeric/rng.ts';
import type { DenseLayer } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const UNITS = 40;
const CLASSES = 4;
const random = randomStream(31);
const LABELS = Array.from({ length: 200 }, (_, i) => i % CLASSES);
const LAYERS: DenseLayer[] = [
  {
    weights: Array.from({ length: UNITS }, (_, i) =>
      Array.from({ length: UNITS }, (_, j) => Number(i === j)),
    ),
    bias: new Array<number>(UNITS).fill(0),
  },
  { weights: [new Array<number>(UNITS).fill(1)], bias: [0] },
];
/** Ten bits a class, each on for nine in ten of its points; how far they are on says nothing, and is heavy-tailed. */
const POINTS = LABELS.map((label) =>
  Array.from({ length: UNITS }, (_, j) => {
    const isOn = random.uniform() < (Math.floor(j / 10) === label ? 0.9 : 0.1);
    return Math.fround((isOn ? 1 : -1) * Math.exp(2.5 * random.normal()));
  }),
);

function run(labels: readonly number[] | null, options: object = {}) {
  const config = {
    kind: 'lens',
    experiment: 'code_directions',
    seed: 2,
    profile: 'tiny',
    code_directions: codeDirectionsOptions.parse({ components: 12, span: 'layer1', ...options }),
  } as unknown as Parameters<typeof codeDirections.plan>[0]['config'];
  return runInMemory(codeDirections, {
    config,
    samples: vectorSamples(POINTS, labels),
    networks: [denseNetwork(LAYERS, { kind: 'trained', seed: 0 })],
  });
}

describe('directions of codes', () => {
  it('are purer than those of activations where sizes are noise', async () => {
    const { conclusion, tables } = await run(LABELS, { components: 3 });
    const verdicts = Object.fromEntries(
      conclusion.claims.map(({ claim, verdict, effect }) => [claim, [verdict, effect]]),
    );
    expect(Object.keys(verdicts)).toHaveLength(5);
    const { method, component, end, entropy_bits } = tables.code_directions!;
    const at = method!.findIndex(
      (one, row) => one === 'code_pca' && component![row] === 0 && end![row] === 'top',
    );
    expect(Number(entropy_bits![at])).toBeLessThan(1.1);
    for (const [, effect] of Object.values(verdicts)) expect(Number(effect)).toBeGreaterThan(0);
  });

  it('hold as many points at both ends as asked, furthest first, and NMF has one end', async () => {
    const { tables } = await run(LABELS, { topPoints: 7 });
    const { method, end, point_ids, purity, component } = tables.code_directions!;
    for (const ids of point_ids!) expect(new Set(ids as Int32Array).size).toBe(7);
    const ends = (wanted: string) => new Set(end!.filter((_, row) => method![row] === wanted));
    expect(ends('code_nmf')).toEqual(new Set(['top']));
    expect(ends('code_pca')).toEqual(new Set(['top', 'bottom']));
    // Unit 3's own ends, from the points.
    const row = method!.findIndex((one, i) => one === 'neuron' && component![i] === 3 && end![i] === 'top');
    const top = POINTS.map((point, i) => [Math.max(0, point[3]!), i] as const)
      .sort((a, b) => b[0] - a[0])
      .slice(0, 7)
      .map(([, i]) => i);
    expect([...(point_ids![row] as Int32Array)]).toEqual(top);
    const counts = [0, 1, 2, 3].map((label) => top.filter((i) => LABELS[i] === label).length);
    expect(purity![row]).toBeCloseTo(Math.max(...counts) / 7, 6);
  });

  it('stand beside clusters of codes, as many points of the direction that points most towards each', async () => {
    const { clusters, code_directions } = (await run(LABELS, { components: 3 })).tables;
    expect(new Set(clusters!.baseline_kind)).toEqual(new Set(['code_pca', 'code_nmf', 'pca', 'nmf']));
    const clusterIds = new Set(clusters!.cluster_id);
    expect(clusters!.cluster_id!.length).toBe(4 * clusterIds.size);
    expect(clusters!.baseline_size).toEqual(clusters!.size);
    const meanOf = (kind: string) => {
      const of = clusters!.baseline_entropy_bits!.filter((_, row) => clusters!.baseline_kind![row] === kind);
      return of.reduce((sum: number, bits) => sum + Number(bits), 0) / of.length;
    };
    // Sizes of activations are noise here, so directions of codes are nearer to the classes.
    expect(meanOf('code_nmf')).toBeLessThan(meanOf('nmf'));
    expect(meanOf('code_pca')).toBeLessThan(meanOf('pca'));
    expect(code_directions!.method!.length).toBeGreaterThan(0);
  });

  it('say nothing about labels that were shuffled, or that are not there', async () => {
    const shuffled = Array.from(shuffle(Int32Array.from(LABELS), randomStream(4)));
    const { conclusion } = await run(shuffled);
    expect(conclusion.claims.map(({ verdict }) => verdict)).not.toContain('supported');
    const unlabelled = await run(null);
    expect(unlabelled.conclusion.claims).toEqual([]);
    expect(new Set(unlabelled.tables.code_directions!.purity)).toEqual(new Set([null]));
  });

  it('refuse a layer that is not there', async () => {
    await expect(run(LABELS, { span: 'layer7' })).rejects.toThrow(/code_directions.span.*layer7.*layer1/);
  });
});
