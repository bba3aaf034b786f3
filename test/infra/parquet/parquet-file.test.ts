// Files read back by a reader that shares no code with the writer, and written again to the same bytes.

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import type { ColumnBlock, ColumnData } from '../../../infra/arrow/column-block.ts';
import { joinSlices } from '../../../infra/arrow/column-block.ts';
import {
  openParquet,
  readBlocks,
  writeParquet,
  writeParquetWhole,
} from '../../../infra/parquet/parquet-file.ts';
import { PART_GROUPS, writeParts } from '../../../infra/parquet/part-files.ts';

const require = createRequire(import.meta.url);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-file-'));
});
afterAll(() => rm(folder, { recursive: true }));

const define = (name: string, type: ColumnType, nullable = false): ColumnDef => ({
  name,
  type,
  unit: `unit of ${name}`,
  nullable,
  description: 'test',
});

const COLUMNS = [
  define('digest', 'fixed[16]'),
  define('words', 'binary', true),
  define('count', 'int32'),
  define('ids', 'list<int32>'),
  define('name', 'utf8', true),
  define('class', 'dictionary<int32,utf8>', true),
  define('rate', 'float64'),
  define('on', 'bool'),
  define('big', 'int64'),
  define('small', 'int16', true),
];

const plain = (values: ColumnData['values'], validity: Uint8Array | null = null): ColumnData => ({
  values,
  offsets: null,
  validity,
});

/** Variable-size values of which the middle one is null. */
const bytes = (values: number[], offsets: number[]): ColumnData => {
  return {
    values: Uint8Array.from(values),
    offsets: Int32Array.from(offsets),
    validity: Uint8Array.of(0b101),
  };
};

const BLOCK: ColumnBlock = {
  rows: 3,
  columns: new Map<string, ColumnData>([
    ['digest', plain(Uint8Array.from({ length: 48 }, (_, i) => 255 - i))],
    ['words', bytes([1, 2, 3, 4, 9, 9, 9, 9], [0, 4, 4, 8])],
    ['count', plain(Int32Array.of(5, 2, 1))],
    ['ids', { values: Int32Array.of(7, 8, 9), offsets: Int32Array.of(0, 2, 2, 3), validity: null }],
    ['name', bytes([...Buffer.from('añb')], [0, 3, 3, 4])],
    ['class', { ...plain(Int32Array.of(1, 0, 0), Uint8Array.of(0b011)), dictionary: ['zero', 'one'] }],
    ['rate', plain(Float64Array.of(0.5, 0.25, 1))],
    ['on', plain(Uint8Array.of(0b101))],
    ['big', plain(BigInt64Array.of(1n, -1n, 2n ** 40n))],
    ['small', plain(Int16Array.of(1, 2, 3), Uint8Array.of(0))],
  ]),
};

async function collected<T>(items: AsyncIterable<T>, all: T[] = []): Promise<T[]> {
  for await (const item of items) all.push(item);
  return all;
}

const hashOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

describe('writeParquet', () => {
  test('writes a zstd file that DuckDB reads cell by cell', async () => {
    const path = join(folder, 'final.parquet');
    await writeParquet(path, {
      columns: COLUMNS,
      blocks: [BLOCK],
      metadata: { table: 'test' },
      use: 'final',
    });
    const connection = await (await DuckDBInstance.create()).connect();
    const read = async (query: string) => (await connection.runAndReadAll(query)).getRowObjectsJson();
    expect(
      await read(
        `SELECT hex(digest) AS digest, hex(words) AS words, * EXCLUDE (digest, words) FROM '${path}'`,
      ),
    ).toEqual([
      {
        digest: 'FFFEFDFCFBFAF9F8F7F6F5F4F3F2F1F0',
        words: '01020304',
        count: 5,
        ids: [7, 8],
        name: 'añ',
        class: 'one',
        rate: 0.5,
        on: true,
        big: '1',
        small: null,
      },
      {
        digest: 'EFEEEDECEBEAE9E8E7E6E5E4E3E2E1E0',
        words: null,
        count: 2,
        ids: [],
        name: null,
        class: 'zero',
        rate: 0.25,
        on: false,
        big: '-1',
        small: null,
      },
      {
        digest: 'DFDEDDDCDBDAD9D8D7D6D5D4D3D2D1D0',
        words: '09090909',
        count: 1,
        ids: [9],
        name: 'b',
        class: null,
        rate: 1,
        on: true,
        big: String(2 ** 40),
        small: null,
      },
    ]);
    const chunks = await read(`SELECT DISTINCT compression FROM parquet_metadata('${path}')`);
    expect(chunks).toEqual([{ compression: 'ZSTD' }]);
    const notes = await read(
      `SELECT decode("key") AS k, decode("value") AS v FROM parquet_kv_metadata('${path}') WHERE decode("key") != 'ARROW:schema'`,
    );
    const byKey = new Map(notes.map(({ k, v }) => [k, v]));
    expect([...byKey.keys()]).toEqual(['layoutVersion', 'table', 'tessera:columns']);
    expect(JSON.parse(String(byKey.get('tessera:columns')))[0]).toEqual(COLUMNS[0]);
    connection.closeSync();
  });

  test('writes segments that parquetjs-lite reads', async () => {
    const path = join(folder, 'segment.parquet');
    const columns = COLUMNS.filter(({ name }) => ['words', 'count', 'rate', 'on'].includes(name));
    await writeParquet(path, { columns, blocks: [BLOCK], metadata: {}, use: 'segment' });
    const { ParquetReader } = require('parquetjs-lite') as OtherLibrary;
    const reader = await ParquetReader.openFile(path);
    const cursor = reader.getCursor();
    const rows = [await cursor.next(), await cursor.next(), await cursor.next(), await cursor.next()];
    expect(rows).toEqual([
      { words: Buffer.of(1, 2, 3, 4), count: 5, rate: 0.5, on: true },
      { count: 2, rate: 0.25, on: false },
      { words: Buffer.of(9, 9, 9, 9), count: 1, rate: 1, on: true },
      null,
    ]);
    await reader.close();
  });

  test('reads back what it wrote, row group by row group', async () => {
    const path = join(folder, 'own.parquet');
    await writeParquet(path, {
      columns: COLUMNS,
      blocks: [BLOCK, BLOCK],
      metadata: { a: 'b' },
      use: 'segment',
    });
    await using reader = await openParquet(path, COLUMNS);
    expect([reader.rows, reader.rowGroups, reader.metadata.get('a')]).toEqual([6, 1, 'b']);
    const twice = joinSlices(
      [
        { block: BLOCK, from: 0, to: 3 },
        { block: BLOCK, from: 0, to: 3 },
      ],
      new Set(['on']),
    );
    const [block] = await collected(readBlocks(path, COLUMNS.slice(2, 5)));
    for (const name of ['count', 'ids', 'name'])
      expect(block!.columns.get(name)).toEqual(twice.columns.get(name));
  });

  test('gives the same bytes every time, however many keys the metadata has', async () => {
    const hashes = new Set<string>();
    for (let round = 0; round < 8; round++) {
      const path = join(folder, `again-${round}.parquet`);
      await writeParquet(path, {
        columns: COLUMNS,
        blocks: [BLOCK],
        metadata: { e: '1', d: '2', c: '3', b: '4', a: '5' },
        use: 'final',
      });
      hashes.add(await hashOf(path));
    }
    expect(hashes.size).toBe(1);
  });

  test('leaves no file when its source fails, and throws the error of the source', async () => {
    async function* failing(): AsyncGenerator<ColumnBlock> {
      yield BLOCK;
      throw new Error('the disk is on fire');
    }
    const name = join(folder, 'failed.parquet');
    const write = writeParquetWhole(name, {
      columns: COLUMNS,
      blocks: failing(),
      metadata: {},
      use: 'final',
    });
    await expect(write).rejects.toThrow('the disk is on fire');
    expect((await readdir(folder)).filter((file) => file.startsWith('failed'))).toEqual([]);
  });

  test('names the column when a file has other columns than asked for', async () => {
    const path = join(folder, 'other.parquet');
    await writeParquet(path, { columns: COLUMNS.slice(2, 3), blocks: [BLOCK], metadata: {}, use: 'segment' });
    await expect(collected(readBlocks(path, [define('count', 'int16')]))).rejects.toThrow(
      'column count should be int16',
    );
  });
});

interface OtherLibrary {
  readonly ParquetReader: {
    openFile(path: string): Promise<{ getCursor(): { next(): Promise<unknown> }; close(): Promise<void> }>;
  };
}

describe('writeParts', () => {
  test('starts a part after a fixed number of row groups; no rows are one empty part', async () => {
    const content = { columns: COLUMNS, metadata: {}, use: 'final' } as const;
    const blocks = Array.from({ length: PART_GROUPS + 1 }, () => BLOCK);
    expect(await writeParts(join(folder, 'parts'), 'p', { ...content, blocks })).toBe(3 * blocks.length);
    expect(await readdir(join(folder, 'parts'))).toEqual(['p-00000.parquet', 'p-00001.parquet']);
    expect(await writeParts(join(folder, 'none'), 'p', { ...content, blocks: [] })).toBe(0);
    expect(await readdir(join(folder, 'none'))).toEqual(['p-00000.parquet']);
  });
});
