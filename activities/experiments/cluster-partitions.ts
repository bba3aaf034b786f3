// k-means on the principal components of a layer: all points, or those that one neuron answers to most.

import type { Observations } from '../numeric/matrix.ts';
import { topOfDirection } from '../polytope/fair-baselines.ts';
import { bisectingKMeans, type KMeans, kMeans, squaredDistance } from '../polytope/k-means.ts';

/** Points that a cluster is compared with. */
export interface BaselineSet {
  readonly kind: string;
  readonly members: Int32Array;
}

export type Partitions = Readonly<Record<'kmeans' | 'bisecting_kmeans', KMeans>>;

/** Both kinds of k-means on the principal components. */
export function partitionsOf(principal: Observations, clusters: number, seed: number): Partitions {
  return {
    kmeans: kMeans(principal, { clusters, seed }),
    bisecting_kmeans: bisectingKMeans(principal, { clusters, seed }),
  };
}

/** Of each k-means the core of the cluster that holds most of the members, as many points as members. */
export function partitionSets(
  members: Int32Array,
  partitions: Partitions,
  principal: Observations,
): BaselineSet[] {
  return Object.entries(partitions).map(([kind, partition]) => ({
    kind,
    members: coreOf(members, partition, principal),
  }));
}

/** Points of a neuron that are looked at, and the parts that they are split into. */
const TOP_POINTS = 500;
const PARTS = 2;

/** Top points of a neuron, and what k-means makes of them. */
export interface NeuronParts {
  /** `[top]` row numbers, ascending. */
  readonly top: Int32Array;
  readonly answering: Observations;
  readonly parts: KMeans;
}

/**
 * The top points of a neuron split by k-means.
 * @param along - `[rows]` values of the neuron.
 * @see Dreyer et al., "PURE: Turning Polysemantic Neurons Into Pure Features by Identifying Relevant Circuits", 2024, in the
 * spirit of: they cluster what lies in front of the neuron, here its own layer is clustered.
 */
export function neuronParts(
  along: Float64Array,
  { principal, seed }: { readonly principal: Observations; readonly seed: number },
): NeuronParts {
  const { values, cols } = principal;
  const top = topOfDirection(along, TOP_POINTS).sort();
  const chosen = new Float32Array(top.length * cols);
  top.forEach((row, i) => {
    chosen.set(values.subarray(row * cols, (row + 1) * cols), i * cols);
  });
  const answering = { values: chosen, rows: top.length, cols };
  return { top, answering, parts: kMeans(answering, { clusters: Math.min(PARTS, top.length), seed }) };
}

/** Of the part of a neuron's top points with most of the members its core: at most as many row numbers as members. */
export function clusterWithinNeuron(members: Int32Array, { top, answering, parts }: NeuronParts): Int32Array {
  const placeOf = new Map(Array.from(top, (row, place) => [row, place]));
  const within = members.filter((member) => placeOf.has(member)).map((member) => placeOf.get(member)!);
  return coreOf(within, parts, answering, members.length).map((place) => top[place]!);
}

/** Points of the cluster that holds most of the members, nearest to its centre first. */
function coreOf(
  members: Int32Array,
  { labels, centres }: KMeans,
  points: Observations,
  wanted = members.length,
): Int32Array {
  const counts = new Int32Array(Math.max(...labels) + 1);
  for (const member of members) counts[labels[member]!]!++;
  const most = counts.reduce((best, count, i) => (count > counts[best]! ? i : best), 0);
  const nearness = Float64Array.from(labels, (label, row) =>
    label === most ? -squaredDistance(points, row, centres, most) : Number.NEGATIVE_INFINITY,
  );
  const size = labels.reduce((sum, label) => sum + (label === most ? 1 : 0), 0);
  return topOfDirection(nearness, Math.min(size, wanted));
}
