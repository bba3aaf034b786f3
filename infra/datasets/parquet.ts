// Parquet: images, lists or scalar columns, streamed by ranges of rows.

import { basename } from 'node:path';
import type { DuckDBBlobValue } from '@duckdb/node-api';
import { z } from 'zod';
import type { DatasetConfig } from '#schemas/config.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { DatasetPlan, DatasetReader, InputBatch } from '../../activities/ports.ts';
import { elementsOf } from './array-header.ts';
import { fileSummary, identifyFile, openDataFile } from './data-file.ts';
import { configInvalid, dataInvalid, isBadFile, shapeMismatch } from './faults.ts';
import { findFiles } from './globs.ts';
import { makeImageDecoder, readImageSize, shapeOfSize } from './image-decoder.ts';
import type { LabelSummary, RawLabel } from './labels.ts';
import { LabelCodes, LabelTally, NO_LABELS } from './labels.ts';
import { makeNormaliser } from './normalise.ts';
import type { ParquetInput } from './parquet-columns.ts';
import { chooseColumns } from './parquet-columns.ts';
import type { ParquetQueries } from './parquet-query.ts';
import { parquetQueries, parquetSource } from './parquet-query.ts';
import type { ParquetPart } from './parquet-rows.ts';
import { imageRows, parquetPartSchema, valueBatches } from './parquet-rows.ts';
import type { PlanOptions, ReadOptions } from './reader-options.ts';
import { decodedBatches } from './sample-batches.ts';
import { cutShards, rowRange, sliceParts } from './shards.ts';
import { keepGood } from './skipping.ts';

const locatorSchema = z.object({ parts: z.array(parquetPartSchema) });

interface PlannedFile {
  readonly part: ParquetPart;
  readonly labels: LabelSummary;
  /** Shape of the file's first sample; null in an empty file. */
  readonly shape: readonly number[] | null;
}

/** Bytes of one column asked of DuckDB at once; it hands over 2,048 rows at a time, however wide they are. */
const SLICE_BYTES = 32 << 20;

/**
 * Reader of Parquet files. Lists of any depth are taken in their order, so `transform.shape` only has to have
 * as many values.
 * @throws PipelineError (from plan) `data-missing`, `data-invalid`, `shape-mismatch` naming the file;
 * `config-invalid` for columns.
 */
export async function openParquet(config: DatasetConfig): Promise<DatasetReader> {
  const queries = parquetQueries();
  return {
    plan: (options) => planParquet(config, queries, options),
    read: (shard, options) => readParquet(config, queries, { shard, options }),
    close: async () => queries.close(),
  };
}

async function planParquet(
  config: DatasetConfig,
  queries: ParquetQueries,
  options: PlanOptions,
): Promise<DatasetPlan> {
  const paths = await findFiles(config.data, { key: 'data' });
  const { kept, skipped } = await keepGood(paths, config, (path) =>
    planFile(path, queries, { config, options }),
  );
  const kinds = new Set(kept.map(({ part }) => part.kind));
  if (kinds.size > 1)
    throw configInvalid('dataset.column', 'the column holds images in one file and numbers in another');
  const parts = kept.map(({ part }) => part);
  const total = parts.reduce((sum, { rows }) => sum + rows, 0);
  const range = rowRange(config, { total, unit: 'rows' });
  const sampleShape = config.transform.shape ?? kept.find(({ shape }) => shape !== null)?.shape ?? [];
  if (total > 0) readerOf(config, { sampleShape, kind: (parts[0] as ParquetPart).kind });
  const tally = new LabelTally();
  for (const { labels, part } of kept) tally.merge(labels, part.file.path);
  const { shardRows } = config;
  const locate = (rows: typeof range) => ({
    parts: sliceParts(parts, rows).map(({ part, firstRow, rows }) => ({ ...part, firstRow, rows })),
  });
  return {
    shards: cutShards(range, { shardRows, batchRows: options.batchRows, locate }),
    samples: range.to - range.from,
    points: range.to - range.from,
    ...(config.labels === undefined ? NO_LABELS : tally.finish()),
    files: parts.map(({ file }) => fileSummary(file)),
    skipped,
    sampleShape,
  };
}

async function planFile(
  path: string,
  queries: ParquetQueries,
  { config, options }: { config: DatasetConfig; options: PlanOptions },
): Promise<PlannedFile> {
  const file = await identifyFile(path, options);
  if (file.gzip)
    throw dataInvalid(path, 'a Parquet file is not gzipped as a whole', { remedy: 'Inflate it first' });
  options.onProgress?.(`reading the columns of ${basename(path)}`);
  const source = parquetSource(file.path);
  const columns = await queries.rows(path, `DESCRIBE SELECT * EXCLUDE (file_row_number) FROM ${source}`);
  const described = columns.map(([name, type]) => ({ name: String(name), type: String(type) }));
  const input = chooseColumns(described, config, path);
  const [[rows] = [0n]] = await queries.rows(path, `SELECT count(*) FROM ${source}`);
  const part = {
    file,
    firstRow: 0,
    rows: Number(rows),
    sliceRows: 1,
    kind: input.kind,
    sql: input.sql,
    labelSql: input.labelSql,
  };
  const sliceRows = Math.max(32, Math.floor((SLICE_BYTES * part.rows) / Math.max(1, file.bytes)));
  const shape = part.rows === 0 ? null : await firstShape(path, queries, { input, config });
  return { part: { ...part, sliceRows }, labels: await labelsOf(path, queries, input), shape };
}

async function labelsOf(
  path: string,
  queries: ParquetQueries,
  { labelSql }: ParquetInput,
): Promise<LabelSummary> {
  if (labelSql === null) return NO_LABELS;
  const tally = new LabelTally();
  const distinct = `SELECT DISTINCT ${labelSql} FROM ${parquetSource(path)}`;
  for await (const chunk of queries.chunks(path, distinct)) {
    for (const value of chunk.getColumnValues(0)) tally.add(value as RawLabel, path);
  }
  return tally.finish();
}

async function firstShape(
  path: string,
  queries: ParquetQueries,
  { input, config }: { input: ParquetInput; config: DatasetConfig },
): Promise<readonly number[]> {
  const wanted = config.transform.shape;
  const where = 'WHERE file_row_number = 0';
  if (input.kind === 'values') {
    const [[length] = [null]] = await queries.rows(
      path,
      `SELECT len(${input.sql}) FROM ${parquetSource(path)} ${where}`,
    );
    const shape = [Number(length ?? 0)];
    if (wanted !== undefined && elementsOf(wanted) !== shape[0])
      throw shapeMismatch(`${path} row 0`, shape, wanted);
    return shape;
  }
  if (wanted !== undefined) return wanted;
  return imageShape(path, queries, { input, config, row: 0 });
}

/** With `onError: skip` one of the first images that can be read tells the shape. */
const ROWS_TRIED = 64;

async function imageShape(
  path: string,
  queries: ParquetQueries,
  { input, config, row }: { input: ParquetInput; config: DatasetConfig; row: number },
): Promise<readonly number[]> {
  const where = `${path} row ${row}`;
  const sql = `SELECT ${input.sql} FROM ${parquetSource(path)} WHERE file_row_number = ${row}`;
  const [found] = await queries.rows(path, sql);
  try {
    if (found?.[0] == null) throw dataInvalid(where, 'the row holds no image bytes', { value: 'null' });
    return shapeOfSize(await readImageSize((found[0] as DuckDBBlobValue).bytes, where), config.transform);
  } catch (error) {
    const isLast = found === undefined || row + 1 === ROWS_TRIED;
    if (config.onError === 'fail' || isLast || !isBadFile(error)) throw error;
    return imageShape(path, queries, { input, config, row: row + 1 });
  }
}

function readerOf(
  { transform }: DatasetConfig,
  { sampleShape, kind }: { sampleShape: readonly number[]; kind: ParquetPart['kind'] },
) {
  if (kind === 'image') return { kind, decoder: makeImageDecoder({ transform, sampleShape }) } as const;
  return { kind, normaliser: makeNormaliser({ transform, sourceShape: sampleShape, sampleShape }) } as const;
}

async function* readParquet(
  config: DatasetConfig,
  queries: ParquetQueries,
  { shard, options }: { shard: ShardSpec; options: ReadOptions },
): AsyncGenerator<InputBatch> {
  const { parts } = locatorSchema.parse(shard.locator);
  // Opening checks that the file is the one that was planned.
  for (const { file } of parts) await (await openDataFile(file, options))[Symbol.asyncDispose]();
  const codes = new LabelCodes(options.plan.labelNames);
  const kind = parts[0]?.kind ?? 'values';
  const reader = readerOf(config, { sampleShape: options.plan.sampleShape, kind });
  if (reader.kind === 'values') {
    yield* valueBatches(queries, { shard, parts }, { ...options, codes, normaliser: reader.normaliser });
    return;
  }
  const samples = imageRows(queries, parts, { skip: options.fromBatch * options.batchRows, codes });
  const labelled = config.labels !== undefined;
  yield* decodedBatches(shard, samples, {
    ...options,
    decoder: reader.decoder,
    onError: config.onError,
    labelled,
  });
}
