// The most central member of each cluster, and how far the others are from it.

import { type RunOptions, runWork } from './neighbour-kernel.ts';
import type { PointSpace } from './point-space.ts';

/** Medoids of labelled points. */
export interface Medoids {
  /** Per cluster the member with the least sum of distances to all members; of equals the lowest. */
  readonly points: Uint32Array;
  /** Per point the distance to its cluster's medoid; NaN for noise. */
  readonly distances: Float32Array;
}

/**
 * Finds medoids exactly, in time that grows with the square of the clusters' sizes.
 * @param labels - cluster of each point: -1 for noise, else 0, 1, 2 ... without gaps.
 */
export async function findMedoids(space: PointSpace, labels: Int32Array, run: RunOptions): Promise<Medoids> {
  const members = membersOf(labels);
  const points = new Uint32Array(members.length);
  const distances = new Float32Array(labels.length).fill(Number.NaN);
  for (const [cluster, own] of members.entries()) {
    space.others.set(own);
    const medoid = own[await mostCentral(space, own.length, run)]!;
    points[cluster] = medoid;
    await measureFrom(space, medoid, own.length, run);
    for (const [place, member] of own.entries()) distances[member] = space.distance(space.best[place]!);
  }
  return { points, distances };
}

function membersOf(labels: Int32Array): number[][] {
  const count = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  const members = Array.from({ length: count }, (): number[] => []);
  for (const [point, label] of labels.entries()) members[label]?.push(point);
  return members;
}

/** Place of the most central of the first `count` others. */
async function mostCentral(space: PointSpace, count: number, run: RunOptions): Promise<number> {
  const { others, sums } = space;
  const work = space.work('sums', { rows: count, others: count }, ({ head, from, to }) => [
    ...head,
    others.byteOffset,
    from,
    to,
    others.byteOffset,
    count,
    sums.byteOffset,
  ]);
  await runWork(work, run);
  let least = 0;
  for (let place = 1; place < count; place++) if (sums[place]! < sums[least]!) least = place;
  return least;
}

/** Fills `space.best` with the keys from a point to the first `count` others. */
async function measureFrom(space: PointSpace, point: number, count: number, run: RunOptions): Promise<void> {
  const { others, all, best } = space;
  const work = space.work('keys', { rows: count, others: 1 }, ({ head, from, to }) => [
    ...head,
    all.byteOffset + point * all.BYTES_PER_ELEMENT,
    others.byteOffset,
    from,
    to,
    best.byteOffset,
  ]);
  await runWork(work, run);
}
