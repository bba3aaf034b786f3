// E2 on clusters that were planted in a layer whose units each answer to several classes, and on points without structure.

import { describe, expect, it } from 'vitest';
import { clustersOptions } from '#schemas/experiments/clusters.ts';
import type { ClustersConfig } from '../../activities/experiments/cluster-design.ts';
import { tokenPositions } from '../../activities/experiments/cluster-points.ts';
import { clusters } from '../../activities/experiments/clusters.ts';
import { randomStream, shuffle } from '../../activities/numeric/rng.ts';
import { agreement } from '../../activities/polytope/agreement.ts';
import type { DenseLayer } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const UNITS = 60;
const KINDS = 12;
const CLASSES = 4;
const POINTS = 330;

function configOf(options: object): ClustersConfig {
  return {
    kind: 'lens',
    experiment: 'clusters',
    seed: 5,
    profile: 'tiny',
    clusters: clustersOptions.parse({ components: 6, shuffles: 199, ...options }),
  } as unknown as ClustersConfig;
}

/** Units that each read one coordinate, on above 0.5; an output layer that nobody looks at. */
function layersOf(units: number): DenseLayer[] {
  const weights = Array.from({ length: units }, (_, i) =>
    Array.from({ length: UNITS }, (_, j) => Number(i === j)),
  );
  return [
    { weights, bias: new Array<number>(units).fill(-0.5) },
    { weights: [new Array<number>(units).fill(1), new Array<number>(units).fill(-1)], bias: [0, 0] },
  ];
}

const random = randomStream(21);
/** Each kind has half of the units on, so every unit belongs to kinds of several classes. */
const PROTOTYPES = Array.from({ length: KINDS }, () =>
  Array.from({ length: UNITS }, () => random.below(2) * 1.5),
);
/** The last 30 points are of no kind. */
const KIND_OF = Array.from({ length: POINTS }, (_, i) => (i < POINTS - 30 ? i % KINDS : -1));
const PLANTED = KIND_OF.map((kind) =>
  Array.from({ length: UNITS }, (_, j) =>
    Math.fround(kind < 0 ? 1.5 * random.below(2) : PROTOTYPES[kind]![j]! + 0.15 * random.normal()),
  ),
);
// On a boundary: rounding could flip this bit.
PLANTED[3]![7] = 0.5;
const LABELS = KIND_OF.map((kind, i) => (kind < 0 ? i : kind) % CLASSES);
const SHUFFLED = Array.from(shuffle(Int32Array.from(LABELS), randomStream(22)));
const ISOTROPIC = PLANTED.map((point) => point.map(() => Math.fround(random.normal())));

const planted = runInMemory(clusters, {
  config: configOf({ minClusterSize: [10, 20], minSamples: 3, span: 'layer1' }),
  samples: vectorSamples(PLANTED, LABELS),
  networks: [
    denseNetwork(layersOf(UNITS), TRAINED),
    denseNetwork(layersOf(1), { kind: 'random_init', seed: 6 }),
    denseNetwork(layersOf(2), { kind: 'random_init', seed: 7 }),
  ],
});

describe('vectors on both sides of the activation function', () => {
  it('are spaces of their own, as if each had been asked for alone', async () => {
    const few = { minClusterSize: 10, minSamples: 3, components: 2, shuffles: 19 };
    const run = (values: string) =>
      runInMemory(clusters, {
        config: configOf({ ...few, span: 'layer1', feature: 'act_l2', values }),
        samples: vectorSamples(PLANTED.slice(0, 90), LABELS.slice(0, 90)),
        networks: [denseNetwork(layersOf(UNITS), TRAINED)],
      });
    const [both, post, pre] = await Promise.all(['both', 'post', 'pre'].map(run));
    const members = ({ tables }: NonNullable<typeof post>, span: string) => {
      const { clustering_id, dist_to_medoid } = tables.cluster_members!;
      return dist_to_medoid!.filter((_, i) => String(clustering_id![i]).startsWith(`${span}/act_l2/hdbscan`));
    };
    expect(members(both!, 'layer1')).toEqual(members(post!, 'layer1'));
    expect(members(both!, 'layer1:pre')).toEqual(members(pre!, 'layer1'));
    expect(members(both!, 'layer1')).not.toEqual(members(both!, 'layer1:pre'));
    for (const { tables } of [both!, post!, pre!]) expect(tables.codes!.point_id!.length).toBe(90);
  });
});

describe('codes', () => {
  it('say how many of their bits rounding could flip', async () => {
    const { codes } = (await planted).tables;
    const trained = codes!.n_ambiguous!.filter((_, row) => codes!.model![row] === 'trained');
    const expected = PLANTED.map(
      (point) => point.filter((x) => Math.abs(x - 0.5) < 1e-5 * (Math.hypot(...point) + 0.5)).length,
    );
    expect(expected[3]).toBe(1);
    expect(Array.from(trained)).toEqual(expected);
  });
});

describe('clusters that are there', () => {
  it('are found in every space and named by their points', async () => {
    const { tables, plan } = await planted;
    const members = tables.cluster_members!;
    const spaces = new Set(members.clustering_id!.filter((_, i) => members.model![i] === 'trained'));
    expect([...spaces]).toEqual(
      [
        'layer1/act_l2',
        'layer1/act_l2_pca50',
        'layer1/act_cos',
        'layer1/act_cos_pca50',
        'layer1/code_layer',
        'layer1/code_layer_permuted',
        'input/pixels',
        'input/pixels_pca50',
      ].map((space) => `${space}/hdbscan-10-3-eom`),
    );
    for (const id of spaces) {
      const rows = [...members.point_id!.keys()].filter(
        (row) => members.model![row] === 'trained' && members.clustering_id![row] === id,
      );
      expect(rows.map((row) => members.point_id![row])).toEqual([...plan.design.points]);
      const found = Int32Array.from(rows, (row) => Number(members.cluster_id![row]));
      if (String(id).includes('permuted')) expect(new Set(found)).toEqual(new Set([-1]));
      else expect(agreement(Int32Array.from(KIND_OF), found).ari).toBeGreaterThan(0.9);
    }
  });

  it('are purer than what neurons and random directions pick out, and so it is claimed', async () => {
    const { conclusion } = await planted;
    const verdicts = new Map(
      conclusion.claims
        .filter(({ model, span }) => model === 'trained' && span === 'layer1/code_layer')
        .map(({ claim, verdict }) => [claim, verdict]),
    );
    for (const baseline of ['best-aligned neuron', 'random direction']) {
      const [claim] = [...verdicts.keys()].filter((one) => one.includes(baseline));
      expect([claim, verdicts.get(claim!)]).toEqual([claim, 'supported']);
    }
    const agree = [...verdicts.keys()].filter((one) => one.includes('agree with labels'));
    expect(agree.map((claim) => [claim, verdicts.get(claim)])).toEqual([
      ['clusters, with noise as one of them, agree with labels (adjusted mutual information)', 'supported'],
      ['clusters agree with labels more in the trained net than in random nets', 'supported'],
      // The layer reads its input off.
      ['clusters agree with labels more than those of the model input (pixels)', 'not shown'],
      ['clusters agree with labels more than those of the model input (pixels_pca50)', 'not shown'],
    ]);
  });

  it('have the neuron, purity and entropy that a count of their members gives', async () => {
    const { tables, plan } = await planted;
    const { clusters: rows, cluster_members: members } = tables;
    const id = 'layer1/act_l2/hdbscan-10-3-eom';
    for (const cluster of [0, 1, 5]) {
      const at = rows!.cluster_id!.findIndex(
        (one, row) => one === cluster && rows!.clustering_id![row] === id && rows!.model![row] === 'trained',
      );
      const own = [...members!.point_id!.keys()]
        .filter((row) => members!.clustering_id![row] === id && members!.model![row] === 'trained')
        .filter((row) => members!.cluster_id![row] === cluster)
        .map((row) => Number(members!.point_id![row]));
      expect(rows!.size![at]).toBe(own.length);
      expect(own).toContain(rows!.medoid_point_id![at]);
      expect(own[0]).toBe(plan.design.points.find((point) => own.includes(point)));
      const counts = [0, 1, 2, 3].map((label) => own.filter((point) => LABELS[point] === label).length);
      expect(rows!.purity![at]).toBeCloseTo(Math.max(...counts) / own.length, 6);
      const means = (points: readonly number[]) =>
        Array.from(
          { length: UNITS },
          (_, j) =>
            points.reduce((sum, point) => sum + Math.max(0, PLANTED[point]![j]! - 0.5), 0) / points.length,
        );
      const [inside, all] = [means(own), means([...PLANTED.keys()])];
      const gains = inside.map((mean, j) => mean - all[j]!);
      expect(rows!.best_neuron![at]).toBe(gains.indexOf(Math.max(...gains)));
    }
  });

  it('are compared with sets of the same size', async () => {
    const { tables } = await planted;
    const { size, baseline_size, baseline_kind } = tables.clusters!;
    expect(new Set(baseline_kind)).toEqual(
      new Set([
        ...['pca', 'nmf', 'ica', 'centroid_direction', 'neuron', 'random_direction', 'ball', 'random_set'],
        ...['kmeans', 'bisecting_kmeans', 'neuron_cluster'],
        ...['neuron_50_60', 'neuron_80_90', 'neuron_99_100'],
      ]),
    );
    baseline_kind!.forEach((kind, row) => {
      if (/^(kmeans|bisecting|neuron_)/.test(String(kind))) {
        expect(Number(baseline_size![row])).toBeLessThanOrEqual(Number(size![row]));
      } else expect(baseline_size![row]).toBe(size![row]);
    });
  });

  it('leave one row per setting, k-means beside the first', async () => {
    const { tables } = await planted;
    const { model, span, feature, clustering_id, is_first, n_clusters, noise_fraction, coverage } =
      tables.clusterings!;
    const own = [...model!.keys()].filter(
      (row) => model![row] === 'trained' && span![row] === 'layer1' && feature![row] === 'act_l2',
    );
    const settings = [
      'hdbscan-10-3-eom',
      'kmeans',
      'bisecting_kmeans',
      'hdbscan-10-3-leaf',
      'hdbscan-20-3-eom',
    ];
    expect(own.map((row) => clustering_id![row])).toEqual(
      [...settings, 'hdbscan-20-3-leaf'].map((setting) => `layer1/act_l2/${setting}`),
    );
    expect(own.map((row) => is_first![row])).toEqual([true, false, false, false, false, false]);
    expect(n_clusters![own[1]!]).toBe(n_clusters![own[0]!]);
    expect(noise_fraction![own[1]!]).toBe(0);
    expect(Number(noise_fraction![own[0]!])).toBeCloseTo(1 - Number(coverage![own[0]!]), 12);
  });
});

describe('clusters that have nothing to do with labels', () => {
  it('are not claimed to be about one thing', async () => {
    const { conclusion } = await runInMemory(clusters, {
      config: configOf({
        minClusterSize: 10,
        minSamples: 3,
        selection: 'eom',
        span: 'layer1',
        feature: 'code',
      }),
      samples: vectorSamples(PLANTED, SHUFFLED),
      networks: [denseNetwork(layersOf(UNITS), TRAINED)],
    });
    const code = conclusion.claims.filter(({ span }) => span === 'layer1/code_layer');
    expect(code.length).toBeGreaterThan(9);
    expect(new Set(code.map(({ verdict }) => verdict))).toEqual(new Set(['not shown']));
  });
});

describe('points without clusters', () => {
  it('are noise: nothing is claimed of their purity, and agreement is not shown', async () => {
    const { conclusion, tables } = await runInMemory(clusters, {
      config: configOf({
        minClusterSize: 20,
        minSamples: 10,
        selection: 'eom',
        span: 'layer1',
        feature: 'act_l2',
      }),
      samples: vectorSamples(ISOTROPIC, LABELS),
      networks: [denseNetwork(layersOf(UNITS), TRAINED)],
    });
    expect(new Set(tables.clusterings!.n_clusters)).toEqual(new Set([0]));
    expect(tables.clusters?.cluster_id ?? []).toEqual([]);
    expect(conclusion.claims.map(({ verdict }) => verdict)).not.toContain('supported');
    expect(conclusion.notices.join()).toMatch(/no cluster in layer1\/act_l2/);
  });

  it('without labels leave scores empty', async () => {
    const { conclusion, tables, plan } = await runInMemory(clusters, {
      config: configOf({
        minClusterSize: 10,
        minSamples: 3,
        selection: 'eom',
        span: 'layer1',
        feature: 'code',
      }),
      samples: vectorSamples(PLANTED, null),
      networks: [denseNetwork(layersOf(UNITS), TRAINED)],
    });
    expect(conclusion.claims).toEqual([]);
    expect(plan.notices.join()).toMatch(/no labels/);
    expect(new Set(tables.clusters!.purity)).toEqual(new Set([null]));
    expect(new Set(tables.clusterings!.ami)).toEqual(new Set([null]));
  });
});

describe('bad input', () => {
  const network = denseNetwork(layersOf(UNITS), TRAINED);
  const run = (options: object, points = PLANTED) =>
    runInMemory(clusters, {
      config: configOf(options),
      samples: vectorSamples(points, null),
      networks: [network],
    });

  it('is refused, saying what is wrong', async () => {
    await expect(run({ span: 'layer9' })).rejects.toThrow(/clusters.span.*layer9.*layer1/);
    await expect(run({ span: 'network', feature: 'act' })).rejects.toThrow(/no one space/);
    await expect(run({ feature: 'act_l2', metric: 'hamming' })).rejects.toThrow(
      /clusters.metric.*hamming for act_l2/,
    );
    await expect(run({ minClusterSize: 50 }, PLANTED.slice(0, 30))).rejects.toThrow(/30 points, 50 needed/);
  });

  it('of the contract works: the code of the network with Hamming distance', async () => {
    const { plan } = await run({
      feature: 'code',
      span: 'network',
      metric: 'hamming',
      minClusterSize: 20,
      minSamples: 5,
      selection: 'eom',
    });
    expect(plan.design.units).toEqual([
      { tap: 0, span: 'network', feature: 'code_to_output', values: 'post' },
    ]);
  });
});

describe('token positions', () => {
  it('are six, evenly spaced, none in the first tenth of the context', () => {
    expect(tokenPositions(1024, 1024)).toEqual([179, 333, 486, 640, 793, 947]);
    expect(tokenPositions(10, 64)).toEqual([7, 8, 9]);
    expect(tokenPositions(7, 64)).toEqual([]);
  });
});
