// Column buffers from single cells, as experiments and the small tables make them, and back.

import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { Cell } from '../../activities/experiments/experiment.ts';
import { type ColumnData, type ColumnValues, columnOf, type ColumnBlock } from './column-block.ts';

type NumberArray = Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

const NUMBERS: Readonly<
  Partial<Record<ColumnType, new (values: ArrayLike<number> | number) => NumberArray>>
> = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
  'list<int32>': Int32Array,
  'list<float32>': Float32Array,
  'list<float64>': Float64Array,
};

const INTEGERS: Readonly<Partial<Record<ColumnType, number>>> = { int8: 7, int16: 15, int32: 31 };

/** The name of a table or message, for faults. */
export interface CellsPlace {
  readonly where: string;
}

/**
 * A column from cells; typed arrays of the column's own type are taken as they are.
 * @throws PipelineError `internal` naming column and row where a cell does not fit the column's definition.
 */
export function columnFromCells(column: ColumnDef, cells: ArrayLike<Cell>, place: CellsPlace): ColumnData {
  const { type } = column;
  const Numbers = NUMBERS[type];
  if (Numbers !== undefined && !type.startsWith('list<') && cells instanceof Numbers)
    return { values: cells as NumberArray, offsets: null, validity: null };
  const list = Array.from(cells);
  const validity = validityOf(column, list, place);
  switch (type) {
    case 'utf8':
      return { ...joined(list.map((cell) => Buffer.from(`${cell ?? ''}`))), validity };
    case 'binary':
      return { ...joined(list.map((cell, row) => bytesOf(cell, column, { ...place, row }))), validity };
    case 'fixed[16]': {
      const rows = list.map((cell, row) => digestOf(cell, column, { ...place, row }));
      return { values: joined(rows).values, offsets: null, validity };
    }
    case 'bool':
      return { values: bits(list.map((cell) => cell === true)), offsets: null, validity };
    case 'int64':
    case 'timestamp[ms,UTC]': {
      const values = BigInt64Array.from(list, (cell) => BigInt((cell ?? 0) as number | bigint));
      return { values, offsets: null, validity };
    }
    case 'int8':
    case 'int16':
    case 'int32':
      checkIntegers(column, list, place);
      return { values: new Numbers!(list.map(Number)), offsets: null, validity };
    case 'float32':
    case 'float64':
      return { values: new Numbers!(list.map(Number)), offsets: null, validity };
    case 'list<int32>':
    case 'list<float32>':
    case 'list<float64>':
      return {
        ...joined(
          list.map((cell) => new Numbers!((cell ?? []) as ArrayLike<number>)),
          type,
        ),
        validity,
      };
    case 'dictionary<int32,utf8>':
      throw unfit(column, { ...place, row: 0 }, 'cells cannot make a dictionary');
  }
}

/**
 * A block's column as cells: typed arrays for numbers without nulls, else an array with null for missing values.
 */
export function cellsOfColumn(
  block: ColumnBlock,
  { name, type }: Pick<ColumnDef, 'name' | 'type'>,
): ArrayLike<Cell> {
  const column = columnOf(block, name);
  const { values, offsets, validity, dictionary } = column;
  if (NUMBERS[type] !== undefined && offsets === null && validity === null) return values as NumberArray;
  const isValid = (row: number) => validity === null || isSet(validity, row);
  return Array.from({ length: block.rows }, (_, row) => (isValid(row) ? cellAt(row) : null));

  function cellAt(row: number): Cell {
    if (dictionary !== undefined) return dictionary[Number(values[row])] ?? null;
    if (type === 'bool') return isSet(values as Uint8Array, row);
    if (type === 'fixed[16]') return (values as Uint8Array).slice(row * 16, row * 16 + 16);
    if (offsets === null) return values[row]!;
    const entries = values.slice(offsets[row]!, offsets[row + 1]!);
    return type === 'utf8' ? Buffer.from(entries as Uint8Array).toString() : (entries as Int32Array);
  }
}

function isSet(bitmap: Uint8Array, row: number): boolean {
  return ((bitmap[row >> 3]! >> (row & 7)) & 1) === 1;
}

function validityOf(column: ColumnDef, cells: readonly Cell[], place: CellsPlace): Uint8Array | null {
  const row = cells.findIndex((cell) => cell === null || cell === undefined);
  if (row < 0) return null;
  if (!column.nullable)
    throw unfit(column, { ...place, row }, 'no value in a column that has no missing ones');
  return bits(cells.map((cell) => cell !== null && cell !== undefined));
}

function checkIntegers(column: ColumnDef, cells: readonly Cell[], place: CellsPlace): void {
  const limit = 2 ** INTEGERS[column.type]!;
  const row = cells.findIndex((cell) => {
    const value = Number(cell ?? 0);
    return !Number.isInteger(value) || value < -limit || value >= limit;
  });
  if (row >= 0) throw unfit(column, { ...place, row }, `${String(cells[row])} is no ${column.type}`);
}

function digestOf(cell: Cell, column: ColumnDef, place: CellsPlace & { row: number }): Uint8Array {
  if (cell === null) return new Uint8Array(16);
  const bytes = bytesOf(cell, column, place);
  if (bytes.byteLength !== 16) throw unfit(column, place, `${bytes.byteLength} bytes instead of 16`);
  return bytes;
}

function bytesOf(cell: Cell, column: ColumnDef, place: CellsPlace & { row: number }): Uint8Array {
  if (cell === null) return new Uint8Array(0);
  if (cell instanceof Uint8Array) return cell;
  throw unfit(column, place, 'not bytes');
}

/** Values behind each other, with the offsets between them. */
function joined(
  parts: readonly (Uint8Array | NumberArray)[],
  type: ColumnType = 'binary',
): {
  values: ColumnValues;
  offsets: Int32Array;
} {
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row]! + part.length;
  });
  const Values = NUMBERS[type] ?? Uint8Array;
  const out = new Values(offsets[parts.length]!) as NumberArray;
  parts.forEach((part, row) => {
    out.set(part as NumberArray, offsets[row]!);
  });
  return { values: out, offsets };
}

function bits(flags: readonly boolean[]): Uint8Array {
  const bitmap = new Uint8Array((flags.length + 7) >> 3);
  flags.forEach((flag, row) => {
    if (flag) bitmap[row >> 3]! |= 1 << (row & 7);
  });
  return bitmap;
}

function unfit(
  { name }: ColumnDef,
  { where, row }: CellsPlace & { row: number },
  what: string,
): PipelineError {
  return new PipelineError({ kind: 'internal', where: `${where}, column ${name}, row ${row}`, what });
}
