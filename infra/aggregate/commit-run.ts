// Merges a run's segments into its final tables. Tables are written into a temporary folder and renamed into
// place.

import { join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import { LAYERS_TABLE } from '#schemas/columns/layers.ts';
import { RUNS_TABLE } from '#schemas/columns/runs.ts';
import { TABLES } from '#schemas/columns/tables.ts';
import { UNITS_TABLE } from '#schemas/columns/units.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CommitPart, CommitPartOutput } from '#schemas/tasks.ts';
import { RegionSizes } from '../../activities/polytope/region-stats.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { remove } from '../blobs/storage.ts';
import { writeParquet } from '../parquet/parquet-file.ts';
import { makeCommitFolder, publishTables } from './commit-folder.ts';
import { readCommitRecord, writeCommitRecord } from './commit-record.ts';
import { compactSegments } from './compact-segments.ts';
import { commitTasks, finalContent, runCommitTask } from './commit-task.ts';
import type { CommitTaskOptions } from './commit-task.ts';
import { expectedCount, SeenBatches } from './seen-batches.ts';
import { allSegments, SEGMENTS_FOLDER } from './segment-files.ts';
import type { Segment } from './segment-files.ts';
import { layersBlock, runsBlock, tapStats, unitBlocks } from './statistic-tables.ts';
import { readStatistics } from './statistics.ts';

export interface CommitOptions {
  /** `<dir>/<run>`; segments lie in `segments/`, tables are written to `.commit-*` and renamed into place. */
  readonly runDir: string;
  readonly plan: SweepPlan;
  /** Version of the program, for runs.parquet. */
  readonly codeVersion: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (note: string) => void;
  /**
   * Runs one task; give one that hands tasks to other threads to use them all. @default in this thread, one
   * by one
   */
  readonly runTask?: (options: CommitTaskOptions) => Promise<CommitPartOutput>;
  /** Segments merged side by side; more of them are first made fewer. @default 128 */
  readonly mostSegments?: number;
  /** Passed on to every task. */
  readonly merge?: CommitTaskOptions['merge'];
}

export interface CommitSummary {
  /** Rows per table. */
  readonly rows: {
    readonly points: number;
    readonly regions: number;
    readonly layers: number;
    readonly units: number;
    readonly runs: number;
  };
}

/**
 * Writes every final table, then removes the segments. Repeating it after a crash, or after it finished,
 * gives the same files.
 * @throws PipelineError `internal` where segments do not hold every batch of the plan.
 */
export async function commitRun(options: CommitOptions): Promise<CommitSummary> {
  const { runDir, plan } = options;
  const dir = join(runDir, SEGMENTS_FOLDER);
  const { mostSegments: most, signal, onProgress } = options;
  await compactSegments({ dir, plan, most, signal, onProgress });
  const segments = await allSegments(dir, plan);
  const before = segments.length === 0 ? await readCommitRecord<CommitSummary>(runDir, plan) : null;
  if (before !== null) return before;
  checkComplete(segments, plan);
  const folder = await makeCommitFolder(runDir);
  try {
    const summary = await writeTables(options, segments, folder);
    await publishTables(TABLES, { folder, runDir });
    await writeCommitRecord(runDir, plan, summary);
    await remove(dir);
    return summary;
  } finally {
    await remove(folder);
  }
}

function checkComplete(segments: readonly Segment[], plan: SweepPlan): void {
  for (let partition = 0; partition < plan.config.stream.partitions; partition++) {
    const seen = new SeenBatches();
    for (const { note } of segments) if (note.partition === partition) seen.addRanges(note.seen);
    const expected = expectedCount(plan, partition);
    if (seen.size === expected) continue;
    const value = `${seen.size} of ${expected} messages`;
    throw new PipelineError({
      kind: 'internal',
      what: 'the segments do not hold every batch',
      where: `partition ${partition}`,
      value,
    });
  }
}

async function writeTables(
  options: CommitOptions,
  segments: readonly Segment[],
  folder: string,
): Promise<CommitSummary> {
  const { plan, codeVersion } = options;
  const tasks = commitTasks(plan);
  const results = await runTasks(options, tasks, folder);
  const rowsOf = (kind: CommitPart['kind']) =>
    results.reduce((sum, { rows }, i) => sum + (tasks[i]!.kind === kind ? rows : 0), 0);
  const statistics = {
    plan,
    sizes: sizesOf(plan, tasks, results),
    ...(await readStatistics(plan, segments)),
  };
  const stats = tapStats(statistics);
  const layers = layersBlock(statistics, stats);
  const units = [...unitBlocks(statistics, stats)];
  const points = rowsOf('points');
  await writeTable(folder, LAYERS_TABLE, [layers]);
  await writeTable(folder, UNITS_TABLE, units);
  await writeTable(folder, RUNS_TABLE, [runsBlock(plan, points, codeVersion)]);
  const unitRows = units.reduce((sum, { rows }) => sum + rows, 0);
  return { rows: { points, regions: rowsOf('regions'), layers: layers.rows, units: unitRows, runs: 1 } };
}

async function runTasks(
  options: CommitOptions,
  tasks: readonly CommitPart[],
  folder: string,
): Promise<CommitPartOutput[]> {
  const { plan, runDir, merge, signal, onProgress, runTask } = options;
  const segmentsDir = join(runDir, SEGMENTS_FOLDER);
  const common = {
    plan,
    segmentsDir,
    folder,
    ...(merge === undefined ? {} : { merge }),
    ...(signal === undefined ? {} : { signal }),
  };
  const run = async (task: CommitPart): Promise<CommitPartOutput> => {
    signal?.throwIfAborted();
    const result = await (runTask ?? runCommitTask)({ ...common, task });
    onProgress?.(`${task.kind}: ${result.rows} rows`);
    return result;
  };
  if (runTask !== undefined) return Promise.all(tasks.map(run));
  const results: CommitPartOutput[] = [];
  for (const task of tasks) results.push(await run(task));
  return results;
}

function sizesOf(
  plan: SweepPlan,
  tasks: readonly CommitPart[],
  results: readonly CommitPartOutput[],
): RegionSizes[] {
  const sizes = plan.spans.map(() => new RegionSizes());
  tasks.forEach((task, i) => {
    if (task.kind === 'points') return;
    for (const [count, regions] of results[i]!.sizes) sizes[task.span]!.add(count, regions);
  });
  return sizes;
}

function writeTable(folder: string, table: TableDef, blocks: readonly ColumnBlock[]): Promise<void> {
  return writeParquet(join(folder, table.path), finalContent(table, blocks));
}
