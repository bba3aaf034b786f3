// The last column of every final table.

import { type ColumnDef, RUN_ID_COLUMN, type TableDef } from '#schemas/columns/column.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';

/** Adds `run_id` to a table's columns and blocks, and counts the rows that pass. */
export function withRunId(
  { columns }: Pick<TableDef, 'columns'>,
  blocks: AsyncIterable<ColumnBlock>,
  { runId, onRows }: { readonly runId: string; readonly onRows: (rows: number) => void },
): { readonly columns: readonly ColumnDef[]; readonly blocks: AsyncIterable<ColumnBlock> } {
  const id = Buffer.from(runId);
  async function* extended(): AsyncGenerator<ColumnBlock> {
    for await (const block of blocks) {
      onRows(block.rows);
      const offsets = Int32Array.from({ length: block.rows + 1 }, (_, row) => row * id.length);
      const values = new Uint8Array(block.rows * id.length);
      for (let row = 0; row < block.rows; row++) values.set(id, row * id.length);
      const column = { values, offsets, validity: null };
      yield { rows: block.rows, columns: new Map([...block.columns, [RUN_ID_COLUMN.name, column]]) };
    }
  }
  return { columns: [...columns, RUN_ID_COLUMN], blocks: extended() };
}
