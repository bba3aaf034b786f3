// What a plan says about the tables of aggregation: geometry, seed and columns.

import type { ColumnDef } from '#schemas/columns/column.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { SampleOptions } from '../../activities/polytope/code-sample.ts';
import { orderSeed } from '../../activities/polytope/point-hash.ts';
import type { RegionTableOptions } from '../../activities/polytope/region-table.ts';
import { allPointColumns } from '../arrow/message-schemas.ts';
import { storedCodeBytes } from '../sweep-geometry.ts';

/** Geometry and seed that the statistics of a plan share. */
export function tableOptions(plan: SweepPlan): RegionTableOptions & SampleOptions {
  const cells = plan.grids.map(({ height, width }) => height * width);
  const allCells = cells.reduce((sum, count) => sum + count, 0);
  const shareOf = (tap: number) => cells[plan.grids.findIndex(({ taps }) => taps.includes(tap))]! / allCells;
  return {
    spanWords: plan.spans.map((span) => storedCodeBytes(span) >> 2),
    spanPoints: plan.spans.map(({ taps }) => plan.points * shareOf(taps[0]!)),
    exemplars: plan.config.output.exemplars,
    seed: orderSeed(plan.config.seed),
  };
}

/** Code bytes of a region's row: those of the widest span. */
export function regionCodeBytes({ spans }: Pick<SweepPlan, 'spans'>): number {
  return spans.reduce((most, span) => Math.max(most, storedCodeBytes(span)), 0);
}

/** Code bytes of a point's row: those of every span whose words are kept. */
export function pointCodeBytes({ config, spans }: Pick<SweepPlan, 'config' | 'spans'>): number {
  if (config.codes.keep !== 'words') return 0;
  return spans.reduce((sum, span) => sum + storedCodeBytes(span), 0);
}

/** Columns of a segment's points. */
export function pointColumns(plan: Pick<SweepPlan, 'config' | 'spans'>): ColumnDef[] {
  return allPointColumns(plan).map(({ name, type, nullable = false, unit = '' }) => {
    return { name, type, nullable, unit, description: '' };
  });
}
