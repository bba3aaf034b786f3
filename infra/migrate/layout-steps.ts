// From one layout of tables to the next. Whoever bumps TABLE_LAYOUT_VERSION adds the step from the version before.

import { type ColumnDef, RUN_ID_COLUMN, TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { withRunId } from '../lens/with-run-id.ts';

/** A table on its way through the steps. */
export interface TableContent {
  readonly columns: readonly ColumnDef[];
  readonly blocks: AsyncIterable<ColumnBlock>;
}

export interface LayoutStep {
  /** The layout that it takes; it gives the next one. */
  readonly from: number;
  /** What it changes, for people. */
  readonly what: string;
  apply(table: TableContent, run: { readonly runId: string }): TableContent;
}

/** Every step, in order. */
export const LAYOUT_STEPS: readonly LayoutStep[] = [
  {
    from: 0,
    what: `every table ends in ${RUN_ID_COLUMN.name}`,
    apply: (table, { runId }) =>
      table.columns.some(({ name }) => name === RUN_ID_COLUMN.name)
        ? table
        : withRunId(table, table.blocks, { runId, onRows: () => undefined }),
  },
];

/** Steps from a layout to this version's, in order. */
export function stepsFrom(version: number): readonly LayoutStep[] {
  return LAYOUT_STEPS.filter(({ from }) => from >= version && from < TABLE_LAYOUT_VERSION);
}
