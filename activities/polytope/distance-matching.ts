// Pairs within classes matched with equally distant pairs between classes: boundary density depends on
// distance and norms even in random nets.

import { randomStream, shuffle } from '../numeric/rng.ts';

/** What must agree between matched pairs, per pair. */
export interface PairGeometry {
  /** `[pairs]` ||p - q||. */
  readonly distance: Float64Array;
  /** `[pairs, 2]` norms of both ends in any order; left out, only distances are matched. */
  readonly norms?: Float64Array;
}

export interface MatchedPairs {
  /** `[matched]` pair numbers within the first kind, ascending. */
  readonly intra: Int32Array;
  /** `[matched]` pair numbers within the second kind; each is used once. */
  readonly inter: Int32Array;
  readonly matched: number;
  /** Pairs of the first kind that have no free partner within the tolerance. */
  readonly unmatched: number;
  /** Mean over matches of the larger relative difference; NaN without matches. */
  readonly meanGap: number;
}

export interface MatchingOptions {
  readonly seed: number;
  /** Largest relative difference of each matched quantity, against the intra pair. @default 0.02 */
  readonly tolerance?: number;
}

/**
 * Gives every intra pair, in seeded random order, the nearest inter pair that is still free. Near means
 * that the relative difference of distances and, where given, of the smaller and of the larger norms is
 * small: the largest of the three counts.
 * @throws RangeError where lengths differ or only one side has norms.
 * @see polytope-lens specification, E3 (confounds).
 */
export function matchPairs(
  intra: PairGeometry,
  inter: PairGeometry,
  { seed, tolerance = 0.02 }: MatchingOptions,
): MatchedPairs {
  const [wanted, offered] = [features(intra), features(inter)];
  if (wanted.length !== offered.length) throw new RangeError('norms are given for one kind of pair only');
  const pool = new FreePairs(offered);
  const partner = new Int32Array(intra.distance.length).fill(-1);
  let gaps = 0;
  for (const pair of shuffle(Int32Array.from(partner.keys()), randomStream(seed))) {
    const found = pool.take(
      wanted.map((values) => values[pair]!),
      tolerance,
    );
    if (found === null) continue;
    partner[pair] = found.pair;
    gaps += found.gap;
  }
  const matched = Int32Array.from(partner.keys()).filter((pair) => partner[pair]! >= 0);
  return {
    intra: matched,
    inter: matched.map((pair) => partner[pair]!),
    matched: matched.length,
    unmatched: partner.length - matched.length,
    meanGap: gaps / matched.length,
  };
}

/** Matched quantities, distance first. */
function features({ distance, norms }: PairGeometry): Float64Array[] {
  if (norms === undefined) return [distance];
  if (norms.length !== 2 * distance.length) {
    throw new RangeError(`${norms.length} norms for ${distance.length} pairs`);
  }
  return [
    distance,
    distance.map((_, pair) => Math.min(norms[2 * pair]!, norms[2 * pair + 1]!)),
    distance.map((_, pair) => Math.max(norms[2 * pair]!, norms[2 * pair + 1]!)),
  ];
}

/** Free pairs by distance. Links to the next free place keep runs of taken ones from being walked again. */
class FreePairs {
  readonly #order: Int32Array;
  readonly #sorted: Float64Array[];
  /** `[pairs + 2]`, places counted from 1: a free place is its own target, others point towards one. */
  readonly #left: Int32Array;
  readonly #right: Int32Array;

  constructor(quantities: readonly Float64Array[]) {
    const distance = quantities[0]!;
    this.#order = Int32Array.from(distance.keys()).sort((a, b) => distance[a]! - distance[b]! || a - b);
    this.#sorted = quantities.map((values) => Float64Array.from(this.#order, (pair) => values[pair]!));
    this.#left = Int32Array.from({ length: distance.length + 2 }, (_, place) => place);
    this.#right = this.#left.slice();
  }

  /**
   * The nearest free pair within the tolerance, which is then no longer free. Of equally near ones the
   * shorter.
   */
  take(wanted: readonly number[], tolerance: number): { pair: number; gap: number } | null {
    const split = this.#placeOf(wanted[0]!);
    const gapOf = (place: number): number => {
      let most = 0;
      for (let i = 0; i < wanted.length; i++) {
        most = Math.max(most, relativeGap(this.#sorted[i]![place - 1]!, wanted[i]!));
      }
      return most;
    };
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    const scan = (links: Int32Array, from: number, step: 1 | -1): void => {
      const end = step < 0 ? 0 : this.#order.length + 1;
      for (let place = freePlace(links, from); place !== end; place = freePlace(links, place + step)) {
        const bound = relativeGap(this.#sorted[0]![place - 1]!, wanted[0]!);
        if (bound > tolerance || bound >= least) return;
        const gap = gapOf(place);
        if (gap < least && gap <= tolerance) [best, least] = [place, gap];
      }
    };
    scan(this.#left, split, -1);
    scan(this.#right, split + 1, 1);
    if (best === 0) return null;
    this.#left[best] = best - 1;
    this.#right[best] = best + 1;
    return { pair: this.#order[best - 1]!, gap: least };
  }

  /** Last place with a distance at most `wanted`; 0 where none. */
  #placeOf(wanted: number): number {
    const distance = this.#sorted[0]!;
    let [low, high] = [0, distance.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (distance[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Follows links to a free place, or to an end, and shortens them on the way. */
function freePlace(links: Int32Array, from: number): number {
  let place = from;
  while (links[place] !== place) {
    links[place] = links[links[place]!]!;
    place = links[place]!;
  }
  return place;
}

function relativeGap(value: number, wanted: number): number {
  return value === wanted ? 0 : Math.abs(value - wanted) / wanted;
}
