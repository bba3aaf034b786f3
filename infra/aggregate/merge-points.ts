// Merges the points of all segments into point order with bounded memory, a window of ids at a time.

import { PipelineError } from '#schemas/errors.ts';
import { int32Of, joinSlices } from '../arrow/column-block.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { openParquet } from '../parquet/parquet-file.ts';
import type { ParquetReader } from '../parquet/parquet-file.ts';
import type { ColumnDef } from '#schemas/columns/column.ts';

/** A segment's points file, in point order. */
export interface PointsFile {
  readonly path: string;
  /** First point of every row group. */
  readonly groups: readonly number[];
}

export interface MergePointsOptions {
  readonly files: readonly PointsFile[];
  readonly columns: readonly ColumnDef[];
  /** Points `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** Ids of one block. */
  readonly windowRows: number;
}

/**
 * Yields blocks in point order, one per window of ids that has points.
 * @throws PipelineError `internal` where a point occurs twice.
 */
export async function* mergePoints({
  files,
  columns,
  from,
  to,
  windowRows,
}: MergePointsOptions): AsyncGenerator<ColumnBlock> {
  const cursors = await Promise.all(files.map((file) => PointCursor.open(file, columns, from)));
  try {
    for (let start = from; start < to; start += windowRows) {
      const slices: BlockSlice[] = [];
      for (const cursor of cursors) await cursor.takeBelow(Math.min(start + windowRows, to), slices);
      if (slices.length > 0) yield joinSlices(inPointOrder(slices));
    }
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

class PointCursor {
  readonly #reader: ParquetReader;
  #group = 0;
  #block: ColumnBlock | null = null;
  #ids: Int32Array = new Int32Array(0);
  #row = 0;

  private constructor(reader: ParquetReader) {
    this.#reader = reader;
  }

  /** Opens a file at its first point from `from` on. */
  static async open(
    { path, groups }: PointsFile,
    columns: readonly ColumnDef[],
    from: number,
  ): Promise<PointCursor> {
    const cursor = new PointCursor(await openParquet(path, columns));
    const behind = groups.findIndex((first) => first > from);
    cursor.#group = Math.max(0, (behind < 0 ? groups.length : behind) - 1);
    while ((await cursor.head()) < from) cursor.#row++;
    return cursor;
  }

  /** Id of the current point; infinite behind the last. */
  private async head(): Promise<number> {
    while (this.#row >= this.#ids.length) {
      if (this.#group >= this.#reader.rowGroups) return Number.POSITIVE_INFINITY;
      this.#block = await this.#reader.readGroup(this.#group++);
      this.#ids = int32Of(this.#block, 'point_id');
      this.#row = 0;
    }
    return this.#ids[this.#row]!;
  }

  /** Appends the points below `end` as stretches of consecutive ids, and moves behind them. */
  async takeBelow(end: number, slices: BlockSlice[]): Promise<void> {
    while ((await this.head()) < end) {
      const from = this.#row;
      do this.#row++;
      while (this.#ids[this.#row] === this.#ids[this.#row - 1]! + 1 && this.#ids[this.#row]! < end);
      slices.push({ block: this.#block!, from, to: this.#row });
    }
  }

  async close(): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

function inPointOrder(slices: BlockSlice[]): BlockSlice[] {
  const idAt = ({ block }: BlockSlice, row: number) => int32Of(block, 'point_id')[row]!;
  slices.sort((a, b) => idAt(a, a.from) - idAt(b, b.from));
  slices.forEach((slice, i) => {
    const before = slices[i - 1];
    if (before === undefined || idAt(before, before.to - 1) < idAt(slice, slice.from)) return;
    throw new PipelineError({
      kind: 'internal',
      what: 'a point occurs twice in the segments',
      value: `point ${idAt(slice, slice.from)}`,
    });
  });
  return slices;
}
