// Random pairs of points: within and between classes, or any.

import { PipelineError } from '#schemas/errors.ts';
import { type RandomStream, randomStream, shuffle } from '../numeric/rng.ts';

/** Points with their classes. */
export interface LabelledPoints {
  readonly points: readonly number[];
  /** `[points]` class, negative for none; null without labels. */
  readonly classes: readonly number[] | null;
}

export interface PointPairs {
  /** Different pairs, the lower point first where they were drawn. */
  readonly pairs: readonly (readonly [number, number])[];
  /** `[pairs]` null where a class is not known. */
  readonly sameClass: readonly (boolean | null)[];
}

export type WantedPairs = { readonly intra: number; readonly inter: number } | { readonly any: number };

const STREAM = { intra: 11, inter: 12, any: 13 } as const;
/** Where so many times fewer pairs exist than are wanted, all are listed instead of drawn. */
const CROWDED = 4;

/**
 * Draws different pairs, those within classes first, each kind ascending.
 * @throws PipelineError `data-invalid` where fewer pairs exist, or classes are wanted and there are none.
 */
export function drawnPairs(
  { points, classes }: LabelledPoints,
  { wanted, seed }: { readonly wanted: WantedPairs; readonly seed: number },
): PointPairs {
  if ('any' in wanted) {
    const all = { points, classOf: (at: number) => classes?.[at] ?? -1 };
    const pairs = drawKind(all, { kind: 'any', wanted: wanted.any, seed });
    return { pairs: numbered(points, pairs), sameClass: pairs.map((pair) => alike(classes, pair)) };
  }
  if (classes === null) throw unlabelled();
  const known = [...points.keys()].filter((at) => classes[at]! >= 0);
  const labelled = { points: known, classOf: (at: number) => classes[known[at]!]! };
  const intra = drawKind(labelled, { kind: 'intra', wanted: wanted.intra, seed });
  const inter = drawKind(labelled, { kind: 'inter', wanted: wanted.inter, seed });
  return {
    pairs: numbered(
      known.map((at) => points[at]!),
      [...intra, ...inter],
    ),
    sameClass: [...intra.map(() => true), ...inter.map(() => false)],
  };
}

type Kind = keyof typeof STREAM;
type Pair = readonly [number, number];

interface Pool {
  readonly points: readonly number[];
  classOf(at: number): number;
}

function drawKind(pool: Pool, { kind, wanted, seed }: { kind: Kind; wanted: number; seed: number }): Pair[] {
  if (wanted === 0) return [];
  const members = membersOf(pool);
  const existing = countOf(kind, pool.points.length, members);
  if (existing < wanted) throw tooFew(kind, existing, wanted);
  const random = randomStream(seed, STREAM[kind]);
  const drawn =
    existing <= CROWDED * wanted
      ? someOf(allPairs(pool, kind), wanted, random)
      : drawMany(pool, { kind, wanted, random, members });
  return drawn.sort(([a, b], [c, d]) => a - c || b - d);
}

function drawMany(
  pool: Pool,
  {
    kind,
    wanted,
    random,
    members,
  }: { kind: Kind; wanted: number; random: RandomStream; members: ReadonlyMap<number, readonly number[]> },
): Pair[] {
  const count = pool.points.length;
  const taken = new Map<number, Pair>();
  while (taken.size < wanted) {
    const a = random.below(count);
    const own = members.get(pool.classOf(a))!;
    const b = kind === 'intra' ? own[random.below(own.length)]! : random.below(count);
    if (a === b || (kind === 'inter' && pool.classOf(a) === pool.classOf(b))) continue;
    const pair: Pair = [Math.min(a, b), Math.max(a, b)];
    taken.set(pair[0] * count + pair[1], pair);
  }
  return [...taken.values()];
}

function someOf(pairs: Pair[], wanted: number, random: RandomStream): Pair[] {
  const order = shuffle(Int32Array.from(pairs.keys()), random).subarray(0, wanted);
  return Array.from(order, (at) => pairs[at]!);
}

function allPairs({ points, classOf }: Pool, kind: Kind): Pair[] {
  const pairs: Pair[] = [];
  for (let a = 0; a < points.length; a++) {
    for (let b = a + 1; b < points.length; b++)
      if (kind === 'any' || (classOf(a) === classOf(b)) === (kind === 'intra')) pairs.push([a, b]);
  }
  return pairs;
}

function membersOf({ points, classOf }: Pool): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (const at of points.keys()) {
    const own = members.get(classOf(at));
    if (own === undefined) members.set(classOf(at), [at]);
    else own.push(at);
  }
  return members;
}

function countOf(kind: Kind, points: number, members: ReadonlyMap<number, readonly number[]>): number {
  const choose = (n: number) => (n * (n - 1)) / 2;
  const within = [...members.values()].reduce((sum, { length }) => sum + choose(length), 0);
  if (kind === 'any') return choose(points);
  return kind === 'intra' ? within : choose(points) - within;
}

function numbered(points: readonly number[], pairs: readonly Pair[]): Pair[] {
  return pairs.map(([a, b]): Pair => [points[a]!, points[b]!]);
}

function alike(classes: readonly number[] | null, [a, b]: Pair): boolean | null {
  const [first, second] = [classes?.[a] ?? -1, classes?.[b] ?? -1];
  return first < 0 || second < 0 ? null : first === second;
}

function unlabelled(): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what: 'pairs within and between classes need labels',
    where: 'dataset.labels',
    remedy: 'Name the labels, or ask for pairs: { any: N }.',
  });
}

function tooFew(kind: Kind, existing: number, wanted: number): PipelineError {
  const where = { intra: ' within classes', inter: ' between classes', any: '' }[kind];
  return new PipelineError({
    kind: 'data-invalid',
    what: `there are not enough pairs${where}: a class with one point has none`,
    where: 'paths.pairs',
    value: `${existing}, ${wanted} asked for`,
    remedy: 'Ask for fewer, or widen dataset.rows.',
  });
}
