// Cells of every column type, through Arrow and Parquet, back by our own reader and by DuckDB.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { Cell } from '../../../activities/experiments/experiment.ts';
import { encodeBlock } from '../../../infra/arrow/arrow-columns.ts';
import { decodeBlock } from '../../../infra/arrow/ipc-batch.ts';
import { cellsOfColumn, columnFromCells } from '../../../infra/arrow/cells.ts';
import type { ColumnBlock } from '../../../infra/arrow/column-block.ts';
import { readBlocks, writeParquet } from '../../../infra/parquet/parquet-file.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cells-'));
});
afterAll(() => rm(folder, { recursive: true }));

const digest = (byte: number) => new Uint8Array(16).fill(byte);

/** Three rows per type, the middle one null where the column has missing values. */
const CASES: readonly (readonly [ColumnType, readonly Cell[], readonly unknown[]])[] = [
  ['int8', [-128, null, 127], [-128, null, 127]],
  ['int16', [-32768, null, 32767], [-32768, null, 32767]],
  ['int32', [-(2 ** 31), null, 2 ** 31 - 1], [-(2 ** 31), null, 2 ** 31 - 1]],
  ['int64', [7n, null, 2 ** 40], [7n, null, BigInt(2 ** 40)]],
  ['float32', [0.5, null, -1.25], [0.5, null, -1.25]],
  ['float64', [0.1, null, 1e300], [0.1, null, 1e300]],
  ['bool', [true, null, false], [true, null, false]],
  ['utf8', ['é', null, ''], ['é', null, '']],
  ['list<int32>', [[1, 2], null, Int32Array.of()], [[1, 2], null, []]],
  ['list<float32>', [[0.5], null, Float32Array.of(1, 2, 3)], [[0.5], null, [1, 2, 3]]],
  ['list<float64>', [Float64Array.of(0.1), null, [0.2, 0.3]], [[0.1], null, [0.2, 0.3]]],
];
const BYTES: readonly (readonly [ColumnType, readonly Cell[]])[] = [
  ['fixed[16]', [digest(1), null, digest(255)]],
  ['binary', [Uint8Array.of(1, 2, 3), null, new Uint8Array(0)]],
];

const define = (name: string, type: ColumnType, nullable = true): ColumnDef => {
  return { name, type, unit: '', nullable, description: '' };
};
const COLUMNS = [...CASES, ...BYTES].map(([type], i) => define(`c${i}`, type));
const PLACE = { where: 'test' };

function block(): ColumnBlock {
  const cells = [...CASES, ...BYTES].map(([, given], i) => {
    return [`c${i}`, columnFromCells(COLUMNS[i]!, given, PLACE)] as const;
  });
  return { rows: 3, columns: new Map(cells) };
}

/** Plain values: typed lists as arrays. */
const plain = (cells: ArrayLike<Cell>) =>
  Array.from(cells, (cell) => (ArrayBuffer.isView(cell) ? Array.from(cell as Float64Array) : cell));

const EXPECTED = [...CASES.map(([, , values]) => values), ...BYTES.map(([, given]) => plain(given))];

describe('columns from cells', () => {
  it('come back as they were given, through a message', () => {
    const decoded = decodeBlock(encodeBlock(block(), COLUMNS), COLUMNS, 'test');
    expect(COLUMNS.map((column) => plain(cellsOfColumn(decoded!, column)))).toEqual(EXPECTED);
  });

  it('are missed in a message without any, which would pass for one without rows', () => {
    const bytes = encodeBlock(block(), COLUMNS);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const schemaOnly = bytes.slice(0, 8 + view.getInt32(4, true) + 8);
    schemaOnly.set([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], schemaOnly.length - 8);
    for (const empty of [new Uint8Array(0), schemaOnly])
      expect(() => decodeBlock(empty, COLUMNS, 'task 3')).toThrow(
        'task 3: a message of the code log has no rows',
      );
  });

  it('come back as they were given, through a file, also by a foreign reader', async () => {
    const path = join(folder, 'cells.parquet');
    await writeParquet(path, { columns: COLUMNS, blocks: [block()], metadata: {}, use: 'final' });
    for await (const read of readBlocks(path, COLUMNS))
      expect(COLUMNS.map((column) => plain(cellsOfColumn(read, column)))).toEqual(EXPECTED);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const rows = (await connection.runAndReadAll(`SELECT * FROM '${path}'`)).getRowsJS();
    connection.closeSync();
    for (const [i, [, , values]] of CASES.entries()) expect(rows.map((row) => row[i])).toEqual(values);
    for (const [i, [, given]] of BYTES.entries())
      expect(plain(rows.map((row) => row[CASES.length + i] as Cell))).toEqual(plain(given));
  });

  it('write a file without rows', async () => {
    const path = join(folder, 'none.parquet');
    await writeParquet(path, { columns: COLUMNS, blocks: [], metadata: {}, use: 'final' });
    for await (const read of readBlocks(path, COLUMNS)) expect(read.rows).toBe(0);
  });

  it('take typed arrays of their own type as they are', () => {
    const values = Float64Array.of(1, 2);
    expect(columnFromCells(define('x', 'float64', false), values, PLACE).values).toBe(values);
    expect(columnFromCells(define('x', 'float32', false), values, PLACE).values).toEqual(
      Float32Array.of(1, 2),
    );
  });

  it.each([
    ['int8', [0, 128], '128 is no int8'],
    ['int32', [2 ** 31], '2147483648 is no int32'],
    ['int32', [0.5], '0.5 is no int32'],
    ['int32', Float64Array.of(1, Number.NaN), 'NaN is no int32'],
    ['fixed[16]', [new Uint8Array(15)], '15 bytes instead of 16'],
    ['binary', ['text'], 'not bytes'],
    ['utf8', ['a', null], 'no value in a column that has no missing ones'],
  ] as const)('refuse what does not fit %s', (type, cells, what) => {
    const make = () => columnFromCells(define('x', type, false), cells, { where: 'table t' });
    const row = cells.length - 1;
    expect(make).toThrow(PipelineError);
    expect(make).toThrow(`table t, column x, row ${row}: ${what}`);
  });
});
