// Merges a run's segments into its final tables. Tables are written into a temporary folder and renamed into place.

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import { LAYERS_TABLE } from '#schemas/columns/layers.ts';
import { pointsTable } from '#schemas/columns/points.ts';
import { REGIONS_TABLE } from '#schemas/columns/regions.ts';
import { RUNS_TABLE } from '#schemas/columns/runs.ts';
import { SEGMENT_SAMPLE_COLUMNS, SEGMENT_UNIT_COLUMNS } from '#schemas/columns/segments.ts';
import { UNITS_TABLE } from '#schemas/columns/units.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { CodeSample } from '../../activities/polytope/code-sample.ts';
import { RegionSizes } from '../../activities/polytope/region-stats.ts';
import { UnitTable } from '../../activities/polytope/unit-table.ts';
import { int32Of, joinSlices } from '../arrow/column-block.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { unitCounts } from '../arrow/decode-message.ts';
import { writeWhole } from '../blobs/run-folder.ts';
import { readBlocks, ROW_GROUP_ROWS, syncFolder, writeParquet } from '../parquet/parquet-file.ts';
import { writeParts } from '../parquet/part-files.ts';
import { finalPoints, finalRegions } from './final-blocks.ts';
import { mergePoints } from './merge-points.ts';
import { mergeRegions } from './merge-regions.ts';
import { keptColumns, pointColumns, tableOptions } from './partition-aggregator.ts';
import { expectedCount, SeenBatches } from './seen-batches.ts';
import { listSegments, segmentPath } from './segment-files.ts';
import type { Segment, SegmentPart } from './segment-files.ts';
import { addSampleBlock, checkUnits } from './statistic-blocks.ts';
import { layersBlock, runsBlock, tapStats, unitBlocks } from './statistic-tables.ts';

export interface CommitOptions {
  /** `<dir>/<run>`; segments lie in `segments/`, tables are written to `.commit-*` and renamed into place. */
  readonly runDir: string;
  readonly plan: SweepPlan;
  /** Version of the program, for runs.parquet. */
  readonly codeVersion: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (note: string) => void;
  /** Partial regions merged at a time, and memory before spilling: smaller is slower, the files are the same. */
  readonly merge?: { readonly stretchRows?: number; readonly memoryBytes?: number };
}

export interface CommitSummary {
  /** Rows per table. */
  readonly rows: { readonly points: number; readonly regions: number; readonly layers: number; readonly units: number; readonly runs: number };
}

const SEGMENTS_FOLDER = 'segments';
const RECORD_FILE = '.commit.json';

/**
 * Writes every final table, then removes the segments. Repeating it after a crash, or after it finished, gives the same files.
 * @throws PipelineError `internal` where segments do not hold every batch of the plan.
 */
export async function commitRun(options: CommitOptions): Promise<CommitSummary> {
  const { runDir, plan } = options;
  const segments = await allSegments(join(runDir, SEGMENTS_FOLDER), plan);
  const before = segments.length === 0 ? await readRecord(runDir, plan) : null;
  if (before !== null) return before;
  checkComplete(segments, plan);
  await removeLeftovers(runDir);
  const folder = join(runDir, `.commit-${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    const summary = await new Commit(options, segments, folder).write();
    await publish(folder, runDir, plan);
    await writeWhole(join(runDir, RECORD_FILE), Buffer.from(JSON.stringify({ configSha256: plan.configSha256, ...summary })));
    await rm(join(runDir, SEGMENTS_FOLDER), { recursive: true, force: true });
    return summary;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function allSegments(dir: string, plan: SweepPlan): Promise<Segment[]> {
  const partitions = Array.from({ length: plan.config.stream.partitions }, (_, partition) => listSegments(dir, partition, plan));
  return (await Promise.all(partitions)).flat();
}

async function readRecord(runDir: string, plan: SweepPlan): Promise<CommitSummary | null> {
  const text = await readFile(join(runDir, RECORD_FILE), 'utf8').catch(() => null);
  if (text === null) return null;
  const { configSha256, ...summary } = JSON.parse(text) as CommitSummary & { configSha256: string };
  return configSha256 === plan.configSha256 ? summary : null;
}

function checkComplete(segments: readonly Segment[], plan: SweepPlan): void {
  for (let partition = 0; partition < plan.config.stream.partitions; partition++) {
    const seen = new SeenBatches();
    for (const { note } of segments) if (note.partition === partition) seen.addRanges(note.seen);
    const expected = expectedCount(plan, partition);
    if (seen.size === expected) continue;
    const value = `${seen.size} of ${expected} messages`;
    throw new PipelineError({ kind: 'internal', what: 'the segments do not hold every batch', where: `partition ${partition}`, value });
  }
}

/** What a commit that was killed left behind. */
async function removeLeftovers(runDir: string): Promise<void> {
  const names = (await readdir(runDir)).filter((name) => name.startsWith('.commit-'));
  await Promise.all(names.map((name) => rm(join(runDir, name), { recursive: true, force: true })));
}

/** Renames the tables into place; segments are still there, so a crash in between is repaired by the next commit. */
async function publish(folder: string, runDir: string, plan: SweepPlan): Promise<void> {
  for (const { path } of tablesOf(plan)) {
    const name = path.replace(/\/$/, '');
    await rm(join(runDir, name), { recursive: true, force: true });
    await rename(join(folder, name), join(runDir, name));
  }
  await syncFolder(runDir);
  await syncFolder(dirname(runDir));
}

function tablesOf(plan: SweepPlan): TableDef[] {
  return [RUNS_TABLE, LAYERS_TABLE, UNITS_TABLE, pointsTable(keptColumns(plan)), REGIONS_TABLE];
}

/** The writing of one commit into its folder. */
class Commit {
  readonly #options: CommitOptions;
  readonly #plan: SweepPlan;
  readonly #segments: readonly Segment[];
  readonly #folder: string;

  constructor(options: CommitOptions, segments: readonly Segment[], folder: string) {
    this.#options = options;
    this.#plan = options.plan;
    this.#segments = segments;
    this.#folder = folder;
  }

  async write(): Promise<CommitSummary> {
    const points = await this.#writePoints();
    const sizes = this.#plan.spans.map(() => new RegionSizes());
    const regions = await this.#writeRegions(sizes);
    const statistics = { plan: this.#plan, sizes, ...(await this.#readStatistics()) };
    const stats = tapStats(statistics);
    const layers = layersBlock(statistics, stats);
    await this.#writeFile(LAYERS_TABLE, [layers]);
    const units = [...unitBlocks(statistics, stats)];
    await this.#writeFile(UNITS_TABLE, units);
    await this.#writeFile(RUNS_TABLE, [runsBlock(this.#plan, points, this.#options.codeVersion)]);
    return { rows: { points, regions, layers: layers.rows, units: units.reduce((sum, { rows }) => sum + rows, 0), runs: 1 } };
  }

  async #writePoints(): Promise<number> {
    const kept = keptColumns(this.#plan);
    const table = pointsTable(kept);
    const files = this.#files('points');
    const merged = mergePoints({ files, columns: pointColumns(kept), windowRows: ROW_GROUP_ROWS });
    return this.#writeFolder(table, mapped(merged, (block) => finalPoints(block, this.#plan)));
  }

  async #writeRegions(sizes: readonly RegionSizes[]): Promise<number> {
    const spillDir = join(this.#folder, 'spill');
    await mkdir(spillDir);
    const partialRegions = this.#plan.spans.map((_, span) =>
      this.#segments.reduce((sum, { note }) => sum + note.regionsPerSpan[span]!, 0),
    );
    const merged = mergeRegions({
      table: tableOptions(this.#plan),
      files: this.#files('regions'),
      partialRegions,
      spillDir,
      ...this.#options.merge,
    });
    const rows = mapped(inRowGroups(merged), (block) => {
      countSizes(block, sizes);
      return finalRegions(block, this.#plan);
    });
    return this.#writeFolder(REGIONS_TABLE, rows);
  }

  async #readStatistics(): Promise<{ units: UnitTable; sample: CodeSample }> {
    const units = new UnitTable();
    const sample = new CodeSample(tableOptions(this.#plan));
    for (const file of this.#files('units')) {
      for await (const block of readBlocks(file, SEGMENT_UNIT_COLUMNS)) {
        for (const counts of unitCounts(block)) {
          checkUnits(counts, this.#plan);
          units.add(counts);
        }
      }
    }
    for (const file of this.#files('sample')) {
      for await (const block of readBlocks(file, SEGMENT_SAMPLE_COLUMNS)) addSampleBlock(sample, block);
    }
    return { units, sample };
  }

  #files(part: SegmentPart): string[] {
    return this.#segments.filter(({ note }) => note.parts.includes(part)).map(({ dir, note }) => segmentPath(dir, part, note));
  }

  #writeFile(table: TableDef, blocks: readonly ColumnBlock[]): Promise<void> {
    const { name, order, columns } = table;
    const metadata = { table: name, order, tool: 'tessera' };
    return writeParquet(join(this.#folder, table.path), { columns, blocks, metadata, use: 'final' });
  }

  #writeFolder({ name, order, columns, path }: TableDef, blocks: AsyncIterable<ColumnBlock>): Promise<number> {
    const { signal, onProgress } = this.#options;
    const reported = mapped(blocks, (block) => {
      signal?.throwIfAborted();
      onProgress?.(`${name}: ${block.rows} rows`);
      return block;
    });
    const metadata = { table: name, order, tool: 'tessera' };
    return writeParts(join(this.#folder, path), { columns, blocks: reported, metadata, use: 'final' });
  }
}

async function* mapped(blocks: AsyncIterable<ColumnBlock>, map: (block: ColumnBlock) => ColumnBlock): AsyncGenerator<ColumnBlock> {
  for await (const block of blocks) yield map(block);
}

/** Joins slices into blocks of exactly one row group, but for the last. */
async function* inRowGroups(slices: AsyncIterable<BlockSlice>): AsyncGenerator<ColumnBlock> {
  let group: BlockSlice[] = [];
  let rows = 0;
  for await (const slice of slices) {
    let { from } = slice;
    while (slice.to - from >= ROW_GROUP_ROWS - rows) {
      const to = from + ROW_GROUP_ROWS - rows;
      yield joinSlices([...group, { ...slice, from, to }]);
      from = to;
      group = [];
      rows = 0;
    }
    if (from < slice.to) group.push({ ...slice, from });
    rows += slice.to - from;
  }
  if (rows > 0) yield joinSlices(group);
}

function countSizes(block: ColumnBlock, sizes: readonly RegionSizes[]): void {
  const spans = block.columns.get('span')!.values;
  const counts = int32Of(block, 'count');
  for (let from = 0, to = 0; from < block.rows; from = to) {
    while (to < block.rows && counts[to] === counts[from] && spans[to] === spans[from]) to++;
    sizes[Number(spans[from])]!.add(counts[from]!, to - from);
  }
}
