// A table as a folder of parts of fixed size, so that its bytes depend on its rows only.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { syncFolder } from '../blobs/storage.ts';
import { writeParquet } from './parquet-file.ts';
import type { ParquetContent } from './parquet-file.ts';

/**
 * Row groups of one part: 262,144 rows, so that a run of less than a million rows is written by several
 * threads.
 */
export const PART_GROUPS = 4;

/** Writes `<prefix>-00000.parquet` and so on; no rows are one empty part. Returns the number of rows. */
export async function writeParts(folder: string, prefix: string, content: ParquetContent): Promise<number> {
  await mkdir(folder, { recursive: true });
  const source = iteratorOf(content.blocks);
  let rows = 0;
  let next = await source.next();
  for (let part = 0; part === 0 || next.done !== true; part++) {
    async function* blocks(): AsyncGenerator<ColumnBlock> {
      for (let group = 0; group < PART_GROUPS && next.done !== true; group++) {
        rows += next.value.rows;
        yield next.value;
        next = await source.next();
      }
    }
    const name = `${prefix}-${String(part).padStart(5, '0')}.parquet`;
    await writeParquet(join(folder, name), { ...content, blocks: blocks() });
  }
  await syncFolder(folder);
  return rows;
}

function iteratorOf(
  blocks: Iterable<ColumnBlock> | AsyncIterable<ColumnBlock>,
): AsyncIterator<ColumnBlock> | Iterator<ColumnBlock> {
  return Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]();
}
