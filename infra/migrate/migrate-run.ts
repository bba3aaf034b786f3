// Brings the tables of a finished run to this version's layout. All new files are whole before the first one takes an old
// one's place, and a second try finds what the first one left to do.

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ColumnDef, TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import { makeCommitFolder, publishTables } from '../aggregate/commit-folder.ts';
import { namesIn, remove } from '../blobs/storage.ts';
import { layoutOf, newerLayout } from '../parquet/layout-version.ts';
import { openParquet, readBlocks, writeParquet } from '../parquet/parquet-file.ts';
import { readManifest } from '../run-manifest.ts';
import { stepsFrom, type TableContent } from './layout-steps.ts';

/** A table that was brought up to date. */
export interface MigratedTable {
  /** As in the run folder: `layers.parquet`, or `regions/` with all its parts. */
  readonly path: string;
  readonly from: number;
  readonly files: number;
}

/**
 * Rewrites every table of an older layout.
 * @returns the tables that were rewritten; none where all are up to date.
 * @throws PipelineError `data-missing` where no finished run lies there; `data-invalid` for a newer layout.
 */
export async function migrateRun(runDir: string): Promise<readonly MigratedTable[]> {
  const manifest = await readManifest(runDir);
  if (manifest?.status !== 'done') {
    const what = manifest === null ? 'this folder holds no run' : 'this run has not finished';
    const remedy = 'Finish it first: the same tessera run command resumes it.';
    throw new PipelineError({ kind: 'data-missing', where: runDir, what, remedy });
  }
  const tables = await outdatedTables(runDir);
  if (tables.length === 0) return [];
  const folder = await makeCommitFolder(runDir);
  try {
    for (const { files } of tables)
      for (const file of files) await rewrite(join(runDir, file), join(folder, file), manifest);
    await publishTables(tables, { folder, runDir });
  } finally {
    await remove(folder);
  }
  return tables.map(({ path, from, files }) => ({ path, from, files: files.length }));
}

interface OutdatedTable {
  readonly path: string;
  readonly files: readonly string[];
  readonly from: number;
}

async function outdatedTables(runDir: string): Promise<OutdatedTable[]> {
  const outdated: OutdatedTable[] = [];
  for (const name of await namesIn(runDir)) {
    const files = await filesOf(runDir, name);
    const versions = await Promise.all(files.map((file) => writtenLayout(join(runDir, file))));
    const newer = versions.findIndex((version) => version > TABLE_LAYOUT_VERSION);
    if (newer >= 0) throw newerLayout(join(runDir, files[newer]!), versions[newer]!);
    const from = Math.min(...versions);
    const path = name.endsWith('.parquet') ? name : `${name}/`;
    if (from < TABLE_LAYOUT_VERSION) outdated.push({ path, files, from });
  }
  return outdated;
}

/** Parquet files of one entry of a run folder, from there. */
async function filesOf(runDir: string, name: string): Promise<string[]> {
  if (name.endsWith('.parquet')) return [name];
  if (name.includes('.')) return [];
  const parts = (await namesIn(join(runDir, name))).filter((part) => part.endsWith('.parquet'));
  return parts.map((part) => join(name, part));
}

async function rewrite(from: string, to: string, run: { readonly runId: string }): Promise<void> {
  const version = await writtenLayout(from);
  const { table, order, columns } = await describedBy(from);
  const start: TableContent = { columns, blocks: readBlocks(from, columns) };
  const content = stepsFrom(version).reduce((current, step) => step.apply(current, run), start);
  await mkdir(dirname(to), { recursive: true });
  await writeParquet(to, { ...content, metadata: { table, order }, use: 'final' });
}

/** What other programs wrote is left as it is. */
async function writtenLayout(file: string): Promise<number> {
  return (await layoutOf(file)) ?? TABLE_LAYOUT_VERSION;
}

/** What a table's file says of itself. */
async function describedBy(
  file: string,
): Promise<{ readonly table: string; readonly order: string; readonly columns: readonly ColumnDef[] }> {
  await using reader = await openParquet(file, []);
  const { metadata } = reader;
  const described = metadata.get('tessera:columns');
  if (described !== undefined) {
    const columns = JSON.parse(described) as readonly ColumnDef[];
    return { table: metadata.get('table') ?? '', order: metadata.get('order') ?? '', columns };
  }
  throw new PipelineError({
    kind: 'data-invalid',
    where: file,
    what: 'the table does not describe its columns',
  });
}
