// Rows of a table by the values of some of its columns.

import type { Cell, ReadTable } from './experiment.ts';

/** Rows that agree in the key columns. */
export interface RowGroup {
  /** Values of the key columns, in their order. */
  readonly key: readonly string[];
  /** Row numbers, ascending. */
  readonly rows: readonly number[];
}

/** Groups of rows in the order in which their keys first occur. */
export function groupRows({ rows, columns }: ReadTable, by: readonly string[]): RowGroup[] {
  const groups = new Map<string, { key: string[]; rows: number[] }>();
  for (let row = 0; row < rows; row++) {
    const key = by.map((name) => String(columns[name]![row]));
    const id = JSON.stringify(key);
    const group = groups.get(id) ?? { key, rows: [] };
    group.rows.push(row);
    groups.set(id, group);
  }
  return [...groups.values()];
}

/** A cell as a number; null where it is missing. 64-bit counts lose nothing: they are far below 2^53. */
export function numberAt(column: ArrayLike<Cell>, row: number): number | null {
  const cell = column[row];
  if (cell === null || cell === undefined) return null;
  const value = Number(cell);
  return Number.isNaN(value) ? null : value;
}
