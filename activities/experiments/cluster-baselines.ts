// What clusters are compared with: as many points picked out by a neuron, a component, a direction, a ball, or k-means.

import { fastIca } from '../numeric/ica.ts';
import { columnMeans, type Observations } from '../numeric/matrix.ts';
import { nmf } from '../numeric/nmf.ts';
import { pca, projectOntoComponents } from '../numeric/pca.ts';
import { type RandomStream, randomStream } from '../numeric/rng.ts';
import {
  bestAlignedNeuron,
  centroidDirection,
  euclideanBall,
  hammingBall,
  projectionsOnto,
  randomDirection,
  rangeSets,
  topOfDirection,
} from '../polytope/fair-baselines.ts';
import type { WordCodes } from '../polytope/hamming.ts';
import { alignedSets, type Component, componentsOf, type Decomposed } from './aligned-components.ts';
import {
  type BaselineSet,
  clusterWithinNeuron,
  type NeuronParts,
  neuronParts,
  type Partitions,
  partitionSets,
} from './cluster-partitions.ts';

/** Baselines that claims are about, in their order. */
export const CLAIMED_BASELINES = [
  'neuron',
  'pca',
  'nmf',
  'ica',
  'random_direction',
  'centroid_direction',
  'ball',
  'neuron_cluster',
  'kmeans',
  'bisecting_kmeans',
] as const;

export type Decomposition = 'pca' | 'nmf' | 'ica';

/** Directions of one layer's activations, found once for all clusterings of the layer. */
export interface LayerDirections {
  readonly activations: Observations;
  readonly mean: Float64Array;
  /** Scores of the principal components: what k-means clusters. */
  readonly principal: Observations;
  readonly components: readonly Decomposed[];
  /** Top points of neurons, filled as they are asked for. */
  readonly neurons: Map<number, NeuronParts>;
}

/** When NMF stops: components hardly turn any more, and nothing here hangs on the last digits of the error. */
const NMF_STOP = { iterations: 100, tolerance: 1e-4 } as const;

/**
 * Decomposes a layer's activations. NMF sees negative values (GELU) as zero.
 * @param options.components - fewer where the layer has fewer dimensions.
 * @param options.kinds - controls do with fewer: claims about them need none.
 */
export function layerDirections(
  activations: Observations,
  options: {
    readonly components: number;
    readonly seed: number;
    readonly kinds: readonly Decomposition[];
  },
): LayerDirections {
  const { components, seed, kinds } = options;
  const principal = pca(activations, { components, seed });
  const scores = projectOntoComponents(activations, principal);
  const { rows, cols } = activations;
  const found: Readonly<Record<Decomposition, () => Component[]>> = {
    // A principal component has no sign: both ends count.
    pca: () => [1, -1].flatMap((sign) => componentsOf(scores, principal.components, { cols, sign })),
    nmf: () => {
      const positive = { rows, cols, values: activations.values.map((value) => Math.max(0, value)) };
      const factors = nmf(positive, { rank: Math.min(components, cols), seed, ...NMF_STOP });
      return componentsOf(factors.weights, factors.components, { cols, sign: 1 });
    },
    ica: () => {
      const independent = fastIca(activations, { components, seed });
      const sources = projectOntoComponents(activations, independent);
      return componentsOf(sources, independent.mixing, { cols, sign: 1 });
    },
  };
  return {
    activations,
    mean: columnMeans(activations),
    principal: { values: scores, rows, cols: principal.count },
    components: kinds.map((kind) => ({ kind, all: found[kind]() })),
    neurons: new Map(),
  };
}

/** Points as they were clustered: for balls. */
export type ClusteredPoints = Observations | WordCodes;

export interface BaselineContext {
  readonly directions: LayerDirections;
  readonly points: ClusteredPoints;
  readonly partitions: Partitions;
  readonly seed: number;
  /** Number of the space, for random draws. */
  readonly stream: number;
}

export interface ClusterBaselines {
  readonly neuron: number | null;
  readonly cosine: number | null;
  readonly sets: readonly BaselineSet[];
}

/**
 * Sets that a cluster is compared with. A cluster whose mean is the mean of all points has no direction, and so no sets
 * that need one.
 * @see polytope-lens specification, section 4 (fair baseline).
 */
export function clusterBaselines(
  members: Int32Array,
  cluster: number,
  context: BaselineContext,
): ClusterBaselines {
  const { directions, points, seed, stream } = context;
  const { activations, mean } = directions;
  const k = members.length;
  const random = randomStream(seed, 7, stream, cluster);
  const direction = centroidDirection(activations, members, mean);
  const best = direction === null ? null : bestAlignedNeuron(direction);
  const along = best === null ? null : neuronValues(activations, best.neuron);
  const randomly = projectionsOnto(activations, randomDirection(activations.cols, random));
  const centre = random.below(activations.rows);
  const sets: BaselineSet[] = [
    ...(direction === null ? [] : directedSets(direction, k, directions)),
    ...(along === null ? [] : neuronSets(members, along, partsOf(best!.neuron, along, context))),
    { kind: 'random_direction', members: topOfDirection(randomly, k) },
    {
      kind: 'ball',
      members: 'words' in points ? hammingBall(points, centre, k) : euclideanBall(points, centre, k),
    },
    { kind: 'random_set', members: randomSet(activations.rows, k, random) },
    ...partitionSets(members, context.partitions, directions.principal),
    ...(along === null ? [] : rangesOf(along, k, random)),
  ];
  return { neuron: best?.neuron ?? null, cosine: best?.cosine ?? null, sets };
}

/** The neuron's top points, and a part of those that it answers to. */
function neuronSets(members: Int32Array, along: Float64Array, parts: NeuronParts): BaselineSet[] {
  return [
    { kind: 'neuron', members: topOfDirection(along, members.length) },
    { kind: 'neuron_cluster', members: clusterWithinNeuron(members, parts) },
  ];
}

/** Many clusters share their best neuron, whose points are split once. */
function partsOf(
  neuron: number,
  along: Float64Array,
  { directions: { principal, neurons }, seed }: BaselineContext,
): NeuronParts {
  const parts = neurons.get(neuron) ?? neuronParts(along, { principal, seed });
  neurons.set(neuron, parts);
  return parts;
}

/** Top points of the components that point most towards the cluster, and of the direction itself. */
function directedSets(
  direction: Float64Array,
  k: number,
  { activations, components }: LayerDirections,
): BaselineSet[] {
  const along = projectionsOnto(activations, direction);
  return [
    ...alignedSets(direction, k, components),
    { kind: 'centroid_direction', members: topOfDirection(along, k) },
  ];
}

function neuronValues({ values, rows, cols }: Observations, neuron: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => values[row * cols + neuron]!);
}

function randomSet(rows: number, k: number, random: RandomStream): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  for (let i = 0; i < k; i++) {
    const at = i + random.below(rows - i);
    [order[i], order[at]] = [order[at]!, order[i]!];
  }
  return order.slice(0, k).sort();
}

/** Points that the neuron answers to in its middle, upper and top range. */
function rangesOf(along: Float64Array, k: number, random: RandomStream): BaselineSet[] {
  return rangeSets(along, k, random).map(({ from, to, members }) => ({
    kind: `neuron_${Math.round(from * 100)}_${Math.round(to * 100)}`,
    members,
  }));
}
