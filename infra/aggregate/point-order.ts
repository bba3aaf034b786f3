// The points of a segment in their order.

import { int32Of } from '../arrow/column-block.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';

/** Blocks in point order; a message's points are consecutive, so sorting messages sorts points. */
export function inPointOrder(blocks: readonly ColumnBlock[]): BlockSlice[] {
  const sorted = blocks.toSorted((a, b) => int32Of(a, 'point_id')[0]! - int32Of(b, 'point_id')[0]!);
  return sorted.map((block) => ({ block, from: 0, to: block.rows }));
}

/** First point of every group of `groupRows` rows that the slices will be cut into. */
export function groupStarts(slices: readonly BlockSlice[], groupRows: number): number[] {
  const starts: number[] = [];
  let before = 0;
  for (const { block, to } of slices) {
    while (starts.length * groupRows < before + to)
      starts.push(int32Of(block, 'point_id')[starts.length * groupRows - before]!);
    before += to;
  }
  return starts;
}
