// Merges the regions of all segments into file order with bounded memory. Segments are sorted by (span,
// digest), so a stretch of
// digests at a time fits a region table; its regions come out by count, and stretches with equal counts lie
// in digest order.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SEGMENT_REGION_COLUMNS } from '#schemas/columns/segments.ts';
import { byteSwapped } from '../../activities/polytope/region-rows.ts';
import type { RegionRows } from '../../activities/polytope/region-rows.ts';
import { RegionTable } from '../../activities/polytope/region-table.ts';
import type { RegionTableOptions } from '../../activities/polytope/region-table.ts';
import { int32Of } from '../arrow/column-block.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { groupRowsOf, openParquet, readBlocks, writeParquet } from '../parquet/parquet-file.ts';
import type { ParquetReader } from '../parquet/parquet-file.ts';
import { regionBlock, regionRows } from './region-blocks.ts';

/** A segment's regions file. */
export interface RegionsFile {
  readonly path: string;
  /** Regions by span; they lie one span after the other. */
  readonly regionsPerSpan: readonly number[];
}

export interface MergeOptions {
  readonly table: RegionTableOptions;
  readonly files: readonly RegionsFile[];
  readonly span: number;
  /** Folder for what does not fit into memory. */
  readonly spillDir: string;
  /** Partial regions merged at a time. @default as many as a row group of the final table holds */
  readonly stretchRows?: number;
  /** Regions kept in memory before they are spilled. @default 32 MiB */
  readonly memoryBytes?: number;
}

/** Yields slices of blocks (columns of a segment) of one span, by count descending, then digest. */
export async function* mergeRegions(options: MergeOptions): AsyncGenerator<BlockSlice> {
  const runs = new Runs(options);
  for await (const regions of stretchesOf(options)) await runs.add(regionBlock(regions.columns('count')));
  yield* runs.merged();
}

/** Yields blocks (columns of a segment) of one span, by digest. */
export async function* mergeByDigest(
  options: Omit<MergeOptions, 'spillDir' | 'memoryBytes'>,
): AsyncGenerator<ColumnBlock> {
  for await (const regions of stretchesOf(options)) {
    const block = regionBlock(regions.columns('digest'));
    if (block.rows > 0) yield block;
  }
}

/** The regions of one span, a stretch of digests at a time: one table, filled anew for each. */
async function* stretchesOf({
  files,
  table,
  span,
  stretchRows = groupRowsOf('final', codeBytesOf(table, span)),
}: Omit<MergeOptions, 'spillDir' | 'memoryBytes'>): AsyncGenerator<RegionTable> {
  const rows = files.reduce((sum, { regionsPerSpan }) => sum + regionsPerSpan[span]!, 0);
  const stretches = Math.max(1, Math.ceil(rows / stretchRows));
  const cursors = await Promise.all(files.map((file) => RegionCursor.open(file, span)));
  try {
    const regions = new RegionTable(table);
    for (let stretch = 0; stretch < stretches; stretch++) {
      const end = Math.ceil(((stretch + 1) * 2 ** 32) / stretches);
      regions.clear();
      for (const cursor of cursors) await cursor.moveInto(regions, span, end);
      yield regions;
    }
  } finally {
    await Promise.all(cursors.map((cursor) => cursor.close()));
  }
}

/** Walks through one segment. */
class RegionCursor {
  readonly #reader: ParquetReader;
  #group = 0;
  #rows: RegionRows | null = null;
  #row = 0;

  private constructor(reader: ParquetReader) {
    this.#reader = reader;
  }

  /** Opens a file at the first region of a span. */
  static async open({ path, regionsPerSpan }: RegionsFile, span: number): Promise<RegionCursor> {
    const cursor = new RegionCursor(await openParquet(path, SEGMENT_REGION_COLUMNS));
    const first = regionsPerSpan.slice(0, span).reduce((sum, rows) => sum + rows, 0);
    // Out of the file: a run may have begun when row groups were larger.
    const groupRows = Math.max(1, cursor.#reader.groupRows);
    cursor.#group = Math.floor(first / groupRows);
    await cursor.current();
    cursor.#row = first % groupRows;
    return cursor;
  }

  /** Adds the rows of the span whose first digest word (bytewise) lies below `end`, and moves behind them. */
  async moveInto(table: RegionTable, span: number, end: number): Promise<void> {
    for (;;) {
      const rows = await this.current();
      if (rows === null) return;
      const to = firstBehind(rows, this.#row, { span, end });
      table.addRegions(rows, { from: this.#row, to });
      this.#row = to;
      if (to < rows.rows) return;
    }
  }

  async close(): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }

  private async current(): Promise<RegionRows | null> {
    while (this.#rows === null || this.#row >= this.#rows.rows) {
      if (this.#group >= this.#reader.rowGroups) return null;
      this.#rows = regionRows(await this.#reader.readGroup(this.#group++));
      this.#row = 0;
    }
    return this.#rows;
  }
}

/** First row from `from` on that is of a later span or whose digest lies at or behind `end`. */
function firstBehind(
  { rows, span: spans, digest }: RegionRows,
  from: number,
  { span, end }: { span: number; end: number },
): number {
  let low = from;
  let high = rows;
  while (low < high) {
    const middle = (low + high) >> 1;
    const isBefore =
      spans[middle]! < span || (spans[middle] === span && byteSwapped(digest[middle * 4]!) < end);
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Blocks of one run; a generator opens its file when it is first asked, so that spilled runs hold nothing
 * until then.
 */
type Run = AsyncIterable<ColumnBlock> | Iterable<ColumnBlock>;

/** Sorted runs of one span, in digest order of their stretches; in memory while they fit. */
class Runs {
  readonly #options: MergeOptions;
  readonly #runs: Run[] = [];
  #bytes = 0;

  constructor(options: MergeOptions) {
    this.#options = options;
  }

  async add(block: ColumnBlock): Promise<void> {
    if (block.rows === 0) return;
    this.#bytes += blockBytes(block);
    const { memoryBytes = 32 * 2 ** 20 } = this.#options;
    this.#runs.push(this.#bytes <= memoryBytes ? [block] : await this.#spilled(block));
  }

  async #spilled(block: ColumnBlock): Promise<Run> {
    const { spillDir, span, table } = this.#options;
    const path = join(spillDir, `spill-${span}-${this.#runs.length}.parquet`);
    await mkdir(spillDir, { recursive: true });
    await writeParquet(path, {
      columns: SEGMENT_REGION_COLUMNS,
      blocks: [block],
      metadata: {},
      use: 'segment',
      groupRows: groupRowsOf('segment', codeBytesOf(table, span)),
    });
    return readBlocks(path, SEGMENT_REGION_COLUMNS);
  }

  /** Rows of all runs by count; rows of one count in the order of the runs. */
  async *merged(): AsyncGenerator<BlockSlice> {
    const cursors = this.#runs.splice(0).map((run) => new RunCursor(run));
    for (const cursor of cursors) await cursor.load();
    for (;;) {
      const most = Math.max(0, ...cursors.map((cursor) => cursor.count));
      if (most === 0) return;
      for (const cursor of cursors) while (cursor.count === most) yield await cursor.take();
    }
  }
}

class RunCursor {
  readonly #blocks: AsyncIterator<ColumnBlock> | Iterator<ColumnBlock>;
  #block: ColumnBlock | null = null;
  #counts: Int32Array = new Int32Array(0);
  #row = 0;

  constructor(blocks: Run) {
    this.#blocks =
      Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]();
  }

  /** Count of the current row; 0 behind the last. */
  get count(): number {
    return this.#counts[this.#row] ?? 0;
  }

  /** All rows of this block that have the current count. */
  async take(): Promise<BlockSlice> {
    const block = this.#block!;
    const from = this.#row;
    while (this.#counts[this.#row] === this.#counts[from]) this.#row++;
    const slice = { block, from, to: this.#row };
    if (this.#row === block.rows) await this.load();
    return slice;
  }

  async load(): Promise<void> {
    const { done, value } = await this.#blocks.next();
    this.#block = done === true ? null : value;
    this.#counts = this.#block === null ? new Int32Array(0) : int32Of(this.#block, 'count');
    this.#row = 0;
  }
}

function codeBytesOf({ spanWords }: RegionTableOptions, span: number): number {
  return 4 * spanWords[span]!;
}

function blockBytes({ columns }: ColumnBlock): number {
  let bytes = 0;
  for (const { values, offsets } of columns.values()) bytes += values.byteLength + (offsets?.byteLength ?? 0);
  return bytes;
}
