// What a plan says about the tables of aggregation: geometry, seed and columns.

import { POINT_COLUMNS } from '#schemas/columns/code-message.ts';
import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import type { SpanInfo, SweepPlan } from '#schemas/sweep.ts';
import type { SampleOptions } from '../../activities/polytope/code-sample.ts';
import { orderSeed } from '../../activities/polytope/point-hash.ts';
import type { RegionTableOptions } from '../../activities/polytope/region-table.ts';
import type { KeptColumn } from '../arrow/decode-message.ts';

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

/** Bytes of a code of the span as tables hold it: none where they hold its digest only. */
export function storedCodeBytes({ digestOnly, codeBytes }: SpanInfo): number {
  return digestOnly ? 0 : codeBytes;
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

/** The code columns that `codes.keep` asks for, in span order. */
export function keptColumns({ config, spans }: SweepPlan): KeptColumn[] {
  const { keep } = config.codes;
  if (keep === 'none') return [];
  return spans.map(({ name, digestOnly }) =>
    keep === 'words' && !digestOnly
      ? { name: `words_${name}`, type: 'binary' }
      : { name: `digest_${name}`, type: 'fixed[16]' },
  );
}

/** Columns of a segment's points: those of the messages. */
export function pointColumns(kept: readonly KeptColumn[]): ColumnDef[] {
  const fixed = POINT_COLUMNS.map((column) => ({
    ...column,
    type: column.type as ColumnType,
    description: '',
  }));
  return [...fixed, ...kept.map((column) => ({ ...column, unit: '', nullable: true, description: '' }))];
}
