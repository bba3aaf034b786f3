// Cuts streams of slices into blocks of a fixed number of rows, so that a file's bytes depend on its rows
// only.

import { freeMemory } from '../free-memory.ts';
import { joinSlices } from './column-block.ts';
import type { BlockSlice, ColumnBlock } from './column-block.ts';

/**
 * Joins slices into blocks of exactly `groupRows` rows, but for the last. Use one before asking for the next.
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
      yield* joined([...group, { block, from: start, to: end }], bitColumns);
      group = [];
      rows = 0;
      start = end;
    }
    if (start < to) group.push({ block, from: start, to });
    rows += to - start;
  }
  if (rows > 0) yield* joined(group, bitColumns);
}

/** The slices as one block; what was copied for it is freed when the next is asked for. */
function* joined(slices: readonly BlockSlice[], bitColumns: ReadonlySet<string>): Generator<ColumnBlock> {
  const block = joinSlices(slices, bitColumns);
  yield block;
  if (block !== slices[0]!.block) freeBlock(block);
}

/** Blocks that nobody else has: each is freed when the next is asked for. */
export async function* lent(blocks: AsyncIterable<ColumnBlock>): AsyncGenerator<ColumnBlock> {
  for await (const block of blocks) {
    yield block;
    freeBlock(block);
  }
}

function freeBlock({ columns }: ColumnBlock): void {
  freeMemory([...columns.values()].flatMap(({ values, offsets, validity }) => [values, offsets, validity]));
}
