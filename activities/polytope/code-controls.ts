// Controls that keep one thing about codes, labels or clusters and destroy the rest.

import { permutationPValue } from '../numeric/permutation.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import { agreementMargins, agreementWithin } from './agreement.ts';
import type { Agreement } from './agreement.ts';
import type { WordCodes } from './hamming.ts';
import type { Labels } from './monosemanticity.ts';

/**
 * Labels in random order among the points that have one: keeps class sizes, and which points are labelled.
 * @param labels - `[points]`, -1 where a point has none.
 */
export function shuffledLabels(labels: Int32Array, seed: number, stream = 0): Int32Array {
  const shuffled = shuffle(
    labels.filter((label) => label >= 0),
    randomStream(seed, stream),
  );
  let next = 0;
  return labels.map((label) => (label < 0 ? label : shuffled[next++]!));
}

/** Orders that shuffles put points in: made once, they serve every clustering of the same points. */
export class ShuffleOrders {
  readonly shuffles: number;
  readonly #points: number;
  readonly #seed: number;
  readonly #orders: Uint32Array[] = [];

  constructor(points: number, { seed, shuffles }: { readonly seed: number; readonly shuffles: number }) {
    this.shuffles = shuffles;
    this.#points = points;
    this.#seed = seed;
  }

  /** `[points]` which value a shuffle puts at each place: that of `shuffle(values, randomStream(seed, number))`. */
  order(number: number): Uint32Array {
    let order = this.#orders[number];
    if (order === undefined) {
      const numbers = Uint32Array.from({ length: this.#points }, (_, point) => point);
      order = shuffle(numbers, randomStream(this.#seed, number));
      this.#orders[number] = order;
    }
    return order;
  }
}

/** How labels are shuffled: anew, or in orders that were made before for as many labelled points. */
export interface Shuffling {
  readonly seed: number;
  /** @default 1000 */
  readonly shuffles?: number;
  readonly orders?: ShuffleOrders;
}

/**
 * Permutes each bit's column over the rows: keeps how often each bit is on, destroys which are on together.
 * Pad bits are columns too and stay zero.
 * @throws RangeError where the words do not fit the shape.
 */
export function permuteCodes({ words, rows, wordsPerRow }: WordCodes, seed: number): WordCodes {
  if (words.length !== rows * wordsPerRow) {
    throw new RangeError(`${words.length} words for [${rows}, ${wordsPerRow}]`);
  }
  const permuted = new Uint32Array(words.length);
  const order = Int32Array.from({ length: rows }, (_, row) => row);
  for (let bit = 0; bit < wordsPerRow * 32; bit++) {
    const [word, mask] = [bit >>> 5, 1 << (bit & 31)];
    let on = 0;
    for (let at = word; at < words.length; at += wordsPerRow) if ((words[at]! & mask) !== 0) on++;
    const random = randomStream(seed, bit);
    // The first `on` entries of a shuffle: a random set of rows, whatever order the entries had.
    for (let i = 0; i < on; i++) {
      const at = i + random.below(rows - i);
      const row = order[at]!;
      order[at] = order[i]!;
      order[i] = row;
      permuted[row * wordsPerRow + word]! |= mask;
    }
  }
  return { words: permuted, rows, wordsPerRow };
}

/**
 * A random partition with the same cluster sizes, noise (-1) included.
 * @param clusters - `[points]`.
 */
export function randomPartition(clusters: Int32Array, seed: number, stream = 0): Int32Array {
  return shuffle(clusters.slice(), randomStream(seed, stream));
}

/** What agreement a shuffle gives. */
export interface ShuffledAgreement {
  readonly observed: Agreement;
  /** Mean over shuffles: the chance level. */
  readonly chance: Agreement;
  /** One-sided: share of shuffles that agree at least as well. */
  readonly pValue: Agreement;
}

/**
 * Agreement of a clustering with labels against the same with labels shuffled.
 * @param labels - `[points]`, every point labelled.
 * @param clusters - `[points]`; every number, -1 too, is a cluster.
 * @throws RangeError for no point, or where lengths differ.
 */
export function shuffledAgreement(
  labels: Int32Array,
  clusters: Int32Array,
  { seed, shuffles = 1000, orders = new ShuffleOrders(labels.length, { seed, shuffles }) }: Shuffling,
): ShuffledAgreement {
  const margins = agreementMargins(labels, clusters);
  const observed = agreementWithin(margins, null);
  const { columnOf } = margins;
  const shuffled = columnOf.slice();
  const drawn = Array.from({ length: orders.shuffles }, (_, i) => {
    const order = orders.order(i);
    for (let place = 0; place < order.length; place++) shuffled[place] = columnOf[order[place]!]!;
    return agreementWithin(margins, shuffled);
  });
  const over = (of: (values: number[], value: number) => number): Agreement => ({
    nmi: of(
      drawn.map(({ nmi }) => nmi),
      observed.nmi,
    ),
    ami: of(
      drawn.map(({ ami }) => ami),
      observed.ami,
    ),
    ari: of(
      drawn.map(({ ari }) => ari),
      observed.ari,
    ),
  });
  return {
    observed,
    chance: over((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
    pValue: over((values, value) => permutationPValue(value, values, 'greater')),
  };
}

/**
 * Per cluster, the chance that as many points drawn at random have a commonest class at least as common: all
 * clusters at once, by shuffling labels.
 * @param clusters - `[points]` 0 .. clusters - 1, -1 for noise.
 * @returns `[clusters]` p-values; NaN for a cluster without a labelled member.
 */
export function shuffledPurity(
  clusters: Int32Array,
  { classOf, classes }: Labels,
  { seed, shuffles = 1000, orders }: Shuffling,
): Float64Array {
  const count = clusters.reduce((most, cluster) => Math.max(most, cluster), -1) + 1;
  const places = Int32Array.from(classOf.keys()).filter((point) => classOf[point]! >= 0);
  const labels = places.map((point) => classOf[point]!);
  const within = places.map((point) => clusters[point]!);
  const drawn = orders ?? new ShuffleOrders(labels.length, { seed, shuffles });
  const observed = commonestCounts(within, labels, classes, count);
  const asPure = new Int32Array(count).fill(1);
  const shuffled = labels.slice();
  for (let i = 0; i < drawn.shuffles; i++) {
    const order = drawn.order(i);
    for (let place = 0; place < order.length; place++) shuffled[place] = labels[order[place]!]!;
    commonestCounts(within, shuffled, classes, count).forEach((most, cluster) => {
      if (most >= observed[cluster]!) asPure[cluster]!++;
    });
  }
  return Float64Array.from(asPure, (n, cluster) =>
    observed[cluster] === 0 ? Number.NaN : n / (drawn.shuffles + 1),
  );
}

/** `[clusters]` members of each cluster's commonest class; every point is labelled. */
function commonestCounts(
  clusters: Int32Array,
  classOf: Int32Array,
  classes: number,
  count: number,
): Int32Array {
  const table = new Int32Array(count * classes);
  const most = new Int32Array(count);
  for (let point = 0; point < clusters.length; point++) {
    const cluster = clusters[point]!;
    if (cluster < 0) continue;
    const at = cluster * classes + classOf[point]!;
    table[at]!++;
    if (table[at]! > most[cluster]!) most[cluster] = table[at]!;
  }
  return most;
}
