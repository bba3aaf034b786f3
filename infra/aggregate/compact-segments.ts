// Merges segments into fewer, so that a commit, which reads them all side by side, holds a bounded number of files open however
// often segments were cut. The merged segment lies beside those it is made of: its longer range of offsets makes it count in their
// place (see `listSegments`), so that a crash at any moment leaves either.

import {
  SEGMENT_REGION_COLUMNS,
  SEGMENT_SAMPLE_COLUMNS,
  SEGMENT_UNIT_COLUMNS,
} from '#schemas/columns/segments.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { int32Of } from '../arrow/column-block.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { inRowGroups } from '../arrow/row-groups.ts';
import { groupRowsOf } from '../parquet/parquet-file.ts';
import { withPart } from './commit-task.ts';
import { mergePoints } from './merge-points.ts';
import { mergeByDigest } from './merge-regions.ts';
import { pointCodeBytes, pointColumns, regionCodeBytes, tableOptions } from './plan-tables.ts';
import { SeenBatches } from './seen-batches.ts';
import { listSegments, writeSegment } from './segment-files.ts';
import type { PartContent, Segment, SegmentNote, SegmentPart } from './segment-files.ts';
import { sampleBlock, unitBlock } from './statistic-blocks.ts';
import { readStatistics } from './statistics.ts';

/** Segments that a commit may have open at once: each holds a row group of some hundred kilobytes. */
const OPEN_SEGMENTS = 128;
const LEAST_PER_PARTITION = 2;
/** Segments that are merged at a time. */
export const FAN_IN = 32;

export interface CompactOptions {
  readonly dir: string;
  readonly plan: SweepPlan;
  /** Segments that may be left, over all partitions. @default 128 */
  readonly most?: number | undefined;
  /** Segments merged at a time. @default 32 */
  readonly fanIn?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** How many segments of each partition a commit reads. */
export function segmentsLeft(partitions: number, most = OPEN_SEGMENTS): number {
  return Math.max(LEAST_PER_PARTITION, Math.floor(most / partitions));
}

/** Merges consecutive segments of each partition, 32 at a time, until there are few enough. */
export async function compactSegments(options: CompactOptions): Promise<void> {
  const { dir, plan, most, fanIn = FAN_IN, signal, onProgress } = options;
  const { partitions } = plan.config.stream;
  const mostEach = segmentsLeft(partitions, most);
  for (let partition = 0; partition < partitions; partition++) {
    let segments = await listSegments(dir, partition, plan);
    while (segments.length > mostEach) {
      const merged: Segment[] = [];
      for (let first = 0; first < segments.length; first += fanIn) {
        signal?.throwIfAborted();
        merged.push(await mergeSegments(segments.slice(first, first + fanIn), { dir, plan }));
        onProgress?.(`partition ${partition}: ${segments.length} segments become fewer`);
      }
      segments = merged;
    }
  }
}

async function mergeSegments(
  segments: readonly Segment[],
  { dir, plan }: Pick<CompactOptions, 'dir' | 'plan'>,
): Promise<Segment> {
  const [first, last] = [segments[0]!, segments.at(-1)!];
  if (first === last) return first;
  const seen = new SeenBatches();
  for (const { note } of segments) seen.addRanges(note.seen);
  const pointGroups: number[] = [];
  const regionsPerSpan = plan.spans.map(() => 0);
  const parts = await mergedParts(segments, plan, { pointGroups, regionsPerSpan });
  const note: SegmentNote = {
    ...first.note,
    to: last.note.to,
    seen: seen.ranges(),
    // Filled while the parts are written, regions last.
    regionsPerSpan,
    pointGroups,
    parts: [...parts.keys()],
  };
  await writeSegment(dir, note, parts);
  return { dir, note };
}

async function mergedParts(
  segments: readonly Segment[],
  plan: SweepPlan,
  { pointGroups, regionsPerSpan }: { pointGroups: number[]; regionsPerSpan: number[] },
): Promise<Map<SegmentPart, PartContent>> {
  const parts = new Map<SegmentPart, PartContent>();
  const columns = pointColumns(plan);
  const points = withPart(segments, 'points').map(({ path, note }) => ({ path, groups: note.pointGroups }));
  if (points.length > 0) {
    const groupRows = groupRowsOf('segment', pointCodeBytes(plan));
    const merged = mergePoints({ files: points, columns, from: 0, to: plan.points, windowRows: groupRows });
    const blocks = seenBy(inRowGroups(slices(merged), groupRows), (block) =>
      pointGroups.push(int32Of(block, 'point_id')[0]!),
    );
    parts.set('points', { columns, blocks, groupRows });
  }
  const { units, sample } = await readStatistics(plan, segments);
  const unitRows = unitBlock(units.entries());
  if (unitRows.rows > 0) parts.set('units', { columns: SEGMENT_UNIT_COLUMNS, blocks: [unitRows] });
  const sampleRows = sampleBlock(sample, plan);
  if (sampleRows.rows > 0) parts.set('sample', { columns: SEGMENT_SAMPLE_COLUMNS, blocks: [sampleRows] });
  const files = withPart(segments, 'regions').map(({ path, note }) => ({
    path,
    regionsPerSpan: note.regionsPerSpan,
  }));
  const groupRows = groupRowsOf('segment', regionCodeBytes(plan));
  parts.set('regions', {
    columns: SEGMENT_REGION_COLUMNS,
    blocks: inRowGroups(regionsOf(files, plan, regionsPerSpan), groupRows),
    groupRows,
  });
  return parts;
}

async function* regionsOf(
  files: Parameters<typeof mergeByDigest>[0]['files'],
  plan: SweepPlan,
  regionsPerSpan: number[],
): AsyncGenerator<BlockSlice> {
  for (const span of plan.spans.keys()) {
    for await (const block of mergeByDigest({ table: tableOptions(plan), files, span })) {
      regionsPerSpan[span]! += block.rows;
      yield { block, from: 0, to: block.rows };
    }
  }
}

async function* slices(blocks: AsyncIterable<ColumnBlock>): AsyncGenerator<BlockSlice> {
  for await (const block of blocks) yield { block, from: 0, to: block.rows };
}

async function* seenBy(
  blocks: AsyncIterable<ColumnBlock>,
  see: (block: ColumnBlock) => void,
): AsyncGenerator<ColumnBlock> {
  for await (const block of blocks) {
    see(block);
    yield block;
  }
}
