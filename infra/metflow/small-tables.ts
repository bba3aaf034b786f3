// The small tables of a MetFlow run, written from rows and read as such.

import { dirname, join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import type { Cell } from '../../activities/experiments/experiment.ts';
import { finalContent } from '../aggregate/commit-task.ts';
import { blockOf } from '../lens/row-messages.ts';
import { withRunId } from '../lens/with-run-id.ts';
import { cellsOfColumn } from '../arrow/cells.ts';
import { makeFolder, syncFolder } from '../blobs/storage.ts';
import { readBlocks, writeParquetWhole } from '../parquet/parquet-file.ts';

/** A row by column name, without `run_id`. */
export type TableRow = Readonly<Record<string, Cell>>;

/**
 * Writes a table of one file, or one part of it, in place of what is there; it appears whole.
 * @param place.part - name of the part, where the table is a folder of them.
 */
export async function writeRows(
  table: TableDef,
  rows: readonly object[],
  { runDir, runId, part = '' }: { readonly runDir: string; readonly runId: string; readonly part?: string },
): Promise<number> {
  const columns = table.columns.filter(({ name }) => name !== 'run_id');
  const cells = columns.map(({ name }) => [name, rows.map((row) => (row as TableRow)[name]!)] as const);
  const block = blockOf(
    { table: table.name, rows: rows.length, columns: Object.fromEntries(cells) },
    { columns },
  );
  const whole = withRunId({ ...table, columns }, blocksOf(block), { runId, onRows: () => undefined });
  const content = finalContent({ ...table, columns: whole.columns }, whole.blocks);
  const file = join(runDir, table.path, part);
  await makeFolder(dirname(file));
  await writeParquetWhole(file, content);
  await syncFolder(dirname(file));
  return rows.length;
}

/** Rows of a table of one file by column name, with the columns given. */
export async function readRows(
  runDir: string,
  { path, columns }: Pick<TableDef, 'path' | 'columns'>,
): Promise<Readonly<Record<string, unknown>>[]> {
  const rows: Record<string, unknown>[] = [];
  for await (const block of readBlocks(join(runDir, path), columns)) {
    const cells = columns.map((column) => [column.name, cellsOfColumn(block, column)] as const);
    for (let row = 0; row < block.rows; row++)
      rows.push(Object.fromEntries(cells.map(([name, values]) => [name, values[row]])));
  }
  return rows;
}

async function* blocksOf<Block extends { readonly rows: number }>(block: Block): AsyncGenerator<Block> {
  if (block.rows > 0) yield block;
}
