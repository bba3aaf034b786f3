// The three kinds of code log message as columns (schemas/columns/code-message.ts): views into the message, no object per row.

import { tableFromIPC } from 'apache-arrow';
import { CODES_COLUMNS, POINT_COLUMNS, UNITS_COLUMNS } from '#schemas/columns/code-message.ts';
import type { CodeRows } from '../../activities/polytope/region-rows.ts';
import type { UnitCounts } from '../../activities/polytope/unit-table.ts';
import { decodeBatch, decodeBlocks } from './arrow-columns.ts';
import { columnOf, int32Of } from './column-block.ts';
import type { ColumnBlock, ColumnValues } from './column-block.ts';

/** Rows of a `codes` message; a skipped batch has an empty message and no rows. */
export function decodeCodes(value: Uint8Array, where: string): CodeRows | null {
  const block = decodeOne(value, CODES_COLUMNS, where);
  if (block === null) return null;
  const words = columnOf(block, 'words');
  return {
    rows: block.rows,
    span: columnOf(block, 'span').values as Int16Array,
    pointId: int32Of(block, 'point_id'),
    label: int32Of(block, 'label'),
    digest: wordsOf(columnOf(block, 'digest').values),
    wordOffsets: words.offsets!,
    words: aligned(words.values),
  };
}

/** A kept code column of the points table. */
export interface KeptColumn {
  readonly name: string;
  readonly type: 'fixed[16]' | 'binary';
}

/**
 * Rows of a `points` message with the kept code columns, or null for a skipped batch.
 * @throws PipelineError `internal` where a column is missing or has another type.
 */
export function decodePoints(value: Uint8Array, kept: readonly KeptColumn[], where: string): ColumnBlock | null {
  return decodeOne(value, [...POINT_COLUMNS, ...kept], where);
}

/** Rows of a `units` message; none for a skipped batch. */
export function decodeUnits(value: Uint8Array, where: string): UnitCounts[] {
  const block = decodeOne(value, UNITS_COLUMNS, where);
  return block === null ? [] : unitCounts(block);
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

function decodeOne(value: Uint8Array, columns: Parameters<typeof decodeBlocks>[1], where: string): ColumnBlock | null {
  if (value.byteLength === 0) return null;
  const [batch] = tableFromIPC(value).batches;
  return batch === undefined ? null : decodeBatch(batch, columns, where);
}

/** Bytes as 32-bit words, copied only where they are not aligned. */
export function wordsOf(values: ColumnValues): Uint32Array {
  const bytes = aligned(values);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

function aligned(values: ColumnValues): Uint8Array {
  const bytes = values as Uint8Array;
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
}
