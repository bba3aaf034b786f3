// The small tables of a MetFlow run, written from rows.

import { join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import type { Cell } from '../../activities/experiments/experiment.ts';
import { finalContent } from '../aggregate/commit-task.ts';
import { blockOf } from '../lens/row-messages.ts';
import { withRunId } from '../lens/with-run-id.ts';
import { syncFolder } from '../blobs/storage.ts';
import { writeParquetWhole } from '../parquet/parquet-file.ts';

/** A row by column name, without `run_id`. */
export type TableRow = Readonly<Record<string, Cell>>;

/** Writes a table of one file, in place of what is there; it appears whole. */
export async function writeRows(
  table: TableDef,
  rows: readonly object[],
  { runDir, runId }: { readonly runDir: string; readonly runId: string },
): Promise<number> {
  const columns = table.columns.filter(({ name }) => name !== 'run_id');
  const cells = columns.map(({ name }) => [name, rows.map((row) => (row as TableRow)[name]!)] as const);
  const block = blockOf(
    { table: table.name, rows: rows.length, columns: Object.fromEntries(cells) },
    { columns },
  );
  const whole = withRunId({ ...table, columns }, blocksOf(block), { runId, onRows: () => undefined });
  const content = finalContent({ ...table, columns: whole.columns }, whole.blocks);
  await writeParquetWhole(join(runDir, table.path), content);
  await syncFolder(runDir);
  return rows.length;
}

async function* blocksOf<Block extends { readonly rows: number }>(block: Block): AsyncGenerator<Block> {
  if (block.rows > 0) yield block;
}
