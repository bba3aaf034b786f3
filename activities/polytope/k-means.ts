// k-means and bisecting k-means: clusterings with a given number of clusters that density clusters are compared with.

import type { Observations } from '../numeric/matrix.ts';
import { type RandomStream, randomStream } from '../numeric/rng.ts';

export interface KMeans {
  /** `[rows]` cluster of each row, 0 .. clusters - 1. */
  readonly labels: Int32Array;
  /** `[clusters, cols]` means. */
  readonly centres: Float64Array;
  /** Sum of squared distances to the own centre. */
  readonly inertia: number;
}

export interface KMeansOptions {
  /** At most the number of rows. */
  readonly clusters: number;
  readonly seed: number;
  /** @default 100 */
  readonly iterations?: number;
}

/**
 * Lloyd's algorithm from k-means++ starts. An empty cluster takes the row furthest from its centre.
 * @throws RangeError for more clusters than rows, or none.
 * @see Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
 */
export function kMeans(x: Observations, { clusters, seed, iterations = 100 }: KMeansOptions): KMeans {
  if (clusters < 1 || clusters > x.rows) throw new RangeError(`${clusters} clusters of ${x.rows} rows`);
  const rows = Int32Array.from({ length: x.rows }, (_, row) => row);
  return lloyd(x, rows, firstCentres(x, rows, clusters, randomStream(seed)), iterations);
}

/**
 * Splits the cluster with the largest sum of squares in two until there are enough.
 * @throws RangeError for more clusters than rows, or none.
 * @see Steinbach, Karypis and Kumar, "A comparison of document clustering techniques", 2000.
 */
export function bisectingKMeans(
  x: Observations,
  { clusters, seed, iterations = 100 }: KMeansOptions,
): KMeans {
  if (clusters < 1 || clusters > x.rows) throw new RangeError(`${clusters} clusters of ${x.rows} rows`);
  const all = Int32Array.from({ length: x.rows }, (_, row) => row);
  const parts = [{ rows: all, ...summary(x, all) }];
  while (parts.length < clusters) {
    const at = parts.reduce((worst, { inertia, rows }, i) => {
      const most = parts[worst]!;
      return rows.length > 1 && (most.rows.length < 2 || inertia > most.inertia) ? i : worst;
    }, 0);
    const { rows } = parts[at]!;
    const { labels } = lloyd(x, rows, firstCentres(x, rows, 2, randomStream(seed, parts.length)), iterations);
    const halves = [0, 1].map((half) => rows.filter((_, i) => labels[i] === half));
    parts.splice(at, 1, ...halves.map((half) => ({ rows: half, ...summary(x, half) })));
  }
  const labels = new Int32Array(x.rows);
  const centres = new Float64Array(clusters * x.cols);
  parts.forEach(({ rows, centre }, cluster) => {
    for (const row of rows) labels[row] = cluster;
    centres.set(centre, cluster * x.cols);
  });
  return { labels, centres, inertia: parts.reduce((sum, { inertia }) => sum + inertia, 0) };
}

function summary(x: Observations, rows: Int32Array): { centre: Float64Array; inertia: number } {
  const centre = means(x, rows, new Int32Array(rows.length), 1);
  return { centre, inertia: rows.reduce((sum, row) => sum + squaredDistance(x, row, centre, 0), 0) };
}

/** Rows drawn with probability proportional to the squared distance from those drawn before. */
function firstCentres(
  x: Observations,
  rows: Int32Array,
  clusters: number,
  random: RandomStream,
): Float64Array {
  const centres = new Float64Array(clusters * x.cols);
  const away = new Float64Array(rows.length).fill(Number.POSITIVE_INFINITY);
  let next = random.below(rows.length);
  for (let cluster = 0; cluster < clusters; cluster++) {
    const at = rows[next]! * x.cols;
    for (let j = 0; j < x.cols; j++) centres[cluster * x.cols + j] = x.values[at + j]!;
    let total = 0;
    rows.forEach((row, i) => {
      away[i] = Math.min(away[i]!, squaredDistance(x, row, centres, cluster));
      total += away[i]!;
    });
    next = drawn(away, total * random.uniform());
  }
  return centres;
}

function drawn(weights: Float64Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!;
    if (sum > at) return i;
  }
  return 0;
}

function lloyd(x: Observations, rows: Int32Array, start: Float64Array, iterations: number): KMeans {
  const clusters = start.length / x.cols;
  let centres = start;
  let labels = new Int32Array(rows.length).fill(-1);
  let inertia = 0;
  for (let iteration = 0; iteration < iterations; iteration++) {
    const next = nearestCentres(x, rows, centres);
    fillEmpty(next, clusters);
    inertia = next.distances.reduce((sum, distance) => sum + distance, 0);
    const settled = next.labels.every((label, i) => label === labels[i]);
    labels = next.labels;
    if (settled) break;
    centres = means(x, rows, labels, clusters);
  }
  return { labels, centres, inertia };
}

interface Nearest {
  readonly labels: Int32Array<ArrayBuffer>;
  /** Squared distance to the nearest centre. */
  readonly distances: Float64Array;
}

function nearestCentres(x: Observations, rows: Int32Array, centres: Float64Array): Nearest {
  const labels = new Int32Array(rows.length);
  const distances = new Float64Array(rows.length);
  const clusters = centres.length / x.cols;
  rows.forEach((row, i) => {
    let least = Number.POSITIVE_INFINITY;
    for (let cluster = 0; cluster < clusters; cluster++) {
      const distance = squaredDistance(x, row, centres, cluster);
      if (distance >= least) continue;
      least = distance;
      labels[i] = cluster;
    }
    distances[i] = least;
  });
  return { labels, distances };
}

/** Gives every empty cluster the row that lies furthest from its own centre and is not alone there. */
function fillEmpty({ labels, distances }: Nearest, clusters: number): void {
  const sizes = new Int32Array(clusters);
  for (const label of labels) sizes[label]!++;
  for (let cluster = 0; cluster < clusters; cluster++) {
    if (sizes[cluster] !== 0) continue;
    const far = distances.reduce(
      (most, distance, i) => (sizes[labels[i]!]! > 1 && (most < 0 || distance > distances[most]!) ? i : most),
      -1,
    );
    sizes[labels[far]!]!--;
    sizes[cluster] = 1;
    labels[far] = cluster;
    distances[far] = 0;
  }
}

function means(x: Observations, rows: Int32Array, labels: Int32Array, clusters: number): Float64Array {
  const sums = new Float64Array(clusters * x.cols);
  const sizes = new Int32Array(clusters);
  rows.forEach((row, i) => {
    const to = labels[i]! * x.cols;
    sizes[labels[i]!]!++;
    for (let j = 0; j < x.cols; j++) sums[to + j] = sums[to + j]! + x.values[row * x.cols + j]!;
  });
  return sums.map((sum, i) => sum / sizes[Math.floor(i / x.cols)]!);
}

/** Squared Euclidean distance of a row from a centre of `[centres, cols]`. */
export function squaredDistance(
  { values, cols }: Observations,
  row: number,
  centres: Float64Array,
  centre: number,
): number {
  let sum = 0;
  for (let j = 0; j < cols; j++) sum += (values[row * cols + j]! - centres[centre * cols + j]!) ** 2;
  return sum;
}
