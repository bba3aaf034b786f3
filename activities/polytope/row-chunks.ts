// Cuts a long list of breakpoints into pieces that fit, each of which goes on where the last one ended.

import { PATH_END, PATH_START } from './chord-state.ts';

/** Breakpoints `from` to `to` (exclusive). */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  /** Row of the chunk before that is this chunk's first as well; -1 where it starts with a new path. */
  readonly sharedRow: number;
}

/**
 * The chunk behind `last`. A chunk that ends within a path shares its last breakpoint with the next, so that no interval is
 * lost; none ends just behind the start of a path.
 * @param capacity - most breakpoints, at least 3.
 * @param markOf - marks of a breakpoint, as in `Piece.marks`.
 * @returns null where `last` was the last one.
 */
export function nextChunk(
  last: Chunk | null,
  { rows, capacity, markOf }: { rows: number; capacity: number; markOf: (at: number) => number },
): Chunk | null {
  if (last !== null && last.to === rows) return null;
  const isShared = last !== null && (markOf(last.to - 1) & PATH_END) === 0;
  const from = last === null ? 0 : last.to - (isShared ? 1 : 0);
  let to = Math.min(from + capacity, rows);
  if (to < rows && (markOf(to - 1) & PATH_START) !== 0) to--;
  return { from, to, sharedRow: isShared ? last.to - last.from - 1 : -1 };
}
