// E9 beside E2: clusters of codes against as many points at the end of the code direction that points most towards them, and
// against the same on activations.

import { CLUSTERS_TABLE } from '#schemas/columns/lens/clusters.ts';
import { columnMeans, type Observations } from '../numeric/matrix.ts';
import { shuffledPurity } from '../polytope/code-controls.ts';
import { type DensityClusterer, densityClusterer } from '../polytope/density-clusters.ts';
import { bestAlignedNeuron, centroidDirection } from '../polytope/fair-baselines.ts';
import { setScores } from '../polytope/monosemanticity.ts';
import type { RunOptions } from '../polytope/neighbour-kernel.ts';
import { alignedSets, type Decomposed } from './aligned-components.ts';
import type { TableRows } from './experiment.ts';
import { RowCollector } from './row-collector.ts';

/** The first setting of E2. */
const SETTING = { minClusterSize: 5, minSamples: 1, selection: 'eom' } as const;
const SHUFFLES = 1000;

export interface CodeClusters {
  readonly model: string;
  readonly tap: number;
  readonly span: string;
  /** `[points, codeBytes]` */
  readonly layerCodes: Uint8Array;
  /** The same codes, a column per bit. */
  readonly bits: Observations;
  readonly activations: Observations;
  /** Decompositions of the bits, and of the activations. */
  readonly ofCodes: readonly Decomposed[];
  readonly ofActivations: readonly Decomposed[];
  /** `[points]` number of each, and its class or -1. */
  readonly points: readonly number[];
  readonly labels: readonly number[];
  /** Null without labels. */
  readonly classes: number | null;
  readonly seed: number;
}

/** Rows of the clusters table: one per cluster and kind of direction. */
export async function codeClusterRows(layer: CodeClusters, run: RunOptions): Promise<TableRows> {
  const { layerCodes, points } = layer;
  const rows = points.length;
  const set = { metric: 'hamming', rows, rowBytes: layerCodes.length / rows, codes: layerCodes } as const;
  const clusterer = await densityClusterer(set, { largestMinSamples: SETTING.minSamples }, run);
  const collector = new RowCollector(CLUSTERS_TABLE);
  await addClusters(collector, layer, clusterer);
  return collector.take();
}

async function addClusters(
  collector: RowCollector,
  layer: CodeClusters,
  clusterer: DensityClusterer,
): Promise<void> {
  const found = await clusterer.clusters(SETTING);
  const medoids = await clusterer.medoids(found.labels);
  const labels = { classOf: Int32Array.from(layer.labels), classes: layer.classes ?? 0 };
  const shuffled = shuffledPurity(found.labels, labels, { seed: layer.seed, shuffles: SHUFFLES });
  const scored = (members: Int32Array) => (layer.classes === null ? null : setScores(members, labels));
  const compare = comparisons(layer);
  for (const [cluster, size] of found.sizes.entries()) {
    const members = Int32Array.from(found.labels.keys()).filter((point) => found.labels[point] === cluster);
    const { best, sets } = compare(members);
    const own = {
      ...spaceCells(layer),
      cluster_id: cluster,
      size,
      stability: found.stabilities[cluster]!,
      medoid_point_id: layer.points[medoids.points[cluster]!]!,
      ...scoreCells(scored(members)),
      input_similarity: null,
      p_shuffled: layer.classes === null ? null : shuffled[cluster]!,
      best_neuron: best?.neuron ?? null,
      best_neuron_cosine: best?.cosine ?? null,
    };
    for (const { kind, members: others } of sets) {
      const other = scored(others);
      collector.add({
        ...own,
        baseline_kind: kind,
        baseline_size: others.length,
        baseline_purity: other?.purity ?? null,
        baseline_entropy_bits: other?.entropyBits ?? null,
      });
    }
  }
}

/** What a cluster is compared with; one whose mean is that of all points has no direction, and so no sets. */
function comparisons({ bits, activations, ofCodes, ofActivations }: CodeClusters) {
  const means = { bits: columnMeans(bits), activations: columnMeans(activations) };
  return (members: Int32Array) => {
    const inCodes = centroidDirection(bits, members, means.bits);
    const inActivations = centroidDirection(activations, members, means.activations);
    const sets = [
      ...(inCodes === null ? [] : alignedSets(inCodes, members.length, ofCodes)),
      ...(inActivations === null ? [] : alignedSets(inActivations, members.length, ofActivations)),
    ];
    return { best: inActivations === null ? null : bestAlignedNeuron(inActivations), sets };
  };
}

function spaceCells({ model, span, tap }: CodeClusters) {
  const { minClusterSize, minSamples, selection } = SETTING;
  return {
    model,
    clustering_id: `${span}/code_layer/hdbscan-${minClusterSize}-${minSamples}-${selection}`,
    layer_id: tap,
    span,
    feature: 'code_layer',
    metric: 'hamming',
    min_cluster_size: minClusterSize,
    min_samples: minSamples,
    selection,
  };
}

function scoreCells(scores: ReturnType<typeof setScores> | null) {
  return {
    purity: scores?.purity ?? null,
    entropy_bits: scores?.entropyBits ?? null,
    normalised_entropy: scores?.normalisedEntropy ?? null,
    eff_classes: scores?.effectiveClasses ?? null,
    top_label: scores?.topLabel ?? null,
  };
}
