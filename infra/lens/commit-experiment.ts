// Merges an experiment's segments into its final tables and lets it conclude. Tables are written into a temporary folder
// and renamed into place.

import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ConcludeContext, Experiment, TableRows } from '../../activities/experiments/experiment.ts';
import { SHARED_TABLES } from '../../activities/experiments/experiments.ts';
import { makeCommitFolder, publishTables } from '../aggregate/commit-folder.ts';
import { readCommitRecord, writeCommitRecord } from '../aggregate/commit-record.ts';
import { finalContent } from '../aggregate/commit-task.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import type { BlockSlice } from '../arrow/column-block.ts';
import { inRowGroups } from '../arrow/row-groups.ts';
import { remove } from '../blobs/storage.ts';
import { ROW_GROUP_ROWS, writeParquet } from '../parquet/parquet-file.ts';
import { writeParts } from '../parquet/part-files.ts';
import { claimCells, type ClaimRecord, claimRows, runRows } from './fixed-tables.ts';
import { type LensPlan, measuredTables, partitionOf, tableNamed } from './lens-plan.ts';
import { mergedRows } from './merge-rows.ts';
import { readFiles, tableFiles } from './read-table.ts';
import { bitColumns, blockOf, END_KIND } from './row-messages.ts';
import { listRowSegments, type RowSegment } from './row-segments.ts';
import { TaskWatermarks } from './task-watermarks.ts';
import { withRunId } from './with-run-id.ts';

export interface CommitOptions {
  /** `<dir>/<run>`; segments lie in `segments/`, tables are written to `.commit-*` and renamed into place. */
  readonly runDir: string;
  readonly plan: LensPlan;
  readonly experiment: Experiment;
  /** Version of the program, for runs.parquet. */
  readonly codeVersion: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (note: string) => void;
}

export interface CommitSummary {
  /** Rows per table. */
  readonly rows: Readonly<Record<string, number>>;
  readonly claims: readonly ClaimRecord[];
  readonly notices: readonly string[];
}
/** Row groups of tables whose rows are wide. */
const WIDE_GROUP_ROWS = 16_384;

/**
 * Writes every final table, then removes the segments. Repeating it after a crash, or after it finished, gives the same files.
 * @throws PipelineError `internal` where segments do not hold every row of the plan, or as the experiment's conclusion does.
 */
export async function commitExperiment(options: CommitOptions): Promise<CommitSummary> {
  const { runDir, plan } = options;
  const segments = await segmentsOf(plan, join(runDir, SEGMENTS_FOLDER));
  const before = segments.length === 0 ? await readCommitRecord<CommitSummary>(runDir, plan) : null;
  if (before !== null) return before;
  checkComplete(segments, plan);
  const folder = await makeCommitFolder(runDir);
  try {
    const summary = await writeTables(options, segments, folder);
    await publishTables([...SHARED_TABLES, ...options.experiment.tables], { folder, runDir });
    await writeCommitRecord(runDir, plan, summary);
    await remove(join(runDir, SEGMENTS_FOLDER));
    return summary;
  } finally {
    await remove(folder);
  }
}

async function segmentsOf({ config, configSha256 }: LensPlan, dir: string): Promise<RowSegment[]> {
  const partitions = Array.from({ length: config.stream.partitions }, (_, partition) =>
    listRowSegments(dir, partition, configSha256),
  );
  return (await Promise.all(partitions)).flat();
}

function checkComplete(segments: readonly RowSegment[], plan: LensPlan): void {
  const seen = new TaskWatermarks();
  for (const { messages } of segments)
    for (const { table, task, number } of messages) seen.add(task, number, table === END_KIND);
  const task = plan.tasks.findIndex((_, i) => !seen.isComplete(i));
  if (task < 0) return;
  const where = `task ${task}, partition ${partitionOf(task, plan)}`;
  throw new PipelineError({ kind: 'internal', what: 'the segments do not hold every row', where });
}

async function writeTables(
  { plan, experiment, codeVersion, signal, onProgress }: CommitOptions,
  segments: readonly RowSegment[],
  folder: string,
): Promise<CommitSummary> {
  const rows: Record<string, number> = {};
  for (const table of measuredTables(experiment)) {
    signal.throwIfAborted();
    rows[table.name] = await writeTable(table, mergedRows(table, segments), { folder, plan });
    onProgress?.(`${table.name}: ${rows[table.name]} rows`);
  }
  const conclusion = await experiment.conclude(concludeContext(plan, experiment, { folder, signal }));
  for (const [name, parts] of concludedTables(conclusion.rows, rows)) {
    const table = withoutRunId(tableNamed(experiment.tables, name));
    rows[name] = await writeTable(table, slicesOf(table, parts), { folder, plan });
  }
  const fixed = [runRows(plan, codeVersion), claimRows(conclusion.claims)];
  for (const part of fixed) {
    const table = withoutRunId(tableNamed(SHARED_TABLES, part.table));
    rows[part.table] = await writeTable(table, slicesOf(table, [part]), { folder, plan });
  }
  return { rows, claims: conclusion.claims.map(claimCells), notices: conclusion.notices };
}

function concludeContext(
  { config, design, variants, data }: LensPlan,
  experiment: Experiment,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): ConcludeContext<LensPlan['config'], unknown> {
  const tables = measuredTables(experiment);
  return {
    config,
    design,
    variants,
    signal,
    labelNames: data?.labelNames ?? null,
    read: async (name, columns) => {
      const table = tableNamed(tables, name);
      const picked = columns.map((column) => {
        const found = table.columns.find((each) => each.name === column);
        if (found !== undefined) return found;
        throw new PipelineError({
          kind: 'internal',
          where: name,
          what: 'the table has no such column',
          value: column,
        });
      });
      return readFiles(await tableFiles(folder, table.path.replace(/(\.parquet|\/)$/, '')), picked);
    },
  };
}

/** Rows of the conclusion by table; a table is either measured or concluded. */
function concludedTables(
  parts: readonly TableRows[],
  measured: Readonly<Record<string, number>>,
): Map<string, TableRows[]> {
  const tables = new Map<string, TableRows[]>();
  for (const part of parts) {
    if ((measured[part.table] ?? 0) > 0) {
      const what = 'the conclusion writes rows of a table that tasks have written';
      throw new PipelineError({ kind: 'internal', what, value: part.table });
    }
    tables.set(part.table, [...(tables.get(part.table) ?? []), part]);
  }
  return tables;
}

function* slicesOf(table: TableDef, parts: readonly TableRows[]): Generator<BlockSlice> {
  for (const part of parts) if (part.rows > 0) yield { block: blockOf(part, table), from: 0, to: part.rows };
}

/** Writes a table, one file or parts, in place of what is there; returns its rows. */
async function writeTable(
  table: TableDef,
  slices: AsyncIterable<BlockSlice> | Iterable<BlockSlice>,
  { folder, plan }: { readonly folder: string; readonly plan: LensPlan },
): Promise<number> {
  const path = join(folder, table.path);
  await rm(path, { recursive: true, force: true });
  let rows = 0;
  const groupRows = isWide(table) ? WIDE_GROUP_ROWS : ROW_GROUP_ROWS;
  const { columns, blocks } = withRunId(table, inRowGroups(slices, groupRows, bitColumns(table)), {
    runId: plan.runId,
    onRows: (count) => {
      rows += count;
    },
  });
  const content = finalContent({ ...table, columns }, blocks);
  if (table.path.endsWith('/')) await writeParts(path, 'part', content);
  else {
    await mkdir(dirname(path), { recursive: true });
    await writeParquet(path, content);
  }
  return rows;
}

function isWide({ columns }: TableDef): boolean {
  return columns.some(({ type }) => type === 'binary' || type.startsWith('list<'));
}

function withoutRunId(table: TableDef): TableDef {
  return { ...table, columns: table.columns.filter(({ name }) => name !== 'run_id') };
}
