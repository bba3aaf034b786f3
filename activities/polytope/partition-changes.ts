// Two partitions of the same points into regions: before and after training, trained and control, two checkpoints.

/** Region of every point in both partitions, and its class. */
export interface TwoPartitions {
  /** `[points]` name of the region; null where the span has no code for the point. */
  readonly before: readonly (string | null)[];
  readonly after: readonly (string | null)[];
  /** `[points]` class, -1 for none. */
  readonly labels: Int32Array;
}

/** One region with two points or more, and what became of it. */
export interface RegionFate {
  readonly name: string;
  readonly firstPoint: number;
  readonly count: number;
  /** Regions of the other partition among which its points lie. */
  readonly parts: number;
  /** Points in the largest of these parts. */
  readonly largestPart: number;
  /** Share of the most frequent class; null without labels. */
  readonly purity: number | null;
  /** The same within its parts, weighted by their points. */
  readonly purityOfParts: number | null;
}

export interface PartitionChanges {
  /** Points with a code in both. */
  readonly points: number;
  readonly regionsBefore: number;
  readonly regionsAfter: number;
  /** Codes that are visited both times, only after, only before. */
  readonly kept: number;
  readonly gained: number;
  readonly lost: number;
  /** Regions of two points or more before whose points are apart after; and those after whose points were apart before. */
  readonly split: number;
  readonly merged: number;
  /** Regions of two points or more that hold the same points both times, whatever their codes. */
  readonly unchanged: number;
  /** Purity of regions with two labelled points or more, weighted by points; null without any. */
  readonly purityBefore: number | null;
  readonly purityAfter: number | null;
  /** Regions before with two points or more, by descending size, then first point. */
  readonly fates: readonly RegionFate[];
  /**
   * Per point that shares its region both times: how often another point of the region has its class, `[2, points]`,
   * before and after.
   */
  readonly agreement: { readonly before: Float64Array; readonly after: Float64Array };
}

/** @throws RangeError where the three differ in length. */
export function partitionChanges({ before, after, labels }: TwoPartitions): PartitionChanges {
  if (before.length !== after.length || labels.length !== before.length) {
    throw new RangeError(`${before.length}, ${after.length} and ${labels.length} points`);
  }
  const points = Array.from(before.keys()).filter((i) => before[i] !== null && after[i] !== null);
  const old = regionsOf(before, points);
  const young = regionsOf(after, points);
  const kept = [...old.keys()].filter((name) => young.has(name)).length;
  const fates = fatesOf(old, after, labels);
  const comings = fatesOf(young, before, labels);
  return {
    points: points.length,
    regionsBefore: old.size,
    regionsAfter: young.size,
    kept,
    gained: young.size - kept,
    lost: old.size - kept,
    split: fates.filter(({ parts }) => parts > 1).length,
    merged: comings.filter(({ parts }) => parts > 1).length,
    unchanged: fates.filter(
      ({ parts, count, firstPoint }) => parts === 1 && young.get(after[firstPoint]!)!.length === count,
    ).length,
    purityBefore: meanPurity(old, labels),
    purityAfter: meanPurity(young, labels),
    fates,
    agreement: agreementOf([old, young], { before, after, labels }),
  };
}

type Regions = ReadonlyMap<string, readonly number[]>;

function regionsOf(names: readonly (string | null)[], points: readonly number[]): Regions {
  const regions = new Map<string, number[]>();
  for (const point of points) {
    const members = regions.get(names[point]!) ?? [];
    members.push(point);
    regions.set(names[point]!, members);
  }
  return regions;
}

function fatesOf(regions: Regions, other: readonly (string | null)[], labels: Int32Array): RegionFate[] {
  const shared = [...regions].filter(([, members]) => members.length > 1);
  return shared
    .map(([name, members]) => {
      const parts = regionsOf(other, members);
      return {
        name,
        firstPoint: members[0]!,
        count: members.length,
        parts: parts.size,
        largestPart: Math.max(...[...parts.values()].map((part) => part.length)),
        purity: purityOver([members], labels),
        purityOfParts: purityOver([...parts.values()], labels),
      };
    })
    .sort((a, b) => b.count - a.count || a.firstPoint - b.firstPoint);
}

function meanPurity(regions: Regions, labels: Int32Array): number | null {
  const isLabelled = (point: number) => labels[point]! >= 0;
  return purityOver(
    [...regions.values()].filter((members) => members.filter(isLabelled).length > 1),
    labels,
  );
}

/** Share of labelled points that have the most frequent class of their set. */
function purityOver(sets: readonly (readonly number[])[], labels: Int32Array): number | null {
  let [pure, all] = [0, 0];
  for (const members of sets) {
    const counts = classCounts(members, labels);
    for (const count of counts.values()) all += count;
    if (counts.size > 0) pure += Math.max(...counts.values());
  }
  return all === 0 ? null : pure / all;
}

function classCounts(members: readonly number[], labels: Int32Array): Map<number, number> {
  const counts = new Map<number, number>();
  for (const point of members) {
    const label = labels[point]!;
    if (label >= 0) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}

function agreementOf(
  [old, young]: readonly [Regions, Regions],
  { before, after, labels }: TwoPartitions,
): { before: Float64Array; after: Float64Array } {
  const [agreedOld, agreedYoung] = [old, young].map((regions) => agreementByRegion(regions, labels));
  const pairs: [number, number][] = [];
  for (const [name, members] of old) {
    for (const point of members) {
      const was = agreedOld!.get(name)?.(labels[point]!) ?? null;
      const is = agreedYoung!.get(after[point]!)?.(labels[point]!) ?? null;
      if (before[point] !== null && was !== null && is !== null) pairs.push([was, is]);
    }
  }
  return {
    before: Float64Array.from(pairs, ([was]) => was),
    after: Float64Array.from(pairs, ([, is]) => is),
  };
}

/** Of each region: the share of the other labelled points that have a class; null for a point alone or without a class. */
function agreementByRegion(
  regions: Regions,
  labels: Int32Array,
): ReadonlyMap<string, (label: number) => number | null> {
  return new Map(
    Array.from(regions, ([name, members]) => {
      const counts = classCounts(members, labels);
      const labelled = [...counts.values()].reduce((sum, count) => sum + count, 0);
      return [
        name,
        (label: number) => (label < 0 || labelled < 2 ? null : (counts.get(label)! - 1) / (labelled - 1)),
      ];
    }),
  );
}
