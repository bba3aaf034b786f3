// E2: are clusters of activations and codes about one thing, where neurons and directions are not? In the spirit of Black et
// al. 2022; the scores are those of section 4 of the specification.

import { LENS_CODES_TABLE } from '#schemas/columns/lens/codes.ts';
import { CLUSTER_MEMBERS_TABLE, CLUSTERINGS_TABLE, CLUSTERS_TABLE } from '#schemas/columns/lens/clusters.ts';
import { type DensityClusterer, densityClusterer } from '../polytope/density-clusters.ts';
import type { DensityClusters } from '../polytope/cluster-selection.ts';
import { ShuffleOrders, shuffledPurity } from '../polytope/code-controls.ts';
import {
  excessSimilarity,
  setScores,
  type UnitEmbedding,
  unitEmbedding,
} from '../polytope/monosemanticity.ts';
import { clusterBaselines, layerDirections, type LayerDirections } from './cluster-baselines.ts';
import { type Partitions, partitionsOf } from './cluster-partitions.ts';
import { concludeClusters } from './cluster-claims.ts';
import {
  type ClustersConfig,
  type ClustersDesign,
  type ClusterUnit,
  planClusters,
} from './cluster-design.ts';
import { type LayerPoints, layerPoints } from './cluster-points.ts';
import { clusteringRow, leaveOutGroups } from './cluster-scores.ts';
import { clusteredPoints, type FeaturePoints, layerCodeRows } from './cluster-spaces.ts';
import type { Chunk, Experiment, LensTask, MeasureContext, TableRows } from './experiment.ts';
import { variantName } from './network.ts';
import { RowCollector } from './row-collector.ts';

type Context = MeasureContext<ClustersConfig, ClustersDesign>;

export const clusters: Experiment<ClustersConfig, ClustersDesign> = {
  name: 'clusters',
  tables: [CLUSTERINGS_TABLE, CLUSTERS_TABLE, CLUSTER_MEMBERS_TABLE, LENS_CODES_TABLE],
  plan: planClusters,
  measure,
  conclude: concludeClusters,
};

/** The layer of a task: all that its spaces have in common. */
interface Layer {
  readonly model: string;
  readonly points: LayerPoints;
  /** Null for the model input, which has no neurons. */
  readonly directions: LayerDirections | null;
  readonly embedding: UnitEmbedding | null;
  /** Rows of the codes table; once per layer, so null for other spaces. */
  readonly codes: TableRows | null;
  readonly labels: Int32Array;
  /** Shuffles of the labelled points. */
  readonly orders: ShuffleOrders;
  /** Points that are left out together. */
  readonly groups: Int32Array;
}

async function* measure(task: LensTask, context: Context): AsyncIterable<Chunk> {
  const { design, signal } = context;
  const layer = await openLayer(task, context);
  if (layer.codes !== null) yield { units: 0, rows: [layer.codes] };
  for (let unit = task.from; unit < task.to; unit++) {
    signal.throwIfAborted();
    const rows = [CLUSTERINGS_TABLE, CLUSTERS_TABLE, CLUSTER_MEMBERS_TABLE].map(
      (table) => new RowCollector(table),
    ) as Rows;
    await measureUnit(unit, { layer, rows, context, unit: design.units[unit]! });
    yield { units: unit + 1 - task.from, rows: rows.map((collector) => collector.take()) };
  }
}

type Rows = [clusterings: RowCollector, clusters: RowCollector, members: RowCollector];

async function openLayer({ variant, from, to }: LensTask, context: Context): Promise<Layer> {
  const { config, design, samples, signal } = context;
  const units = design.units.slice(from, to);
  const { tap, span, values } = units[0]!;
  const network = await context.network(variant);
  const hasCodes = tap >= 0 && span === network.taps[tap]!.name;
  const points = await layerPoints(network, samples!, {
    chosen: design,
    tap: Math.max(0, tap),
    values,
    toOutput: units.some(({ feature }) => feature === 'code_to_output'),
    countAmbiguous: hasCodes,
    signal,
  });
  const { components } = design;
  const kinds = variant.kind === 'trained' ? (['pca', 'nmf', 'ica'] as const) : (['pca'] as const);
  return {
    model: variantName(variant),
    points,
    directions:
      tap < 0 ? null : layerDirections(points.activations, { components, seed: config.seed, kinds }),
    codes: hasCodes ? layerCodeRows(network, tap, { points, numbers: design.points }) : null,
    embedding: points.inputs === null ? null : unitEmbedding(points.inputs.values, points.inputs),
    labels: Int32Array.from(design.labels),
    orders: new ShuffleOrders(design.labels.filter((label) => label >= 0).length, {
      seed: config.seed,
      shuffles: config.clusters.shuffles,
    }),
    groups: leaveOutGroups(design),
  };
}

interface UnitContext {
  readonly layer: Layer;
  readonly rows: Rows;
  readonly context: Context;
  readonly unit: ClusterUnit;
}

async function measureUnit(number: number, { layer, rows, context, unit }: UnitContext): Promise<void> {
  const { config, design, signal, runBlocks } = context;
  const { settings } = design;
  const points = clusteredPoints(unit.feature, layer.points, config.seed);
  const largestMinSamples = Math.max(...settings.map(({ minSamples }) => minSamples));
  const running = { signal, ...(runBlocks === undefined ? {} : { runBlocks }) };
  const clusterer = await densityClusterer(points.set, { largestMinSamples }, running);
  for (const [i, setting] of settings.entries()) {
    const found = await clusterer.clusters({ ...setting, epsilon: config.clusters.epsilon });
    const id = `${unit.span}/${unit.feature}/hdbscan-${setting.minClusterSize}-${setting.minSamples}-${setting.selection}`;
    const facts = {
      model: layer.model,
      clustering_id: id,
      layer_id: unit.tap < 0 ? null : unit.tap,
      span: unit.span,
      feature: unit.feature,
      metric: points.set.metric,
      min_cluster_size: setting.minClusterSize,
      min_samples: setting.minSamples,
      selection: setting.selection,
    };
    const first = i === 0 ? { groups: layer.groups, seed: config.seed, orders: layer.orders } : null;
    rows[0].add({ ...facts, algorithm: 'hdbscan', ...clusteringRow(layer.labels, found.labels, first) });
    if (i === 0) await describeFirst({ number, found, clusterer, facts, points, layer, rows, context });
  }
}

interface FirstClustering {
  /** Number of the space in the plan. */
  readonly number: number;
  readonly found: DensityClusters;
  readonly clusterer: DensityClusterer;
  /** Cells that clusters share with their clustering. */
  readonly facts: Readonly<Record<string, string | number | null>>;
  readonly points: FeaturePoints;
  readonly layer: Layer;
  readonly rows: Rows;
  readonly context: Context;
}

/** Members, clusters with their baselines, and k-means beside them. */
async function describeFirst(first: FirstClustering): Promise<void> {
  const { found, clusterer, layer, context } = first;
  const medoids = await clusterer.medoids(found.labels);
  addMembers(first, medoids.distances);
  const { directions } = layer;
  if (directions === null || !first.points.hasBaselines || found.sizes.length === 0) return;
  if (directions.principal.cols === 0) return;
  const partitions = partitionsOf(directions.principal, found.sizes.length, context.config.seed);
  addPartitions(first, partitions);
  addClusters(first, { medoids: medoids.points, directions, partitions });
}

function addMembers({ found, facts, layer, rows, context }: FirstClustering, distances: Float32Array): void {
  const { design } = context;
  design.points.forEach((point, i) => {
    rows[2].add({
      model: facts.model!,
      clustering_id: facts.clustering_id!,
      point_id: point,
      cluster_id: found.labels[i]!,
      probability: found.probabilities[i]!,
      dist_to_medoid: found.labels[i]! < 0 ? null : distances[i]!,
      label: design.labels[i]! < 0 ? null : design.labels[i]!,
      context: layer.points.contexts?.[i] ?? null,
    });
  });
}

function addPartitions({ found, facts, layer, rows }: FirstClustering, partitions: Partitions): void {
  for (const [algorithm, { labels }] of Object.entries(partitions)) {
    const scores = clusteringRow(layer.labels, labels, null, found.labels);
    rows[0].add({
      ...facts,
      clustering_id: `${facts.span}/${facts.feature}/${algorithm}`,
      min_cluster_size: null,
      min_samples: null,
      selection: null,
      algorithm,
      ...scores,
    });
  }
}

function addClusters(
  { number, found, facts, points, layer, rows, context }: FirstClustering,
  found2: { medoids: Uint32Array; directions: LayerDirections; partitions: Partitions },
): void {
  const { design, config } = context;
  const labels = { classOf: layer.labels, classes: design.classes ?? 0 };
  const shuffled = shuffledPurity(found.labels, labels, {
    seed: config.seed,
    orders: layer.orders,
  });
  const scored = (members: Int32Array) => (design.classes === null ? null : setScores(members, labels));
  for (const [cluster, size] of found.sizes.entries()) {
    const members = Int32Array.from(found.labels.keys()).filter((point) => found.labels[point] === cluster);
    const scores = scored(members);
    const baselines = clusterBaselines(members, cluster, {
      directions: found2.directions,
      points: points.rows,
      partitions: found2.partitions,
      seed: config.seed,
      stream: number,
    });
    for (const { kind, members: others } of baselines.sets) {
      const other = scored(others);
      rows[1].add({
        ...facts,
        cluster_id: cluster,
        size,
        stability: found.stabilities[cluster]!,
        medoid_point_id: design.points[found2.medoids[cluster]!]!,
        purity: scores?.purity ?? null,
        entropy_bits: scores?.entropyBits ?? null,
        normalised_entropy: scores?.normalisedEntropy ?? null,
        eff_classes: scores?.effectiveClasses ?? null,
        top_label: scores?.topLabel ?? null,
        input_similarity: layer.embedding === null ? null : excessSimilarity(members, layer.embedding),
        p_shuffled: scores === null ? null : shuffled[cluster]!,
        best_neuron: baselines.neuron,
        best_neuron_cosine: baselines.cosine,
        baseline_kind: kind,
        baseline_size: others.length,
        baseline_purity: other?.purity ?? null,
        baseline_entropy_bits: other?.entropyBits ?? null,
      });
    }
  }
}
