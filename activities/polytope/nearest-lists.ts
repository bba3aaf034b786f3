// The nearest neighbours of every point, exactly: what core distances are read from.

import { type RunOptions, runWork } from './neighbour-kernel.ts';
import type { PointSpace } from './point-space.ts';

const INFINITY_BITS = 0x7f800000;
/** No point: the index of an entry that was never filled. */
export const NOBODY = 0xffffffff;

/**
 * Fills `space.lists`: per row its nearest points with their keys, ascending by (key, index), the row itself among
 * them. Of points at distance zero the lowest indices come first, so a row with many doubles may be missing.
 * @param among - the rows that may be neighbours; all points where absent.
 */
export async function findNearest(
  space: PointSpace,
  run: RunOptions,
  among = space.all.subarray(0, space.rows),
): Promise<void> {
  const { rows, lists, neighbours, all } = space;
  for (let entry = 0; entry < lists.length; entry += 2) {
    lists[entry] = NOBODY;
    lists[entry + 1] = INFINITY_BITS;
  }
  const work = space.work('nearest', { rows, others: among.length }, ({ head, from, to }) => [
    ...head,
    all.byteOffset,
    from,
    to,
    among.byteOffset,
    among.length,
    lists.byteOffset,
    neighbours,
  ]);
  await runWork(work, run);
}

/** Keys of all entries of the lists, interleaved with their indices: entry `e` has index `2e` and key `2e + 1`. */
export function listKeys({ lists }: PointSpace): Float32Array {
  return new Float32Array(lists.buffer, lists.byteOffset, lists.length);
}

/**
 * Core keys: how far each point's `minSamples`-th neighbour is, the point itself being the first, as in scikit-learn.
 * @see Campello, Moulavi and Sander, "Density-based clustering based on hierarchical density estimates", 2013, def. 1.
 */
export function coreKeys(space: PointSpace, minSamples: number): Float32Array {
  const keys = listKeys(space);
  return Float32Array.from(
    { length: space.rows },
    (_, row) => keys[(row * space.neighbours + minSamples - 1) * 2 + 1]!,
  );
}
