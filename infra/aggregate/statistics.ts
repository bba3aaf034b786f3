// The statistics of units and samples that segments hold, added up.

import { SEGMENT_SAMPLE_COLUMNS, SEGMENT_UNIT_COLUMNS } from '#schemas/columns/segments.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { CodeSample } from '../../activities/polytope/code-sample.ts';
import { UnitTable } from '../../activities/polytope/unit-table.ts';
import { unitCounts } from '../arrow/decode-message.ts';
import { readBlocks } from '../parquet/parquet-file.ts';
import { withPart } from './commit-task.ts';
import { tableOptions } from './plan-tables.ts';
import type { Segment } from './segment-files.ts';
import { addSampleBlock, checkUnits } from './statistic-blocks.ts';
import type { Statistics } from './statistic-tables.ts';

/** Reads the units and samples of segments, one file at a time. */
export async function readStatistics(
  plan: SweepPlan,
  segments: readonly Segment[],
): Promise<Pick<Statistics, 'units' | 'sample'>> {
  const units = new UnitTable();
  const sample = new CodeSample(tableOptions(plan));
  for (const { path } of withPart(segments, 'units')) {
    for await (const block of readBlocks(path, SEGMENT_UNIT_COLUMNS)) {
      for (const counts of unitCounts(block)) {
        checkUnits(counts, plan);
        units.add(counts);
      }
    }
  }
  for (const { path } of withPart(segments, 'sample')) {
    for await (const block of readBlocks(path, SEGMENT_SAMPLE_COLUMNS)) addSampleBlock(sample, block);
  }
  return { units, sample };
}
