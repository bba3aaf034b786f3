// The invariant: a run that an older version wrote is refused in plain words, brought up to date once, and then read like any
// other; its rows stay what they were. The old run was written by pyarrow (test/golden/layout-0/make.py).

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RUN_ID_COLUMN, TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import { filesBelow, tableHashes } from '../../live/run-files.ts';
import { readRunTable } from '../../../infra/lens/read-table.ts';
import { LAYOUT_STEPS } from '../../../infra/migrate/layout-steps.ts';
import { migrateRun } from '../../../infra/migrate/migrate-run.ts';
import { openParquet } from '../../../infra/parquet/parquet-file.ts';
import { openReportRun } from '../../../infra/report/report-run.ts';
import { readManifest } from '../../../infra/run-manifest.ts';
import { plainManifest } from '../plain-manifest.ts';

const OLD = fileURLToPath(new URL('../../golden/layout-0/old', import.meta.url));
const FILES = ['layers.parquet', 'regions/part-00000-00000.parquet', 'regions/part-00001-00000.parquet'];

let run: string;

beforeEach(() => {
  run = join(mkdtempSync(join(tmpdir(), 'tessera-migrate-')), 'old');
  cpSync(OLD, run, { recursive: true });
});

afterEach(() => rmSync(join(run, '..'), { recursive: true, force: true }));

/** By DuckDB, which knows nothing of layouts. */
async function rowsOf(file: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(`FROM read_parquet('${join(run, file)}')`);
  connection.closeSync();
  return reader.getRowObjectsJson();
}

it('there is a step from every layout to the next', () => {
  expect(LAYOUT_STEPS.map(({ from }) => from)).toEqual(
    Array.from({ length: TABLE_LAYOUT_VERSION }, (_, version) => version),
  );
});

it('keeps every row and adds what the new layout has', async () => {
  const before = await Promise.all(FILES.map(rowsOf));
  const migrated = await migrateRun(run);
  expect(migrated).toEqual([
    { path: 'layers.parquet', from: 0, files: 1 },
    { path: 'regions/', from: 0, files: 2 },
  ]);
  const after = await Promise.all(FILES.map(rowsOf));
  expect(after).toEqual(before.map((rows) => rows.map((row) => ({ ...row, run_id: 'old' }))));
  expect(filesBelow(run)).toEqual([...FILES, 'run.json'].sort());
  for (const file of FILES) {
    await using reader = await openParquet(join(run, file), []);
    expect(reader.metadata.get('layoutVersion')).toBe(String(TABLE_LAYOUT_VERSION));
    expect(reader.metadata.get('order')).toBe('as written');
    const columns = JSON.parse(reader.metadata.get('tessera:columns')!) as object[];
    expect(columns.at(-1)).toEqual(RUN_ID_COLUMN);
  }
});

it('has nothing to do a second time', async () => {
  await migrateRun(run);
  const once = tableHashes(run);
  expect(await migrateRun(run)).toEqual([]);
  expect(tableHashes(run)).toEqual(once);
});

it('goes on where a first try was killed between two tables', async () => {
  await migrateRun(run);
  const whole = tableHashes(run);
  cpSync(join(OLD, 'layers.parquet'), join(run, 'layers.parquet'));
  expect(await migrateRun(run)).toEqual([{ path: 'layers.parquet', from: 0, files: 1 }]);
  expect(tableHashes(run)).toEqual(whole);
});

it('an old run is refused with the command that helps, and read after it', async () => {
  const remedy = expect.stringContaining(`tessera migrate ${run}`);
  const refused = { fault: { kind: 'data-invalid', value: 'layout 0, now 1', remedy } };
  await expect(readRunTable(run, 'layers', ['name'])).rejects.toMatchObject(refused);
  await expect(openReportRun(run, await readManifest(run))).rejects.toMatchObject(refused);
  await migrateRun(run);
  expect(await readRunTable(run, 'layers', ['name', 'run_id'])).toMatchObject({ rows: 2 });
  (await openReportRun(run, await readManifest(run))).close();
});

it('a table of a newer version is refused, and nothing is touched', async () => {
  const file = join(run, 'layers.parquet');
  const bytes = readFileSync(file);
  const at = bytes.indexOf('layoutVersion') + 'layoutVersion'.length;
  // The value follows its key, behind the tag and length of one byte each.
  expect(bytes.subarray(at + 2, at + 3).toString()).toBe('0');
  bytes[at + 2] = '9'.charCodeAt(0);
  writeFileSync(file, bytes);
  const before = tableHashes(run);
  const refused = { fault: { kind: 'data-invalid', value: 'layout 9, this version reads up to 1' } };
  await expect(migrateRun(run)).rejects.toMatchObject(refused);
  await expect(readRunTable(run, 'layers', ['name'])).rejects.toMatchObject(refused);
  expect(tableHashes(run)).toEqual(before);
});

it('a run that has not finished is refused', async () => {
  writeFileSync(join(run, 'run.json'), JSON.stringify(plainManifest('old', 'running')));
  await expect(migrateRun(run)).rejects.toMatchObject({ fault: { kind: 'data-missing' } });
});
