// Neighbours, spanning tree and medoids against all pairs, for every width that the kernel tells apart.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { findMedoids } from '../../activities/polytope/medoids.ts';
import { findNearest } from '../../activities/polytope/nearest-lists.ts';
import type { PointSet } from '../../activities/polytope/point-set.ts';
import { openPointSpace } from '../../activities/polytope/point-space.ts';
import { spanningTree } from '../../activities/polytope/spanning-tree.ts';

const ROWS = 150;
const NEIGHBOURS = 16;

/** Small values that repeat, so that distances tie and float32 sums are exact. */
function vectors(columns: number): PointSet {
  const random = randomStream(columns);
  const values = Float32Array.from({ length: ROWS * columns }, () => random.below(4));
  return { metric: 'euclid', rows: ROWS, columns, values };
}

function codes(rowBytes: number): PointSet {
  const random = randomStream(rowBytes);
  const bytes = Uint8Array.from({ length: ROWS * rowBytes }, () => random.below(256) & random.below(256));
  // A few doubles.
  bytes.copyWithin(7 * rowBytes, 0, 5 * rowBytes);
  return { metric: 'hamming', rows: ROWS, rowBytes, codes: bytes };
}

function distanceBetween(points: PointSet, a: number, b: number): number {
  if (points.metric === 'hamming') {
    const bits = (row: number, byte: number) => points.codes[row * points.rowBytes + byte]!;
    let differing = 0;
    for (let byte = 0; byte < points.rowBytes; byte++) {
      differing += (bits(a, byte) ^ bits(b, byte)).toString(2).replaceAll('0', '').length;
    }
    return differing;
  }
  let squares = 0;
  for (let column = 0; column < points.columns; column++) {
    squares +=
      (points.values[a * points.columns + column]! - points.values[b * points.columns + column]!) ** 2;
  }
  return Math.sqrt(squares);
}

/** `[ROWS][ROWS]` */
function allPairs(points: PointSet): number[][] {
  return Array.from({ length: ROWS }, (_, a) =>
    Array.from({ length: ROWS }, (_, b) => distanceBetween(points, a, b)),
  );
}

/** Lengths of the edges of a minimum spanning tree, by Prim's algorithm, ascending. */
function primLengths(reach: (a: number, b: number) => number): number[] {
  const away = Array.from({ length: ROWS }, (_, row) => (row === 0 ? 0 : reach(0, row)));
  const open = new Set(Array.from({ length: ROWS - 1 }, (_, row) => row + 1));
  const lengths: number[] = [];
  while (open.size > 0) {
    const next = [...open].reduce((best, row) => (away[row]! < away[best]! ? row : best));
    lengths.push(away[next]!);
    open.delete(next);
    for (const row of open) away[row] = Math.min(away[row]!, reach(next, row));
  }
  return lengths.sort((a, b) => a - b);
}

describe.each([
  ['codes of 9 bytes', codes(9)],
  ['codes of 64 bytes', codes(64)],
  ['codes of 150 bytes', codes(150)],
  ['vectors of 3', vectors(3)],
  ['vectors of 17', vectors(17)],
])('%s', (_, points) => {
  const pairs = allPairs(points);

  it('have the nearest neighbours of all pairs, by distance and then number', async () => {
    const space = openPointSpace(points, { neighbours: NEIGHBOURS });
    await findNearest(space, {});
    const keys = new Float32Array(space.lists.buffer, space.lists.byteOffset, space.lists.length);
    for (let row = 0; row < ROWS; row++) {
      const own = pairs[row]!;
      const nearest = own.map((_, other) => other).sort((a, b) => own[a]! - own[b]! || a - b);
      for (let place = 0; place < NEIGHBOURS; place++) {
        const at = (row * NEIGHBOURS + place) * 2;
        expect(space.lists[at]).toBe(nearest[place]);
        expect(space.distance(keys[at + 1]!)).toBeCloseTo(own[nearest[place]!]!, 5);
      }
    }
  });

  it.each([1, 2, 5, NEIGHBOURS])(
    'have the shortest spanning tree of mutual reachability for %i',
    async (minSamples) => {
      const space = openPointSpace(points, { neighbours: NEIGHBOURS });
      await findNearest(space, {});
      const tree = await spanningTree(space, { minSamples }, {});
      const core = pairs.map((own) => own.toSorted((a, b) => a - b)[minSamples - 1]!);
      const reach = (a: number, b: number) => Math.max(pairs[a]![b]!, core[a]!, core[b]!);
      const lengths = primLengths(reach);
      expect(tree.distance).toHaveLength(ROWS - 1);
      const joined = Array.from({ length: ROWS }, (_, row) => row);
      tree.distance.forEach((distance, edge) => {
        const [a, b] = [tree.from[edge]!, tree.to[edge]!];
        expect(distance).toBeCloseTo(lengths[edge]!, 5);
        expect(distance).toBeCloseTo(reach(a, b), 5);
        const [kept, gone] = [joined[a]!, joined[b]!];
        expect(kept).not.toBe(gone);
        joined.forEach((component, row) => {
          if (component === gone) joined[row] = kept;
        });
      });
    },
  );

  it('have the most central member of each cluster as its medoid', async () => {
    const space = openPointSpace(points, { neighbours: 1 });
    const labels = Int32Array.from({ length: ROWS }, (_, row) => (row % 7 === 0 ? -1 : row % 3));
    const { points: found, distances } = await findMedoids(space, labels, {});
    for (let cluster = 0; cluster < 3; cluster++) {
      const members = [...labels.keys()].filter((row) => labels[row] === cluster);
      const total = (row: number) => members.reduce((sum, other) => sum + pairs[row]![other]!, 0);
      const least = Math.min(...members.map(total));
      expect(total(found[cluster]!)).toBeCloseTo(least, 3);
      for (const member of members)
        expect(distances[member]).toBeCloseTo(pairs[found[cluster]!]![member]!, 5);
    }
    expect(distances[0]).toBeNaN();
  });
});

it('ends with a fault where neighbours were lost, and does not look for them for ever', async () => {
  const space = openPointSpace(codes(64), { neighbours: NEIGHBOURS });
  await findNearest(space, { runBlocks: async () => undefined });
  await expect(spanningTree(space, { minSamples: 5 }, {})).rejects.toThrow(/without known neighbours/);
});

describe('a point space', () => {
  it('refuses what does not fit into 4 GB', () => {
    const points: PointSet = {
      metric: 'hamming',
      rows: 2 ** 26,
      rowBytes: 64,
      codes: { length: 2 ** 32 } as Uint8Array,
    };
    expect(() => openPointSpace(points, { neighbours: 1 })).toThrow(/4 GiB at most/);
  });
});
