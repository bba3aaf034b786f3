// Cuts streams of slices into blocks of a fixed number of rows, so that a file's bytes depend on its rows
// only.

import { joinSlices } from './column-block.ts';
import type { BlockSlice, ColumnBlock } from './column-block.ts';

/**
 * Joins slices into blocks of exactly `groupRows` rows, but for the last.
 * @param bitColumns - names of the columns whose values are bits.
 */
export async function* inRowGroups(
  slices: AsyncIterable<BlockSlice> | Iterable<BlockSlice>,
  groupRows: number,
  bitColumns: ReadonlySet<string> = new Set(),
): AsyncGenerator<ColumnBlock> {
  let group: BlockSlice[] = [];
  let rows = 0;
  for await (const { block, from, to } of slices) {
    let start = from;
    for (let end = start + groupRows - rows; end <= to; end = start + groupRows) {
      yield joinSlices([...group, { block, from: start, to: end }], bitColumns);
      group = [];
      rows = 0;
      start = end;
    }
    if (start < to) group.push({ block, from: start, to });
    rows += to - start;
  }
  if (rows > 0) yield joinSlices(group, bitColumns);
}
