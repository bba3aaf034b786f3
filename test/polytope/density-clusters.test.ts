// HDBSCAN against scikit-learn's and the hdbscan package's, and against its definition; test/golden/clusters/make_clusters.py
// ran all three.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { randomStream, shuffle } from '../../activities/numeric/rng.ts';
import { agreement } from '../../activities/polytope/agreement.ts';
import { densityClusterer, densityClusters } from '../../activities/polytope/density-clusters.ts';
import type { DensityClusters } from '../../activities/polytope/cluster-selection.ts';
import type { RunBlocks } from '../../activities/polytope/neighbour-kernel.ts';
import { runBlocksHere } from '../../activities/polytope/neighbour-kernel.ts';
import type { CodePoints, PointSet, VectorPoints } from '../../activities/polytope/point-set.ts';

interface Answer {
  readonly labels: readonly number[];
  readonly probabilities: readonly number[];
  readonly stabilities: readonly number[];
}

interface GoldenRun {
  readonly min_cluster_size: number;
  readonly min_samples: number;
  readonly selection: 'eom' | 'leaf';
  /** The definition, equal edges taken together. */
  readonly exact: Answer;
  /** Both packages, where they agree wholly: ties then do not matter. */
  readonly packages: Answer | null;
}

interface GoldenCase {
  readonly name: string;
  readonly metric: PointSet['metric'];
  readonly rows: number;
  readonly columns: number;
  readonly values?: readonly number[];
  readonly codes?: string;
  readonly runs: readonly GoldenRun[];
}

const GOLDEN: readonly GoldenCase[] = JSON.parse(
  readFileSync(new URL('../golden/clusters/clusters.json', import.meta.url), 'utf8'),
);

function pointsOf({ metric, rows, columns, values, codes }: GoldenCase): PointSet {
  if (metric !== 'hamming') return { metric, rows, columns, values: Float32Array.from(values!) };
  const bytes = Uint8Array.from(Buffer.from(codes!, 'base64'));
  return { metric, rows, rowBytes: columns / 8, codes: bytes };
}

function golden(name: string): GoldenCase {
  return GOLDEN.find((one) => one.name === name)!;
}

function optionsOf(run: GoldenRun) {
  return {
    minClusterSize: run.min_cluster_size,
    minSamples: run.min_samples,
    selection: run.selection,
  };
}

/** Labels renamed in order of first appearance, so that equal partitions are equal arrays. */
function named(labels: ArrayLike<number>): number[] {
  const names = new Map([[-1, -1]]);
  return Array.from(labels, (label) => {
    if (!names.has(label)) names.set(label, names.size - 1);
    return names.get(label)!;
  });
}

function expectEqual(found: DensityClusters, { labels, probabilities, stabilities }: Answer): void {
  expect([...found.labels]).toEqual(named(labels));
  // Distances are float32 here.
  found.probabilities.forEach((probability, point) => {
    expect(Math.abs(probability - probabilities[point]!)).toBeLessThan(2e-5);
  });
  found.stabilities.forEach((stability, cluster) => {
    expect(Math.abs(stability / stabilities[cluster]! - 1)).toBeLessThan(2e-5);
  });
  expect([...found.sizes]).toEqual(
    stabilities.map((_, cluster) => named(labels).filter((label) => label === cluster).length),
  );
}

describe.each(GOLDEN)('density clusters of $name', (one) => {
  it.each(one.runs)(
    'are those of the definition: $min_cluster_size, $min_samples, $selection',
    async (run) => {
      expectEqual(await densityClusters(pointsOf(one), optionsOf(run)), run.exact);
    },
  );

  it.each(one.runs.filter(({ packages }) => packages !== null))(
    'are those of scikit-learn and hdbscan: $min_cluster_size, $min_samples, $selection',
    async (run) => {
      const found = await densityClusters(pointsOf(one), optionsOf(run));
      const ari = agreement(Int32Array.from(run.packages!.labels), found.labels).ari;
      expect(ari).toBeGreaterThan(0.99);
      expectEqual(found, run.packages!);
    },
  );
});

describe('density clusters', () => {
  // Oracle 14 of the specification.
  it('find three prototypes and leave most random codes out', async () => {
    const { labels, sizes } = await densityClusters(pointsOf(golden('prototypes')), { minClusterSize: 10 });
    expect(sizes).toHaveLength(3);
    const planted = Int32Array.from({ length: 300 }, (_, point) => Math.floor(point / 100));
    expect(agreement(planted, labels.subarray(0, 300)).ari).toBe(1);
    expect(labels.subarray(300).filter((label) => label < 0).length).toBeGreaterThan(50);
  });

  it('do not depend on the order of points, though most distances are tied', async () => {
    const { rows, rowBytes, codes } = pointsOf(golden('nested')) as CodePoints;
    const order = shuffle(
      Int32Array.from({ length: rows }, (_, row) => row),
      randomStream(1),
    );
    const moved = new Uint8Array(codes.length);
    order.forEach((from, to) => {
      moved.set(codes.subarray(from * rowBytes, (from + 1) * rowBytes), to * rowBytes);
    });
    for (const selection of ['eom', 'leaf'] as const) {
      const options = { minClusterSize: 5, minSamples: 3, selection };
      const a = await densityClusters({ metric: 'hamming', rows, rowBytes, codes }, options);
      const b = await densityClusters({ metric: 'hamming', rows, rowBytes, codes: moved }, options);
      expect(named(b.labels)).toEqual(named(Int32Array.from(order, (from) => a.labels[from]!)));
      expect(b.probabilities).toEqual(Float32Array.from(order, (from) => a.probabilities[from]!));
      expect(b.stabilities.toSorted()).toEqual(a.stabilities.toSorted());
    }
  });

  it('are the same whoever runs the blocks, in whatever order', async () => {
    const backwards: RunBlocks = (work, options) =>
      runBlocksHere({ ...work, jobs: work.jobs.toReversed() }, options);
    const points = longCodes(700, 1100);
    const a = await densityClusters(points, { minClusterSize: 5 });
    const b = await densityClusters(points, { minClusterSize: 5 }, { runBlocks: backwards });
    expect(a.sizes.length).toBeGreaterThan(1);
    expect(b).toEqual(a);
  });

  it('call points without structure noise', async () => {
    const random = randomStream(3);
    const values = Float32Array.from({ length: 300 * 20 }, random.normal);
    const points: PointSet = { metric: 'euclid', rows: 300, columns: 20, values };
    const { labels, probabilities } = await densityClusters(points, { minClusterSize: 60 });
    expect(labels.every((label) => label === -1)).toBe(true);
    expect(probabilities.every((probability) => probability === 0)).toBe(true);
  });

  it('scale with the data: no square overflows or vanishes', async () => {
    const points = pointsOf(golden('blobs')) as VectorPoints;
    const options = { minClusterSize: 10 };
    const { labels, stabilities } = await densityClusters(points, options);
    for (const factor of [2 ** 100, 2 ** -100]) {
      const scaled = { ...points, values: points.values.map((value) => value * factor) };
      const found = await densityClusters(scaled, options);
      expect(found.labels).toEqual(labels);
      expect(found.stabilities).toEqual(stabilities.map((value) => value / factor));
    }
  });

  it('keep clusters together that part below epsilon', async () => {
    const points = pointsOf(golden('blobs'));
    const count = async (epsilon: number) =>
      (await densityClusters(points, { minClusterSize: 5, minSamples: 2, selection: 'leaf', epsilon })).sizes
        .length;
    expect(await count(0)).toBe(15);
    const wide = await count(1.2);
    expect(wide).toBeLessThan(8);
    expect(wide).toBeGreaterThan(1);
  });

  it('share neighbours between settings and answer as if each were alone', async () => {
    const points = pointsOf(golden('blobs'));
    const clusterer = await densityClusterer(points, { largestMinSamples: 20 });
    const settings = [5, 10, 20].map((minClusterSize) => ({ minClusterSize, minSamples: minClusterSize }));
    const together = await Promise.all(settings.map((options) => clusterer.clusters(options)));
    for (const [i, options] of settings.entries()) {
      expect(together[i]).toEqual(await densityClusters(points, options));
    }
    await expect(clusterer.clusters({ minClusterSize: 21 })).rejects.toThrow(/min_samples.*at most 20/);
  });

  it('refuse too few points, bad options and values that are not finite, naming them', async () => {
    const points: PointSet = { metric: 'euclid', rows: 3, columns: 1, values: Float32Array.of(1, 2, 3) };
    await expect(densityClusters(points, { minClusterSize: 5 })).rejects.toThrow(
      /3 points, min_cluster_size 5/,
    );
    await expect(densityClusters(points, { minClusterSize: 2, minSamples: 4 })).rejects.toThrow(
      /min_samples 4/,
    );
    await expect(densityClusters(points, { minClusterSize: 1 })).rejects.toThrow(/min_cluster_size/);
    await expect(densityClusters(points, { minClusterSize: 2, epsilon: -1 })).rejects.toThrow(/epsilon/);
    const bad: PointSet = { ...points, values: Float32Array.of(1, Number.NaN, 3) };
    await expect(densityClusters(bad, { minClusterSize: 2 })).rejects.toThrow(/row 1, column 0.*NaN/);
    const short: PointSet = { ...points, rows: 4 };
    await expect(densityClusters(short, { minClusterSize: 2 })).rejects.toThrow(/do not fill their shape/);
  });

  it('stop when they are told to', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    const points = pointsOf(golden('blobs'));
    await expect(densityClusters(points, { minClusterSize: 5 }, { signal: stop.signal })).rejects.toThrow(
      'enough',
    );
  });
});

/** Clustered codes wider than a cache line, of a width that is no multiple of a byte's worth of lines. */
function longCodes(rows: number, bits: number): PointSet {
  const random = randomStream(9);
  const rowBytes = Math.ceil(bits / 8);
  const prototypes = Array.from({ length: 5 }, () =>
    Uint8Array.from({ length: rowBytes }, () => random.below(256)),
  );
  const codes = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    const base = prototypes[random.below(5)]!;
    for (let byte = 0; byte < rowBytes; byte++) {
      const flipped = random.uniform() < 0.3 ? 1 << random.below(8) : 0;
      codes[row * rowBytes + byte] = base[byte]! ^ flipped;
    }
  }
  return { metric: 'hamming', rows, rowBytes, codes };
}
