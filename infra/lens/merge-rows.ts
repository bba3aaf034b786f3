// Rows of one table from all segments, ordered by task, message and row, a few row groups in memory at a time.

import type { TableDef } from '#schemas/columns/column.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { openParquet, type ParquetReader, SEGMENT_GROUP_ROWS } from '../parquet/parquet-file.ts';
import { type RowSegment, rowsPath } from './row-segments.ts';

/** Rows of one message within its segment's file. */
interface Stretch {
  readonly task: number;
  readonly number: number;
  readonly segment: number;
  readonly from: number;
  readonly rows: number;
}

/** Slices of the table in final order. Segments hold every message once. */
export async function* mergedRows(
  { name, columns }: TableDef,
  segments: readonly RowSegment[],
): AsyncGenerator<BlockSlice> {
  const stretches = segments.flatMap((segment, i) => stretchesOf(segment, name, i));
  stretches.sort((a, b) => a.task - b.task || a.number - b.number);
  const cursors = new Map<number, SegmentCursor>();
  try {
    for (const { segment, from, rows } of stretches) {
      const cursor =
        cursors.get(segment) ??
        new SegmentCursor(await openParquet(rowsPath(segments[segment]!, name), columns));
      cursors.set(segment, cursor);
      yield* cursor.slices(from, rows);
    }
  } finally {
    for (const cursor of cursors.values()) await cursor.close();
  }
}

function stretchesOf({ messages }: RowSegment, table: string, segment: number): Stretch[] {
  let from = 0;
  return messages
    .filter((message) => message.table === table)
    .map(({ task, number, rows }) => {
      const stretch = { task, number, segment, from, rows };
      from += rows;
      return stretch;
    });
}

/** Reads a segment's file forwards: its messages lie in the order in which they are asked for. */
class SegmentCursor {
  readonly #reader: ParquetReader;
  #group = -1;
  #block: ColumnBlock | null = null;

  constructor(reader: ParquetReader) {
    this.#reader = reader;
  }

  async *slices(from: number, rows: number): AsyncGenerator<BlockSlice> {
    for (let at = from; at < from + rows; ) {
      const group = Math.floor(at / SEGMENT_GROUP_ROWS);
      const block = await this.#open(group);
      const start = at - group * SEGMENT_GROUP_ROWS;
      const end = Math.min(block.rows, start + from + rows - at);
      yield { block, from: start, to: end };
      at += end - start;
    }
  }

  async close(): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }

  async #open(group: number): Promise<ColumnBlock> {
    if (group === this.#group && this.#block !== null) return this.#block;
    this.#block = await this.#reader.readGroup(group);
    this.#group = group;
    return this.#block;
  }
}
