// Small tables (layers, units, runs) from plain rows, by their column definitions.

import type { ColumnDef } from '#schemas/columns/column.ts';
import type { ColumnBlock, ColumnData, ColumnValues } from '../arrow/column-block.ts';

export type Cell = string | number | bigint | boolean | null;

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
    return [column.name, columnOfCells(column, rows, cell)];
  });
  return { rows, columns: new Map(data) };
}

function columnOfCells({ type }: ColumnDef, rows: number, cell: (row: number) => Cell): ColumnData {
  const cells = Array.from({ length: rows }, (_, row) => cell(row));
  const validity = cells.includes(null) ? bits(cells.map((value) => value !== null)) : null;
  switch (type) {
    case 'utf8': {
      const texts = cells.map((value) => Buffer.from(`${value ?? ''}`));
      const offsets = new Int32Array(rows + 1);
      texts.forEach((text, row) => {
        offsets[row + 1] = offsets[row]! + text.length;
      });
      return { values: new Uint8Array(Buffer.concat(texts)), offsets, validity };
    }
    case 'bool':
      return { values: bits(cells.map((value) => value === true)), offsets: null, validity };
    case 'int64':
    case 'timestamp[ms,UTC]':
      return { values: BigInt64Array.from(cells, (value) => BigInt(value ?? 0)), offsets: null, validity };
    case 'int16':
    case 'int32':
    case 'float32':
    case 'float64':
      return { values: numbers(type, cells.map(Number)), offsets: null, validity };
    case 'binary':
    case 'fixed[16]':
    case 'list<int32>':
    case 'dictionary<int32,utf8>':
      throw new Error(`cells cannot make a ${type} column`);
  }
}

function numbers(type: 'int16' | 'int32' | 'float32' | 'float64', values: readonly number[]): ColumnValues {
  switch (type) {
    case 'int16':
      return Int16Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'float32':
      return Float32Array.from(values);
    case 'float64':
      return Float64Array.from(values);
  }
}

function bits(flags: readonly boolean[]): Uint8Array {
  const bitmap = new Uint8Array((flags.length + 7) >> 3);
  flags.forEach((flag, row) => {
    if (flag) bitmap[row >> 3]! |= 1 << (row & 7);
  });
  return bitmap;
}
