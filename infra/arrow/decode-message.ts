// The three kinds of code log message as columns (schemas/columns/code-message.ts): views into the message,
// no object per row.

import { CODES_COLUMNS, POINT_COLUMNS, UNITS_COLUMNS } from '#schemas/columns/code-message.ts';
import type { CodeRows } from '../../activities/polytope/region-rows.ts';
import type { UnitCounts } from '../../activities/polytope/unit-table.ts';
import { columnOf, int32Of } from './column-block.ts';
import type { ColumnBlock, ColumnValues } from './column-block.ts';
import { BatchDecoder } from './ipc-batch.ts';

/** A kept code column of the points table. */
export interface KeptColumn {
  readonly name: string;
  readonly type: 'fixed[16]' | 'binary';
}

/** Decodes the messages of one run; `where` names the message in errors. */
export interface MessageDecoder {
  /** Rows of a `codes` message; a skipped batch has an empty message and no rows. */
  codes(value: Uint8Array, where: string): CodeRows | null;
  /** Rows of a `points` message with the kept code columns, or null for a skipped batch. */
  points(value: Uint8Array, where: string): ColumnBlock | null;
  /** Rows of a `units` message; none for a skipped batch. */
  units(value: Uint8Array, where: string): UnitCounts[];
}

/** @param kept - code columns behind the fixed ones of a points message. */
export function messageDecoder(kept: readonly KeptColumn[]): MessageDecoder {
  const codes = new BatchDecoder(CODES_COLUMNS);
  const points = new BatchDecoder([
    ...POINT_COLUMNS,
    ...kept.map((column) => ({ ...column, nullable: true })),
  ]);
  const units = new BatchDecoder(UNITS_COLUMNS);
  return {
    codes: (value, where) => {
      const block = codes.decode(value, where);
      return block === null ? null : codeRows(block);
    },
    points: (value, where) => points.decode(value, where),
    units: (value, where) => {
      const block = units.decode(value, where);
      return block === null ? [] : unitCounts(block);
    },
  };
}

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

/** Bytes as 32-bit words, copied only where they are not aligned. */
export function wordsOf(values: ColumnValues): Uint32Array {
  const given = values as Uint8Array;
  const bytes = given.byteOffset % 4 === 0 ? given : given.slice();
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}
