// Parquet files through parquet-wasm, block by block: the only file that knows the library.

import { open, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { tableFromIPC } from 'apache-arrow';
import * as parquet from 'parquet-wasm';
import { TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import { decodeBatch, encodeBlock } from '../arrow/arrow-columns.ts';
import type { ColumnBlock, ColumnValues } from '../arrow/column-block.ts';
import { moveFile, openBlob, temporaryFor } from '../blobs/storage.ts';
import { freeMemory } from '../free-memory.ts';
import { appendMetadata } from './footer-metadata.ts';

/** Fixed, so that a new release of the library does not change the bytes of a table by its name alone. */
const CREATED_BY = 'tessera';

/** `final` files are small (zstd), `segment` files are fast to write and read again (snappy). */
export type ParquetUse = 'final' | 'segment';

export interface ParquetContent {
  readonly columns: readonly ColumnDef[];
  /** One row group each where they have `groupRows` rows: smaller ones are joined. */
  readonly blocks: Iterable<ColumnBlock> | AsyncIterable<ColumnBlock>;
  /** Asked for when all rows are written. */
  readonly metadata: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>);
  readonly use: ParquetUse;
  /** Rows of a row group. @default that of narrow rows, {@link groupRowsOf} */
  readonly groupRows?: number;
}

/**
 * Writes and syncs one local file; a failed write leaves none. The name is final: callers choose a temporary one.
 */
export async function writeParquet(path: string, content: ParquetContent): Promise<void> {
  try {
    await using file = await open(path, 'w+');
    const source = new BatchSource(content);
    const output = await parquet.transformParquetStream(source.stream(), writerProperties(content));
    for await (const chunk of output as unknown as AsyncIterable<Uint8Array>) {
      await file.writeFile(chunk);
      freeMemory([chunk]);
    }
    source.rethrow();
    await appendMetadata(file, notes(content));
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/**
 * Temporary name, write, sync, rename: a crash leaves the whole file or none. The folder is synced by the
 * caller.
 */
export async function writeParquetWhole(path: string, content: ParquetContent): Promise<void> {
  const temporary = temporaryFor(path);
  await writeParquet(temporary, content);
  await moveFile(temporary, path);
}

/** An open Parquet file whose row groups are read one at a time. */
export interface ParquetReader extends AsyncDisposable {
  readonly rowGroups: number;
  /** Rows of every row group but the last; 0 where there is none. */
  readonly groupRows: number;
  readonly rows: number;
  /** Key-value metadata of the file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** @throws PipelineError `internal` where a column is missing or has another type. */
  readGroup(group: number): Promise<ColumnBlock>;
}

/** Opens a file for reading `columns`. */
export async function openParquet(
  path: string,
  columns: readonly Pick<ColumnDef, 'name' | 'type'>[],
): Promise<ParquetReader> {
  const file = await parquet.ParquetFile.fromFile(await openBlob(path));
  const info = file.metadata();
  const names = columns.map(({ name }) => name);
  return {
    rowGroups: info.numRowGroups(),
    groupRows: info.numRowGroups() === 0 ? 0 : info.rowGroup(0).numRows(),
    rows: info.fileMetadata().numRows(),
    metadata: info.fileMetadata().keyValueMetadata() as Map<string, string>,
    readGroup: async (group) => {
      const batchSize = info.rowGroup(group).numRows();
      const table = await file.read({
        rowGroups: [group],
        columns: names,
        batchSize: Math.max(1, batchSize),
      });
      const [batch] = tableFromIPC(table.intoIPCStream()).batches;
      return decodeBatch(batch!, columns, `${path}, row group ${group}`);
    },
    [Symbol.asyncDispose]: async () => file.free(),
  };
}

/** Every row group of a file, in order. */
export async function* readBlocks(
  path: string,
  columns: readonly Pick<ColumnDef, 'name' | 'type'>[],
): AsyncGenerator<ColumnBlock> {
  await using reader = await openParquet(path, columns);
  for (let group = 0; group < reader.rowGroups; group++) yield await reader.readGroup(group);
}

/**
 * Blocks as the library's record batches. A failing source ends the stream and is kept: the library would
 * bury its error.
 */
class BatchSource {
  readonly #content: ParquetContent;
  #failure: { readonly error: unknown } | null = null;

  constructor(content: ParquetContent) {
    this.#content = content;
  }

  stream(): ReadableStream {
    return Readable.toWeb(Readable.from(this.#batches())) as ReadableStream;
  }

  rethrow(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  async *#batches(): AsyncGenerator<parquet.RecordBatch> {
    const { blocks, columns } = this.#content;
    let yielded = 0;
    try {
      for await (const block of blocks) {
        const batch = recordBatch(block, columns);
        yielded++;
        yield batch;
      }
    } catch (error) {
      this.#failure = { error };
    }
    // The library needs one batch to know the schema.
    if (yielded === 0) yield recordBatch(emptyBlock(columns), columns);
  }
}

function recordBatch(block: ColumnBlock, columns: readonly ColumnDef[]): parquet.RecordBatch {
  try {
    const bytes = encodeBlock(block, columns);
    const table = parquet.Table.fromIPCStream(bytes);
    freeMemory([bytes]);
    return table.recordBatch(0)!;
  } catch (cause) {
    const value = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError({ kind: 'internal', what: 'rows that no table can hold', value }, { cause });
  }
}

/** What goes into the key-value metadata besides Arrow's own schema. */
function notes({ columns, metadata, use }: ParquetContent): Record<string, string> {
  const described = columns.map(({ name, type, unit, nullable, description }) => ({
    name,
    type,
    unit,
    nullable,
    description,
  }));
  const units = use === 'final' ? { 'tessera:columns': JSON.stringify(described) } : {};
  const own = typeof metadata === 'function' ? metadata() : metadata;
  return { ...own, ...units, layoutVersion: String(TABLE_LAYOUT_VERSION) };
}

function writerProperties({ columns, use, groupRows }: ParquetContent): parquet.WriterProperties {
  let builder = new parquet.WriterPropertiesBuilder()
    .setCompression(use === 'final' ? parquet.Compression.ZSTD : parquet.Compression.SNAPPY)
    .setCreatedBy(CREATED_BY)
    .setMaxRowGroupSize(groupRows ?? groupRowsOf(use, 0))
    .setStatisticsEnabled(use === 'final' ? parquet.EnabledStatistics.Chunk : parquet.EnabledStatistics.None)
    .setDictionaryEnabled(use === 'final');
  for (const { name, type } of columns) {
    // Hashes do not repeat within a row group: trying a dictionary first costs half as much again.
    if (type === 'fixed[16]' || type === 'binary') builder = builder.setColumnDictionaryEnabled(name, false);
    const delta = use === 'final' ? DELTA_ENCODED[name] : undefined;
    if (delta === undefined) continue;
    builder = builder.setColumnDictionaryEnabled(name, false).setColumnEncoding(name, delta);
  }
  return builder.build();
}

/** Columns whose values grow from row to row: a fifth of the bytes, and faster to write. */
const DELTA_ENCODED: Readonly<Record<string, parquet.Encoding>> = {
  point_id: parquet.Encoding.DELTA_BINARY_PACKED,
  source_id: parquet.Encoding.DELTA_BYTE_ARRAY,
};

/** Largest row group of any file: a commit holds one or two of them, in several copies, for each part under way. */
export const ROW_GROUP_ROWS = 65_536;

/** Small, because the commit holds one row group of every segment at once. */
export const SEGMENT_GROUP_ROWS = 4_096;

/** Code bytes of a row group: wide codes (of 8 KiB, say) would fill a worker's memory by one group of narrow ones' rows. */
const GROUP_CODE_BYTES = { final: 32 * 2 ** 20, segment: 2 ** 20 };

/** Rows of a row group whose rows hold `codeBytes` bytes of codes: the usual number, halved until they are few enough. */
export function groupRowsOf(use: ParquetUse, codeBytes: number): number {
  let rows = use === 'final' ? ROW_GROUP_ROWS : SEGMENT_GROUP_ROWS;
  while (rows > 1 && rows * codeBytes > GROUP_CODE_BYTES[use]) rows /= 2;
  return rows;
}

/** Entries of list columns without rows. */
const EMPTY_ENTRIES: Readonly<Partial<Record<ColumnType, ColumnValues>>> = {
  'list<int32>': new Int32Array(0),
  'list<float32>': new Float32Array(0),
  'list<float64>': new Float64Array(0),
};

/** No rows of these columns. */
export function emptyBlock(columns: readonly ColumnDef[]): ColumnBlock {
  const data = columns.map(({ name, type }) => {
    const variable = type === 'utf8' || type === 'binary' || type.startsWith('list<');
    const values = EMPTY_ENTRIES[type] ?? new Uint8Array(0);
    return [
      name,
      { values, offsets: variable ? new Int32Array(1) : null, validity: null, dictionary: [] },
    ] as const;
  });
  return { rows: 0, columns: new Map(data) };
}
