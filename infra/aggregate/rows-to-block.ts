// Small tables (layers, units, runs) from plain rows, by their column definitions.

import type { ColumnDef } from '#schemas/columns/column.ts';
import type { Cell } from '../../activities/experiments/experiment.ts';
import { columnFromCells } from '../arrow/cells.ts';
import type { ColumnBlock, ColumnData } from '../arrow/column-block.ts';

/**
 * One column of cells per definition. Columns are functions of the row number, so that no row object is
 * made.
 */
export function blockOfCells(
  columns: readonly ColumnDef[],
  rows: number,
  cells: Readonly<Record<string, (row: number) => Cell>>,
): ColumnBlock {
  const data = columns.map((column): [string, ColumnData] => {
    const cell = cells[column.name];
    if (cell === undefined) throw new Error(`no cells for column ${column.name}`);
    const list = Array.from({ length: rows }, (_, row) => cell(row));
    return [column.name, columnFromCells(column, list, { where: 'a table of statistics' })];
  });
  return { rows, columns: new Map(data) };
}
