// Tables as a notebook reads them: by DuckDB, from the files alone.

import { join } from 'node:path';
import { DuckDBInstance, type JS } from '@duckdb/node-api';
import { TABLES } from '#schemas/columns/tables.ts';

export type TableName = 'runs' | 'layers' | 'units' | 'points' | 'regions';
export type Cell = JS;

/** Rows of one table in file order; blobs are bytes, lists arrays, 64-bit integers bigint. */
export async function tableRows(
  runDir: string,
  table: TableName,
  { columns = '*' } = {},
): Promise<Record<string, Cell>[]> {
  const { path } = TABLES.find(({ name }) => name === table)!;
  return parquetRows(path.endsWith('/') ? join(runDir, path, '*.parquet') : join(runDir, path), { columns });
}

/** Rows of a Parquet file, or of files under a pattern. */
export async function parquetRows(files: string, { columns = '*' } = {}): Promise<Record<string, Cell>[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(
      `SELECT ${columns} FROM read_parquet('${files.replaceAll("'", "''")}')`,
    );
    return reader.getRowObjectsJS() as Record<string, Cell>[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
