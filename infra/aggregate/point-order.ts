// The points of a segment in their order.

import { int32Of } from '../arrow/column-block.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { SEGMENT_GROUP_ROWS } from '../parquet/parquet-file.ts';

/** Blocks in point order; a message's points are consecutive, so sorting messages sorts points. */
export function inPointOrder(blocks: readonly ColumnBlock[]): BlockSlice[] {
  const sorted = blocks.toSorted((a, b) => int32Of(a, 'point_id')[0]! - int32Of(b, 'point_id')[0]!);
  return sorted.map((block) => ({ block, from: 0, to: block.rows }));
}

/** First point of every row group that the slices will be cut into. */
export function groupStarts(slices: readonly BlockSlice[]): number[] {
  const starts: number[] = [];
  let before = 0;
  for (const { block, to } of slices) {
    while (starts.length * SEGMENT_GROUP_ROWS < before + to)
      starts.push(int32Of(block, 'point_id')[starts.length * SEGMENT_GROUP_ROWS - before]!);
    before += to;
  }
  return starts;
}
