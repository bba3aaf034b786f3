// HDBSCAN over codes and activations, exact: neighbours, spanning tree, hierarchy, selection. Several clusterings of one
// set of points share what they can.

import { PipelineError } from '#schemas/errors.ts';
import { condense, type Dendrogram, singleLinkage } from './cluster-hierarchy.ts';
import { type ClusterSelection, type DensityClusters, selectClusters } from './cluster-selection.ts';
import { findMedoids, type Medoids } from './medoids.ts';
import { findNearest } from './nearest-lists.ts';
import type { RunOptions } from './neighbour-kernel.ts';
import type { PointSet } from './point-set.ts';
import { openPointSpace } from './point-space.ts';
import { spanningTree } from './spanning-tree.ts';

/** What counts as a cluster. */
export interface DensityOptions {
  /** Fewer points are no cluster; at least 2. */
  readonly minClusterSize: number;
  /**
   * A point's neighbourhood holds so many points, itself among them, as in scikit-learn; the `hdbscan` package does not
   * count the point itself, so its `k` is our `k + 1`.
   * @default minClusterSize
   */
  readonly minSamples?: number;
  /** @default 'eom' */
  readonly selection?: ClusterSelection;
  /**
   * Clusters that part at smaller distances are not told apart.
   * @default 0
   */
  readonly epsilon?: number;
}

/** Clusterings of one set of points. Calls wait for each other: they share memory. */
export interface DensityClusterer {
  /** @throws PipelineError `config-invalid` or `data-invalid`, see {@link densityClusters}. */
  clusters(options: DensityOptions): Promise<DensityClusters>;
  /** Medoids of any labels of these points: -1 for noise, else 0, 1, 2 ... without gaps. */
  medoids(labels: Int32Array): Promise<Medoids>;
}

/** Lists at least so long: most components then find their way out without a look at all points. */
const LEAST_NEIGHBOURS = 16;

/**
 * Clusters points by density.
 * @throws PipelineError `config-invalid` where an option is out of range, `data-invalid` where there are fewer points
 * than `minClusterSize` or `minSamples`, `non-finite-input`.
 * @see Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates", 2013.
 */
export async function densityClusters(
  points: PointSet,
  options: DensityOptions,
  run: RunOptions = {},
): Promise<DensityClusters> {
  const largestMinSamples = options.minSamples ?? options.minClusterSize;
  const clusterer = await densityClusterer(points, { largestMinSamples }, run);
  return clusterer.clusters(options);
}

/**
 * Copies points into shared memory and finds their neighbours, for any number of clusterings.
 * @param largestMinSamples - no clustering asks for more.
 */
export async function densityClusterer(
  points: PointSet,
  { largestMinSamples }: { readonly largestMinSamples: number },
  run: RunOptions = {},
): Promise<DensityClusterer> {
  checkCount('min_samples', largestMinSamples, 1);
  const neighbours = Math.min(points.rows, Math.max(LEAST_NEIGHBOURS, largestMinSamples));
  const space = openPointSpace(points, { neighbours });
  await findNearest(space, run);
  const dendrograms = new Map<number, Dendrogram>();
  let last: Promise<unknown> = Promise.resolve();
  /** One after the other, whatever became of the one before. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  }
  async function dendrogram(minSamples: number): Promise<Dendrogram> {
    const known = dendrograms.get(minSamples);
    if (known !== undefined) return known;
    const found = singleLinkage(await spanningTree(space, { minSamples }, run));
    dendrograms.set(minSamples, found);
    return found;
  }
  return {
    clusters: (options) =>
      inTurn(async () => {
        const { minClusterSize, minSamples, selection, epsilon } = checkOptions(
          options,
          points.rows,
          largestMinSamples,
        );
        const tree = condense(await dendrogram(minSamples), minClusterSize);
        return selectClusters(tree, { selection, epsilon });
      }),
    medoids: (labels) => inTurn(() => findMedoids(space, labels, run)),
  };
}

function checkOptions(
  options: DensityOptions,
  rows: number,
  largestMinSamples: number,
): Required<DensityOptions> {
  const { minClusterSize, minSamples = minClusterSize, selection = 'eom', epsilon = 0 } = options;
  checkCount('min_cluster_size', minClusterSize, 2);
  checkCount('min_samples', minSamples, 1);
  if (!(epsilon >= 0)) throw outOfRange('epsilon', epsilon, 'a distance, 0 or more');
  if (rows < minClusterSize) throw tooFewPoints('min_cluster_size', minClusterSize, rows);
  if (rows < minSamples) throw tooFewPoints('min_samples', minSamples, rows);
  if (minSamples > largestMinSamples) {
    throw outOfRange(
      'min_samples',
      minSamples,
      `at most ${largestMinSamples}, for which neighbours were found`,
    );
  }
  return { minClusterSize, minSamples, selection, epsilon };
}

function checkCount(option: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least)
    throw outOfRange(option, value, `a whole number, ${least} or more`);
}

function outOfRange(option: string, value: number, wanted: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what: `${option} is out of range`,
    where: option,
    value: String(value),
    remedy: `Give ${wanted}.`,
  });
}

function tooFewPoints(option: string, value: number, rows: number): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'there are too few points to be clustered',
    where: option,
    value: `${rows} points, ${option} ${value}`,
    remedy: `Take at least ${value} points, or lower ${option}.`,
  });
}
