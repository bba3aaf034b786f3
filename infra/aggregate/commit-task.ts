// The independent parts of a commit: one stretch of points, or one span's regions. They may run in any order
// and any thread.

import { join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import { pointsTable } from '#schemas/columns/points.ts';
import { REGIONS_TABLE } from '#schemas/columns/regions.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CommitPart, CommitPartOutput } from '#schemas/tasks.ts';
import { int32Of } from '../arrow/column-block.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { keptColumns } from '../arrow/message-schemas.ts';
import { inRowGroups, lent } from '../arrow/row-groups.ts';
import { groupRowsOf, ROW_GROUP_ROWS } from '../parquet/parquet-file.ts';
import type { ParquetContent } from '../parquet/parquet-file.ts';
import { PART_GROUPS, writeParts } from '../parquet/part-files.ts';
import { RegionSizes } from '../../activities/polytope/region-stats.ts';
import { finalPoints, finalRegions } from './final-blocks.ts';
import { mergePoints } from './merge-points.ts';
import { mergeRegions } from './merge-regions.ts';
import { storedCodeBytes } from '../sweep-geometry.ts';
import { pointCodeBytes, pointColumns, tableOptions } from './plan-tables.ts';
import { allSegments, segmentPath } from './segment-files.ts';
import type { Segment, SegmentPart } from './segment-files.ts';

export interface CommitTaskOptions {
  readonly plan: SweepPlan;
  /** Folder of segments. */
  readonly segmentsDir: string;
  /** Temporary folder of the commit, where the tables are put together. */
  readonly folder: string;
  readonly task: CommitPart;
  /**
   * Partial regions merged at a time, and memory before spilling: smaller is slower, the files are the same.
   */
  readonly merge?: { readonly stretchRows?: number; readonly memoryBytes?: number };
  readonly signal?: AbortSignal;
}

/** Points of one part file. */
const PART_POINTS = PART_GROUPS * ROW_GROUP_ROWS;

/** Everything that must be written, the longest first. */
export function commitTasks(plan: SweepPlan): CommitPart[] {
  const parts = Math.max(1, Math.ceil(plan.points / PART_POINTS));
  const regions = plan.spans.map((_, span): CommitPart => ({ kind: 'regions', span })).reverse();
  const points = Array.from({ length: parts }, (_, part): CommitPart => {
    return { kind: 'points', part, from: part * PART_POINTS, to: (part + 1) * PART_POINTS };
  });
  return [...regions, ...points];
}

/** Writes the part files of one task. */
export async function runCommitTask(options: CommitTaskOptions): Promise<CommitPartOutput> {
  const { plan, segmentsDir, task } = options;
  const segments = await allSegments(segmentsDir, plan);
  switch (task.kind) {
    case 'points':
      return writePoints(options, task, segments);
    case 'regions':
      return writeRegions(options, task, segments);
  }
}

async function writePoints(
  { plan, folder, signal }: CommitTaskOptions,
  { part, from, to }: CommitPart & { kind: 'points' },
  segments: readonly Segment[],
): Promise<CommitPartOutput> {
  const kept = keptColumns(plan);
  const files = withPart(segments, 'points').map(({ path, note }) => ({ path, groups: note.pointGroups }));
  const groupRows = groupRowsOf('final', pointCodeBytes(plan));
  const merged = mergePoints({ files, columns: pointColumns(plan), from, to, windowRows: groupRows });
  const blocks = mapped(lent(merged), (block) => {
    signal?.throwIfAborted();
    return finalPoints(block, plan);
  });
  const table = pointsTable(kept);
  const content = { ...finalContent(table, blocks), groupRows };
  const rows = await writeParts(join(folder, table.path), partPrefix(part), content);
  return { rows, sizes: [] };
}

async function writeRegions(
  { plan, folder, merge, signal }: CommitTaskOptions,
  { span }: CommitPart & { kind: 'regions' },
  segments: readonly Segment[],
): Promise<CommitPartOutput> {
  const sizes = new RegionSizes();
  const files = withPart(segments, 'regions').map(({ path, note }) => ({
    path,
    regionsPerSpan: note.regionsPerSpan,
  }));
  const spillDir = join(folder, 'spill');
  const merged = mergeRegions({ table: tableOptions(plan), files, span, spillDir, ...merge });
  const groupRows = groupRowsOf('final', storedCodeBytes(plan.spans[span]!));
  const blocks = mapped(inRowGroups(merged, groupRows), (block) => {
    signal?.throwIfAborted();
    countSizes(int32Of(block, 'count'), sizes);
    return finalRegions(block, plan);
  });
  const content = { ...finalContent(REGIONS_TABLE, blocks), groupRows };
  const rows = await writeParts(join(folder, REGIONS_TABLE.path), partPrefix(span), content);
  return { rows, sizes: sizes.entries() };
}

/** Segments that have a part, with its path. */
export function withPart(
  segments: readonly Segment[],
  part: SegmentPart,
): { path: string; note: Segment['note'] }[] {
  const having = segments.filter(({ note }) => note.parts.includes(part));
  return having.map(({ dir, note }) => ({ path: segmentPath(dir, part, note), note }));
}

/** A final table's columns and metadata with its blocks. */
export function finalContent(
  { name, order, columns }: TableDef,
  blocks: ParquetContent['blocks'],
): ParquetContent {
  return { columns, blocks, metadata: { table: name, order }, use: 'final' };
}

function partPrefix(number: number): string {
  return `part-${String(number).padStart(5, '0')}`;
}

async function* mapped(
  blocks: AsyncIterable<ColumnBlock>,
  map: (block: ColumnBlock) => ColumnBlock,
): AsyncGenerator<ColumnBlock> {
  for await (const block of blocks) yield map(block);
}

/** Counts are sorted, so equal ones are counted together. */
function countSizes(counts: Int32Array, sizes: RegionSizes): void {
  for (let from = 0, to = 0; from < counts.length; from = to) {
    while (counts[to] === counts[from]) to++;
    sizes.add(counts[from]!, to - from);
  }
}
