// A finished run as sections read it: run.json, and its Parquet through SQL.

import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBBlobValue, DuckDBListValue, type DuckDBValue } from '@duckdb/node-api';
import { PipelineError } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import { type ParquetQueries, parquetQueries } from '../datasets/parquet-query.ts';
import { checkRecordedConfig } from '../manifest-shape.ts';
import { checkLayout } from '../parquet/layout-version.ts';

/** A cell: 64-bit numbers as numbers, lists as arrays, fixed and variable binary as bytes. */
export type Cell = string | number | boolean | null | Uint8Array | readonly Cell[];
export type Row = Readonly<Record<string, Cell>>;

export interface ReportRun {
  readonly runId: string;
  readonly runDir: string;
  readonly manifest: RunManifest;
  /** Whether the run left this table with at least one row. */
  has(table: string): boolean;
  /**
   * Rows of a query in which `{name}` stands for a table of the run.
   * @throws PipelineError `data-missing` for a table that is not there, `data-invalid` for one that cannot be read.
   */
  rows(sql: string): Promise<Row[]>;
  close(): void;
}

/** Sorting and grouping of a region table of millions of rows fits; what does not goes to the temporary folder. */
const SETTINGS = { threads: '2', memory_limit: '1GB', temp_directory: join(tmpdir(), 'tessera-report') };

/**
 * Opens a run folder.
 * @throws PipelineError `data-missing` where the run has not finished, `data-invalid` where its manifest or a table is damaged.
 */
export async function openReportRun(runDir: string, manifest: RunManifest | null): Promise<ReportRun> {
  if (manifest?.status !== 'done') throw unfinished(runDir, manifest);
  checkRecordedConfig(runDir, manifest);
  const queries = parquetQueries(SETTINGS);
  const filled = new Set<string>();
  const run = runOf(runDir, { manifest, queries, filled });
  try {
    for (const table of tablesOf(runDir)) {
      const [count] = await run.rows(`SELECT count(*) AS n FROM {${table}}`);
      if (Number(count?.n) > 0) filled.add(table);
      await checkLayout(tableFiles(runDir, table)[0]!, runDir);
    }
  } catch (error) {
    queries.close();
    throw error;
  }
  return run;
}

interface Opened {
  readonly manifest: RunManifest;
  readonly queries: ParquetQueries;
  readonly filled: ReadonlySet<string>;
}

function runOf(runDir: string, { manifest, queries, filled }: Opened): ReportRun {
  return {
    runId: manifest.runId,
    runDir,
    manifest,
    has: (table) => filled.has(table),
    async rows(sql) {
      const filled = sql.replace(/\{(\w+)\}/g, (_, table: string) => tableSource(runDir, table));
      const records = await queries.records(runDir, filled);
      return records.map((record) =>
        Object.fromEntries(Object.entries(record).map(([name, value]) => [name, cellOf(value)])),
      );
    },
    close: () => queries.close(),
  };
}

/** Names of the tables in a run folder: Parquet files, and folders of them. */
export function tablesOf(runDir: string): readonly string[] {
  const names = readdirSync(runDir, { withFileTypes: true }).map((entry) =>
    entry.isDirectory() ? entry.name : (/^(\w+)\.parquet$/.exec(entry.name)?.[1] ?? ''),
  );
  return names.filter((name) => /^\w+$/.test(name) && tableFiles(runDir, name).length > 0).sort();
}

function tableFiles(runDir: string, table: string): readonly string[] {
  const file = join(runDir, `${table}.parquet`);
  if (existsSync(file)) return [file];
  const folder = join(runDir, table);
  if (!existsSync(folder)) return [];
  const parts = readdirSync(folder).filter((name) => name.endsWith('.parquet'));
  return parts.sort().map((name) => join(folder, name));
}

function tableSource(runDir: string, table: string): string {
  const files = tableFiles(runDir, table);
  if (files.length === 0) {
    const remedy = 'tessera schema lists the tables of each kind of run.';
    throw new PipelineError({
      kind: 'data-missing',
      where: runDir,
      what: 'the run has no such table',
      value: table,
      remedy,
    });
  }
  const literals = files.map((file) => `'${file.replace(/[[*?]/g, '[$&]').replaceAll("'", "''")}'`);
  return `read_parquet([${literals.join(', ')}])`;
}

function cellOf(value: DuckDBValue): Cell {
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof DuckDBListValue) return value.items.map(cellOf);
  if (value instanceof DuckDBBlobValue) return value.bytes;
  return value as Cell;
}

function unfinished(runDir: string, manifest: RunManifest | null): PipelineError {
  const where = manifest === null ? runDir : `run ${manifest.runId}`;
  const remedy = 'tessera status shows it; the same tessera run command resumes it.';
  return new PipelineError({
    kind: 'data-missing',
    where,
    what: 'this run has not finished, so there is nothing whole to report on',
    value: `status ${manifest?.status ?? 'planning'}`,
    remedy,
  });
}
