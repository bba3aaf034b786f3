// How far a clustering agrees with labels, and how much of that is chance.

import { expectedInformation } from './expected-information.ts';

export interface Agreement {
  /** Mutual information over the mean entropy, in [0, 1]; not adjusted for chance. */
  readonly nmi: number;
  /** Mutual information adjusted for chance: 0 on average for shuffled labels, 1 for equal partitions. */
  readonly ami: number;
  /** Adjusted Rand index. */
  readonly ari: number;
}

/** Cross counts of two labelings and what depends on class sizes only, which shuffling keeps. */
export interface AgreementMargins {
  readonly points: number;
  /** `[points]` index of the row, by ascending label. */
  readonly rowOf: Int32Array;
  /** `[points]` index of the column. */
  readonly columnOf: Int32Array;
  /** Points per row, positive. */
  readonly rowSizes: Int32Array;
  readonly columnSizes: Int32Array;
  /** Mean of both entropies, in nats. */
  readonly meanEntropy: number;
  /** Expected mutual information of shuffled labelings, in nats. */
  readonly expected: number;
}

export interface ClusteringAgreement {
  /** Clusters, noise not counted. */
  readonly clusters: number;
  /** Share of labelled points in some cluster. */
  readonly coverage: number;
  /** On labelled points in clusters: a selected sample; null where there is none. */
  readonly nonNoise: Agreement | null;
  /** On all labelled points, noise being one more cluster; null where no point has a label. */
  readonly noiseAsCluster: Agreement | null;
}

/**
 * Agreement of a clustering with labels.
 * @param labels - `[points]` class, -1 where a point has none: it is left out.
 * @param clusters - `[points]` cluster, -1 for noise.
 * @throws RangeError where the lengths differ.
 */
export function clusteringAgreement(labels: Int32Array, clusters: Int32Array): ClusteringAgreement {
  if (labels.length !== clusters.length) {
    throw new RangeError(`${labels.length} labels for ${clusters.length} cluster numbers`);
  }
  const isLabelled = (point: number): boolean => labels[point]! >= 0;
  const isClustered = (point: number): boolean => isLabelled(point) && clusters[point]! >= 0;
  const labelled = Int32Array.from(labels.keys()).filter(isLabelled);
  const clustered = labelled.filter(isClustered);
  const over = (points: Int32Array): Agreement | null =>
    points.length === 0
      ? null
      : agreement(
          points.map((point) => labels[point]!),
          points.map((point) => clusters[point]!),
        );
  return {
    clusters: new Set(clusters.filter((cluster) => cluster >= 0)).size,
    coverage: labelled.length === 0 ? 0 : clustered.length / labelled.length,
    nonNoise: over(clustered),
    noiseAsCluster: over(labelled),
  };
}

/**
 * Agreement of two labelings; which numbers name the classes does not matter. Two labelings of one class each
 * agree (1); one class against several shares nothing (0).
 * @param weights - `[points]` how often each point counts, such as the multiplicities of a bootstrap; all
 * once where left out.
 * @throws RangeError for no point, or where lengths differ.
 */
export function agreement(a: Int32Array, b: Int32Array, weights?: Int32Array): Agreement {
  return agreementWithin(agreementMargins(a, b, weights), null, weights);
}

/**
 * Everything about two labelings that stays when one is shuffled.
 * @throws RangeError for no point, or where lengths differ.
 */
export function agreementMargins(a: Int32Array, b: Int32Array, weights?: Int32Array): AgreementMargins {
  if (a.length === 0 || a.length !== b.length || (weights ?? a).length !== a.length) {
    throw new RangeError(`labelings of ${a.length} and ${b.length} points`);
  }
  const [rows, columns] = [sized(a, weights), sized(b, weights)];
  const points = rows.sizes.reduce((sum, size) => sum + size, 0);
  return {
    points,
    rowOf: rows.classOf,
    columnOf: columns.classOf,
    rowSizes: rows.sizes,
    columnSizes: columns.sizes,
    meanEntropy: (entropyNats(rows.sizes, points) + entropyNats(columns.sizes, points)) / 2,
    expected: expectedInformation(rows.sizes, columns.sizes, points),
  };
}

/**
 * Agreement of labelings with known margins.
 * @param columnOf - `[points]` a shuffle of `margins.columnOf`; null: as it is.
 */
export function agreementWithin(
  margins: AgreementMargins,
  columnOf: Int32Array | null,
  weights?: Int32Array,
): Agreement {
  const { rowOf, rowSizes, columnSizes, points } = margins;
  if (rowSizes.length === 1 && columnSizes.length === 1) return { nmi: 1, ami: 1, ari: 1 };
  if (rowSizes.length === 1 || columnSizes.length === 1) return { nmi: 0, ami: 0, ari: 0 };
  const to = columnOf ?? margins.columnOf;
  const table = new Int32Array(rowSizes.length * columnSizes.length);
  for (let point = 0; point < rowOf.length; point++) {
    const weight = weights?.[point] ?? 1;
    if (weight > 0) table[rowOf[point]! * columnSizes.length + to[point]!]! += weight;
  }
  const information = sharedInformation(table, rowSizes, columnSizes, points);
  return {
    nmi: Math.max(0, information / margins.meanEntropy),
    ami: aboveChance(information, margins.expected, margins.meanEntropy),
    ari: aboveChance(
      pairs(table),
      (pairs(rowSizes) * pairs(columnSizes)) / pairs([points]),
      meanPairs(margins),
    ),
  };
}

/** Compact class numbers of points that count, and the classes' sizes; other points get class -1. */
function sized(labels: Int32Array, weights?: Int32Array): { classOf: Int32Array; sizes: Int32Array } {
  const present = labels.filter((_, point) => (weights?.[point] ?? 1) > 0);
  const numbers = new Map([...new Set(present)].sort((x, y) => x - y).map((label, i) => [label, i]));
  const classOf = labels.map((label) => numbers.get(label) ?? -1);
  const sizes = new Int32Array(numbers.size);
  classOf.forEach((number, point) => {
    if (number >= 0) sizes[number]! += weights?.[point] ?? 1;
  });
  return { classOf, sizes };
}

function entropyNats(sizes: Int32Array, points: number): number {
  return -sizes.reduce((sum, size) => sum + (size / points) * Math.log(size / points), 0);
}

function sharedInformation(
  table: Int32Array,
  rowSizes: Int32Array,
  columnSizes: Int32Array,
  points: number,
): number {
  const columns = columnSizes.length;
  return table.reduce((sum, count, cell) => {
    if (count === 0) return sum;
    const product = rowSizes[Math.floor(cell / columns)]! * columnSizes[cell % columns]!;
    return sum + (count / points) * Math.log((count * points) / product);
  }, 0);
}

/**
 * (value - expected) / (most - expected): 0 by chance, 1 at most. Both 0 means that all points are alone in
 * both.
 */
function aboveChance(value: number, expected: number, most: number): number {
  const range = most - expected;
  const gain = value - expected;
  return Math.abs(range) <= 1e-14 * Math.abs(most) ? 1 : gain / range;
}

/** Pairs of points within classes. */
function pairs(sizes: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < sizes.length; i++) total += (sizes[i]! * (sizes[i]! - 1)) / 2;
  return total;
}

function meanPairs({ rowSizes, columnSizes }: AgreementMargins): number {
  return (pairs(rowSizes) + pairs(columnSizes)) / 2;
}
