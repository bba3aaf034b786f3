// Tables of run folders, column by column, as experiments read them.

import { join } from 'node:path';
import type { ColumnDef } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { Cell, ReadTable } from '../../activities/experiments/experiment.ts';
import { cellsOfColumn } from '../arrow/cells.ts';
import { isFile, namesIn } from '../blobs/storage.ts';
import { checkLayout } from '../parquet/layout-version.ts';
import { openParquet, readBlocks } from '../parquet/parquet-file.ts';
import { readManifest } from '../run-manifest.ts';

type NamedColumn = Pick<ColumnDef, 'name' | 'type'>;

/**
 * Columns of a table of a finished run, rows in file order.
 * @throws PipelineError `data-missing` where there is no such finished run or table, `data-invalid` for an unknown column.
 */
export async function readRunTable(
  runDir: string,
  table: string,
  columns: readonly string[],
): Promise<ReadTable> {
  const manifest = await readManifest(runDir);
  if (manifest?.status !== 'done') {
    const what = manifest === null ? 'this folder holds no run' : 'this run has not finished';
    const remedy = 'Give the folder of a finished run; tessera list shows them.';
    throw new PipelineError({ kind: 'data-missing', where: 'runs', what, value: runDir, remedy });
  }
  const files = await tableFiles(runDir, table);
  await checkLayout(files[0]!, runDir);
  return readFiles(files, await namedColumns(files[0]!, columns));
}

/** The Parquet files of a table: one, or parts in order. */
export async function tableFiles(folder: string, table: string): Promise<string[]> {
  const file = join(folder, `${table}.parquet`);
  if (await isFile(file)) return [file];
  const parts = await namesIn(join(folder, table));
  if (parts.length > 0) return parts.map((part) => join(folder, table, part));
  const remedy = 'tessera schema lists the tables of each kind of run.';
  throw new PipelineError({
    kind: 'data-missing',
    where: folder,
    what: 'the run has no such table',
    value: table,
    remedy,
  });
}

/** Columns by the definitions that the file itself carries: points have columns that depend on their run. */
async function namedColumns(file: string, names: readonly string[]): Promise<NamedColumn[]> {
  await using reader = await openParquet(file, []);
  const described = JSON.parse(reader.metadata.get('tessera:columns') ?? '[]') as NamedColumn[];
  return names.map((name) => {
    const found = described.find((column) => column.name === name);
    if (found !== undefined) return found;
    const value = described.map((column) => column.name).join(', ');
    throw new PipelineError({
      kind: 'data-invalid',
      where: file,
      what: `the table has no column ${name}`,
      value,
    });
  });
}

/** Columns of files with the same columns, rows one behind the other. */
export async function readFiles(
  files: readonly string[],
  columns: readonly NamedColumn[],
): Promise<ReadTable> {
  let rows = 0;
  const parts = new Map(columns.map(({ name }) => [name, [] as ArrayLike<Cell>[]]));
  for (const file of files) {
    for await (const block of readBlocks(file, columns)) {
      rows += block.rows;
      for (const column of columns) parts.get(column.name)!.push(cellsOfColumn(block, column));
    }
  }
  const joinedColumns = columns.map(({ name }) => [name, joined(parts.get(name)!)] as const);
  return { rows, columns: Object.fromEntries(joinedColumns) };
}

/** Typed arrays stay typed where every part is. */
function joined(parts: readonly ArrayLike<Cell>[]): ArrayLike<Cell> {
  const [first] = parts;
  if (first === undefined) return [];
  if (parts.length === 1) return first;
  if (!parts.every((part) => ArrayBuffer.isView(part) && part.constructor === first.constructor))
    return parts.flatMap((part) => Array.from(part));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new (first.constructor as new (length: number) => Float64Array)(length);
  let at = 0;
  for (const part of parts) {
    all.set(part as Float64Array, at);
    at += part.length;
  }
  return all;
}
