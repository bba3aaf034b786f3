// The three kinds of code log message as columns (schemas/columns/code-message.ts): views into the message,
// no object per row.

import { CODES_COLUMNS, CODES_COLUMNS_1, UNITS_COLUMNS } from '#schemas/columns/code-message.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CodeRows } from '../../activities/polytope/region-rows.ts';
import type { UnitCounts } from '../../activities/polytope/unit-table.ts';
import { CodeRowsReader, wordsOf } from './code-rows.ts';
import { columnOf, int32Of } from './column-block.ts';
import type { ColumnBlock } from './column-block.ts';
import { BatchDecoder } from './ipc-batch.ts';
import { allPointColumns, messageSchema, pointMessageColumns } from './message-schemas.ts';
import { NullColumn } from './null-columns.ts';

/** Decodes the messages of one run, of layouts 1 and 2; `where` names the message in errors. */
export interface MessageDecoder {
  /** Rows of a `codes` message, good until the next call; null for a skipped batch, which has an empty message. */
  codes(value: Uint8Array, where: string): CodeRows | null;
  /** Rows of a `points` message with the kept code columns, or null for a skipped batch. */
  points(value: Uint8Array, where: string): ColumnBlock | null;
  /** Rows of a `units` message; none for a skipped batch. */
  units(value: Uint8Array, where: string): UnitCounts[];
}

export function messageDecoder(plan: Pick<SweepPlan, 'config' | 'spans'>): MessageDecoder {
  const allPoints = allPointColumns(plan);
  const layout1 = {
    codes: new BatchDecoder(CODES_COLUMNS_1, messageSchema(CODES_COLUMNS_1, 1)),
    points: new BatchDecoder(allPoints, messageSchema(allPoints, 1)),
    units: new BatchDecoder(UNITS_COLUMNS, messageSchema(UNITS_COLUMNS, 1)),
  };
  const codes = new BatchDecoder(CODES_COLUMNS);
  const sent = pointMessageColumns(plan);
  const points = new BatchDecoder(sent);
  const absent = allPoints.filter(({ name }) => !sent.some((column) => column.name === name));
  const nulls = absent.map(({ name, type }) => [name, new NullColumn(type)] as const);
  const units = new BatchDecoder(UNITS_COLUMNS);
  const spread = new CodeRowsReader(plan);
  return {
    codes: (value, where) => {
      if (layout1.codes.fits(value)) return codeRows(layout1.codes.decode(value, where)!);
      const block = codes.decode(value, where);
      return block === null ? null : spread.read(block, where);
    },
    points: (value, where) => {
      if (layout1.points.fits(value)) return layout1.points.decode(value, where);
      const block = points.decode(value, where);
      return block === null ? null : filledUp(block, nulls);
    },
    units: (value, where) => {
      const block = (layout1.units.fits(value) ? layout1.units : units).decode(value, where);
      return block === null ? [] : unitCounts(block);
    },
  };
}

function filledUp(
  { rows, columns }: ColumnBlock,
  nulls: readonly (readonly [string, NullColumn])[],
): ColumnBlock {
  return {
    rows,
    columns: new Map([...columns, ...nulls.map(([name, column]) => [name, column.of(rows)] as const)]),
  };
}

/** Rows of layout 1, which a message holds as they are. */
function codeRows(block: ColumnBlock): CodeRows {
  const words = columnOf(block, 'words');
  return {
    rows: block.rows,
    span: columnOf(block, 'span').values as Int16Array,
    pointId: int32Of(block, 'point_id'),
    label: int32Of(block, 'label'),
    digest: wordsOf(columnOf(block, 'digest').values),
    wordOffsets: words.offsets!,
    words: words.values as Uint8Array,
  };
}

/** Unit counts of a block with the columns of a `units` message. */
export function unitCounts(block: ColumnBlock): UnitCounts[] {
  const on = columnOf(block, 'on');
  const counts = wordsOf(on.values);
  const soft = columnOf(block, 'soft').values as Float64Array;
  return Array.from({ length: block.rows }, (_, row) => ({
    tap: (columnOf(block, 'tap').values as Int16Array)[row]!,
    classId: int32Of(block, 'class')[row]!,
    rows: int32Of(block, 'rows')[row]!,
    on: counts.subarray(on.offsets![row]! >> 2, on.offsets![row + 1]! >> 2),
    soft: soft[row]!,
  }));
}
