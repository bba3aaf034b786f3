// Pairs of points within classes, and as many between classes, no point in too many of them.

import { PipelineError } from '#schemas/errors.ts';
import { randomStream, shuffle } from '../numeric/rng.ts';
import type { RandomStream } from '../numeric/rng.ts';

export interface SampledPairs {
  /** `[pairs, 2]` points of the same class, the lower first, ascending. */
  readonly intra: Int32Array;
  /** `[pairs, 2]` points of different classes, the lower first, ascending. */
  readonly inter: Int32Array;
  /** Most pairs, of both kinds together, that a point is in. */
  readonly cap: number;
}

export interface PairSamplingOptions {
  readonly seed: number;
  /**
   * Most pairs, of both kinds together, that a point may be in. @default twice the size of the largest
   * class
   */
  readonly cap?: number;
}

/** Draws may run into a corner near the end; a fresh start seldom does so again. */
const ATTEMPTS = 50;

/**
 * All pairs within classes, and the same number of different random pairs between classes.
 * @param labels - `[points]` class, -1 where a point has none: it is in no pair.
 * @throws PipelineError `data-invalid` for fewer than two classes, a class with one point, or where classes
 * and cap leave too few pairs between classes.
 * @see polytope-lens specification, E3.
 */
export function samplePairs(labels: Int32Array, { seed, cap }: PairSamplingOptions): SampledPairs {
  const members = classMembers(labels);
  checkClasses(members);
  const sizes = [...members.values()].map((points) => points.length);
  const most = cap ?? 2 * Math.max(...sizes);
  const intra = pairsWithin(members);
  const wanted = intra.length / 2;
  if (Math.max(...sizes) - 1 > most) {
    throw tooFew(
      wanted,
      `a point in the largest class is in ${Math.max(...sizes) - 1} pairs, the cap is ${most}`,
    );
  }
  const points = [...members.values()].reduce((sum, { length }) => sum + length, 0);
  const between = (points ** 2 - sizes.reduce((sum, size) => sum + size ** 2, 0)) / 2;
  if (between < wanted) throw tooFew(wanted, `there are only ${between}`);
  const room = new Int32Array(labels.length);
  for (const own of members.values()) for (const point of own) room[point] = most - own.length + 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const inter = drawBetween(labels, room, wanted, randomStream(seed, attempt));
    if (inter !== null) return { intra, inter, cap: most };
  }
  throw tooFew(wanted, `no draw of ${ATTEMPTS} with at most ${most} pairs a point found them`);
}

/** Points of each class, ascending. */
function classMembers(labels: Int32Array): Map<number, number[]> {
  const members = new Map<number, number[]>();
  labels.forEach((label, point) => {
    if (label < 0) return;
    const own = members.get(label);
    if (own === undefined) members.set(label, [point]);
    else own.push(point);
  });
  return members;
}

function checkClasses(members: ReadonlyMap<number, readonly number[]>): void {
  const lone = [...members].find(([, points]) => points.length === 1);
  if (lone !== undefined) {
    throw new PipelineError({
      kind: 'data-invalid',
      what: 'a class with one point has no pair',
      where: `class ${lone[0]}, point ${lone[1][0]}`,
      remedy: 'Give every class at least two points, or leave the class out.',
    });
  }
  if (members.size < 2) {
    throw new PipelineError({
      kind: 'data-invalid',
      what: 'pairs between classes need at least two classes',
      value: `${members.size}`,
      remedy: 'Use a labelled data set with several classes in its range of rows.',
    });
  }
}

function tooFew(wanted: number, value: string): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: `classes of these sizes do not give ${wanted} pairs between classes`,
    value,
    remedy: 'Take equally many points of every class, or raise the cap on pairs of a point.',
  });
}

function pairsWithin(members: ReadonlyMap<number, readonly number[]>): Int32Array {
  const pairs: (readonly [number, number])[] = [];
  for (const points of members.values()) {
    points.forEach((a, i) => {
      for (const b of points.slice(i + 1)) pairs.push([a, b]);
    });
  }
  return inOrder(pairs);
}

/**
 * Draws ends from places that points have left, so that points with much room come first; null in a corner,
 * where what is left is of one class or paired already.
 */
function drawBetween(
  labels: Int32Array,
  room: Int32Array,
  wanted: number,
  random: RandomStream,
): Int32Array | null {
  const places: number[] = [];
  room.forEach((free, point) => {
    for (let i = 0; i < free; i++) places.push(point);
  });
  shuffle(places, random);
  const taken = new Set<number>();
  const pairs: (readonly [number, number])[] = [];
  let misses = 0;
  while (pairs.length < wanted) {
    if (places.length < 2 || misses > 20 * places.length + 100) return null;
    const [i, j] = [random.below(places.length), random.below(places.length)];
    const [a, b] = [Math.min(places[i]!, places[j]!), Math.max(places[i]!, places[j]!)];
    const key = a * labels.length + b;
    if (labels[a] === labels[b] || taken.has(key)) {
      misses++;
      continue;
    }
    misses = 0;
    taken.add(key);
    pairs.push([a, b]);
    for (const place of i > j ? [i, j] : [j, i]) {
      places[place] = places.at(-1)!;
      places.pop();
    }
  }
  return inOrder(pairs);
}

function inOrder(pairs: (readonly [number, number])[]): Int32Array {
  return Int32Array.from(pairs.sort(([a, b], [c, d]) => a - c || b - d).flat());
}
