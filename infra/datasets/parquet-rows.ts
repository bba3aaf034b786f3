// Rows of Parquet files as batches: values are normalised here, images handed on as bytes.

import { basename } from 'node:path';
import type { DuckDBDataChunk } from '@duckdb/node-api';
import { DuckDBBlobVector, DuckDBListVector } from '@duckdb/node-api';
import { z } from 'zod';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { InputBatch } from '../../activities/ports.ts';
import { dataFileSchema } from './data-file.ts';
import { dataInvalid, nonFinite, shapeMismatch } from './faults.ts';
import type { LabelCodes, RawLabel } from './labels.ts';
import type { Normaliser } from './normalise.ts';
import type { ParquetQueries } from './parquet-query.ts';
import { parquetSource } from './parquet-query.ts';
import type { ReadOptions } from './reader-options.ts';
import type { PendingSample } from './sample-batches.ts';

/** A range of rows of one file, with the SQL that reads it. */
export const parquetPartSchema = z.object({
  file: dataFileSchema,
  firstRow: z.number(),
  rows: z.number(),
  /** Rows asked of DuckDB at once: bounds the bytes of wide rows that are held together. */
  sliceRows: z.number(),
  kind: z.enum(['image', 'values']),
  sql: z.string(),
  labelSql: z.string().nullable(),
});

export type ParquetPart = Readonly<z.infer<typeof parquetPartSchema>>;

interface PartChunk {
  readonly part: ParquetPart;
  readonly chunk: DuckDBDataChunk;
  /** Row number of the chunk's first row within its file. */
  readonly row: number;
}

/** Chunks of the parts' rows after the first `skip` of them. */
async function* chunksOf(
  queries: ParquetQueries,
  parts: readonly ParquetPart[],
  skip: number,
): AsyncGenerator<PartChunk> {
  let left = skip;
  for (const part of parts) {
    const skipped = Math.min(left, part.rows);
    left -= skipped;
    const end = part.firstRow + part.rows;
    for (let row = part.firstRow + skipped; row < end; ) {
      const to = Math.min(end, row + part.sliceRows);
      const start = row;
      const where = `file_row_number >= ${row} AND file_row_number < ${to}`;
      const columns = part.labelSql === null ? part.sql : `${part.sql}, ${part.labelSql}`;
      const sql = `SELECT ${columns} FROM ${parquetSource(part.file.path)} WHERE ${where}`;
      for await (const chunk of queries.chunks(part.file.path, sql)) {
        yield { part, chunk, row };
        row += chunk.rowCount;
      }
      if (row !== to)
        throw dataInvalid(part.file.path, 'the file has fewer rows than planned', {
          value: `${row - start} of ${to - start}`,
        });
    }
  }
}

/** Encoded images, one pending sample per row. */
export async function* imageRows(
  queries: ParquetQueries,
  parts: readonly ParquetPart[],
  { skip, codes }: { skip: number; codes: LabelCodes },
): AsyncGenerator<PendingSample> {
  for await (const { part, chunk, row } of chunksOf(queries, parts, skip)) {
    const images = chunk.getColumnVector(0);
    if (!(images instanceof DuckDBBlobVector)) throw new Error('an image column is not a blob');
    const labels = part.labelSql === null ? null : chunk.getColumnValues(1);
    const name = basename(part.file.path);
    for (let i = 0; i < chunk.rowCount; i++) {
      const where = `${part.file.path} row ${row + i}`;
      const fetch = async () => {
        const image = images.getItem(i);
        if (image === null) throw dataInvalid(where, 'the row holds no image bytes', { value: 'null' });
        return image.bytes;
      };
      yield {
        sourceId: `${name}#${row + i}`,
        where,
        label: codes.idOf(labels?.[i] as RawLabel, () => where),
        fetch,
      };
    }
  }
}

export interface ValueOptions extends ReadOptions {
  readonly codes: LabelCodes;
  readonly normaliser: Normaliser;
}

/**
 * Batches of rows of numbers.
 * @throws PipelineError `shape-mismatch`, `non-finite-input` or `data-invalid` naming the file and row.
 */
export async function* valueBatches(
  queries: ParquetQueries,
  { shard, parts }: { shard: ShardSpec; parts: readonly ParquetPart[] },
  options: ValueOptions,
): AsyncGenerator<InputBatch> {
  const { plan, batchRows, fromBatch, signal, normaliser } = options;
  const { rowLength } = normaliser;
  const rows = Math.min(batchRows, shard.samples);
  if (rows * rowLength > MOST_VALUES) throw tooLarge(parts, { rows, rowLength });
  const target = newTarget(rows, rowLength);
  const labelled = parts.some(({ labelSql }) => labelSql !== null);
  let done = fromBatch * batchRows;
  for await (const found of chunksOf(queries, parts, done)) {
    signal?.throwIfAborted();
    for (let from = 0; from < found.chunk.rowCount; ) {
      const wanted = Math.min(batchRows, shard.samples - done);
      const rows = Math.min(found.chunk.rowCount - from, wanted - target.sourceIds.length);
      copyRows(found, { from, rows, target, options });
      from += rows;
      if (target.sourceIds.length < wanted) continue;
      yield {
        batch: Math.floor(done / batchRows),
        firstSample: shard.firstSample + done,
        samples: wanted,
        input: {
          type: 'float32',
          data: target.out.subarray(0, wanted * rowLength),
          dims: [wanted, ...plan.sampleShape],
        },
        labels: labelled ? target.labels.subarray(0, wanted) : null,
        sourceIds: target.sourceIds,
        tokens: null,
      };
      done += wanted;
      target.sourceIds = [];
    }
  }
}

/** Values of a batch, 12 bytes each: more is a damaged file's idea of a row. */
const MOST_VALUES = 2 ** 28;

function tooLarge(
  [first]: readonly ParquetPart[],
  { rows, rowLength }: { readonly rows: number; readonly rowLength: number },
): Error {
  return dataInvalid(first?.file.path ?? 'dataset.data', 'a batch of its rows does not fit in memory', {
    value: `${rows} rows of ${rowLength} values`,
    remedy: 'Check the file, or lower stream.batchRows',
  });
}

interface Target {
  /** `[rows, rowLength]` values as read. */
  readonly raw: Float64Array;
  readonly out: Float32Array;
  readonly labels: Int32Array;
  sourceIds: string[];
}

function newTarget(rows: number, rowLength: number): Target {
  const values = rows * rowLength;
  return {
    raw: new Float64Array(values),
    out: new Float32Array(values),
    labels: new Int32Array(rows),
    sourceIds: [],
  };
}

/** Appends rows of a chunk to the batch under way. */
function copyRows(
  { part, chunk, row }: PartChunk,
  { from, rows, target, options }: { from: number; rows: number; target: Target; options: ValueOptions },
): void {
  const { codes, normaliser, plan } = options;
  const { rowLength } = normaliser;
  const whereOf = (fileRow: number) => `${part.file.path} row ${fileRow}`;
  const lists = chunk.getColumnVector(0);
  if (!(lists instanceof DuckDBListVector)) throw new Error('a column of values is not a list');
  const labels = part.labelSql === null ? null : chunk.getColumnVector(1);
  const name = basename(part.file.path);
  const at = target.sourceIds.length;
  for (let i = 0; i < rows; i++) {
    const length = lists.getEntryLength(from + i);
    if (length !== rowLength) throw shapeMismatch(whereOf(row + from + i), [length], plan.sampleShape);
    copyList(lists, from + i, target.raw.subarray(i * rowLength, (i + 1) * rowLength));
    target.sourceIds.push(`${name}#${row + from + i}`);
    if (labels === null) continue;
    const label = labels.getItem(from + i) as RawLabel;
    target.labels[at + i] = codes.idOf(label, () => whereOf(row + from + i));
  }
  const bad = normaliser.apply(target.raw, target.out, { rows, at: at * rowLength });
  if (bad < 0) return;
  const value = target.raw.subarray(bad * rowLength).find((raw) => !Number.isFinite(raw)) ?? Infinity;
  throw nonFinite(part.file.path, row + from + bad, value);
}

function copyList(lists: DuckDBListVector, index: number, raw: Float64Array): void {
  const offset = lists.getEntryOffset(index);
  const values = lists.childVector;
  for (let i = 0; i < raw.length; i++) {
    const value = values.getItem(offset + i);
    // A null among the numbers becomes NaN, which the transform reports.
    raw[i] = value === null ? Number.NaN : Number(value);
  }
}
