// Scores of a clustering against labels, with what chance gives and how much they owe to few points.

import { clusteringAgreement } from '../polytope/agreement.ts';
import { type ShuffleOrders, shuffledAgreement } from '../polytope/code-controls.ts';
import { jackknifeError } from './cluster-evidence.ts';
import type { ClustersDesign } from './cluster-design.ts';
import type { Row } from './row-collector.ts';

/** Groups that are left out one at a time. */
export const LEFT_OUT_GROUPS = 20;
/** 97.5 % quantile of Student's t with 19 degrees of freedom. */
const T_QUANTILE = 2.093;

/** Group of each point: samples dealt out in turn, so that tokens of a sequence stay together. */
export function leaveOutGroups({ points, stride }: Pick<ClustersDesign, 'points' | 'stride'>): Int32Array {
  const samples = points.map((point) => Math.floor(point / stride));
  const order = new Map([...new Set(samples)].map((sample, i) => [sample, i]));
  return Int32Array.from(samples, (sample) => order.get(sample)! % LEFT_OUT_GROUPS);
}

export interface FirstOptions {
  readonly groups: Int32Array;
  readonly seed: number;
  /** Of the labelled points. */
  readonly orders: ShuffleOrders;
}

/**
 * Cells of the clusterings table.
 * @param first - null leaves out intervals and shuffles.
 * @param covered - clusters of another clustering: agreement on points in clusters is taken where this one has some.
 */
export function clusteringRow(
  labels: Int32Array,
  clusters: Int32Array,
  first: FirstOptions | null,
  covered = clusters,
): Row {
  const all = clusteringAgreement(labels, clusters);
  const within = clusteringAgreement(
    labels,
    clusters.map((cluster, point) => (covered[point]! < 0 ? -1 : cluster)),
  );
  const isLabelled = all.noiseAsCluster !== null;
  const leftOut = first === null || !isLabelled ? [] : amiLeftOut(labels, clusters, first.groups);
  const reach = T_QUANTILE * jackknifeError(leftOut);
  const chance = first === null || !isLabelled ? null : againstShuffled(labels, clusters, first);
  return {
    is_first: first !== null,
    points: clusters.length,
    n_clusters: all.clusters,
    noise_fraction: clusters.filter((cluster) => cluster < 0).length / clusters.length,
    coverage: isLabelled ? all.coverage : null,
    nmi: within.nonNoise?.nmi ?? null,
    ami: within.nonNoise?.ami ?? null,
    ari: within.nonNoise?.ari ?? null,
    nmi_all: all.noiseAsCluster?.nmi ?? null,
    ami_all: all.noiseAsCluster?.ami ?? null,
    ari_all: all.noiseAsCluster?.ari ?? null,
    ci_low: leftOut.length === 0 ? null : all.noiseAsCluster!.ami - reach,
    ci_high: leftOut.length === 0 ? null : all.noiseAsCluster!.ami + reach,
    ami_all_chance: chance?.chance.ami ?? null,
    p_shuffled: chance?.pValue.ami ?? null,
    ami_all_left_out: leftOut,
  };
}

/** AMI with noise as a cluster, without each group; the clusters themselves stay as they are. */
function amiLeftOut(labels: Int32Array, clusters: Int32Array, groups: Int32Array): number[] {
  return Array.from({ length: LEFT_OUT_GROUPS }, (_, group) => {
    const kept = labels.map((label, point) => (groups[point] === group ? -1 : label));
    return clusteringAgreement(kept, clusters).noiseAsCluster?.ami ?? Number.NaN;
  });
}

function againstShuffled(labels: Int32Array, clusters: Int32Array, { seed, orders }: FirstOptions) {
  const labelled = Int32Array.from(labels.keys()).filter((point) => labels[point]! >= 0);
  return shuffledAgreement(
    labelled.map((point) => labels[point]!),
    labelled.map((point) => clusters[point]!),
    { seed, orders },
  );
}
