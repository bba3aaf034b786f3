// Blocks of segments as blocks of the final tables: names instead of numbers, nulls instead of -1, and the
// derived columns.

import { labelSpread } from '../../activities/polytope/region-stats.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { columnOf, int32Of } from '../arrow/column-block.ts';
import type { ColumnBlock, ColumnData } from '../arrow/column-block.ts';

/** A column of one string in every row. */
export function constantText(text: string, rows: number): ColumnData {
  return textColumn(new Int16Array(rows), [text]);
}

/** A column of strings by number. */
export function textColumn(numbers: Int16Array, texts: readonly string[]): ColumnData {
  const bytes = texts.map((text) => Buffer.from(text));
  const offsets = new Int32Array(numbers.length + 1);
  for (let row = 0; row < numbers.length; row++)
    offsets[row + 1] = offsets[row]! + bytes[numbers[row]!]!.length;
  const values = new Uint8Array(offsets[numbers.length]!);
  for (let from = 0, to = 0; from < numbers.length; from = to) {
    while (to < numbers.length && numbers[to] === numbers[from]) to++;
    const one = bytes[numbers[from]!]!;
    if (one.length > 0) Buffer.from(values.buffer).fill(one, offsets[from], offsets[to]);
  }
  return { values, offsets, validity: null };
}

/** Bits, least significant first. */
function bitmap(rows: number, isSet: (row: number) => boolean): Uint8Array {
  const bits = new Uint8Array((rows + 7) >> 3);
  for (let row = 0; row < rows; row++) if (isSet(row)) bits[row >> 3]! |= 1 << (row & 7);
  return bits;
}

/** Rows of the regions table from rows of segments. */
export function finalRegions(block: ColumnBlock, plan: SweepPlan): ColumnBlock {
  const { rows } = block;
  const span = columnOf(block, 'span').values as Int16Array;
  const { offsets, values } = columnOf(block, 'class_counts');
  const entropy = new Float32Array(rows);
  const purity = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const spread = labelSpread(values as Int32Array, offsets![row]!, offsets![row + 1]!);
    entropy[row] = spread?.entropyBits ?? 0;
    purity[row] = spread?.purity ?? 0;
  }
  const hasLabel = (row: number) => offsets![row + 1]! > offsets![row]!;
  const labelled = validity(rows, hasLabel);
  const wide = plan.spans.some(({ digestOnly }) => digestOnly);
  const validWords = wide ? bitmap(rows, (row) => !plan.spans[span[row]!]!.digestOnly) : null;
  const columns = new Map(block.columns);
  columns.set(
    'span',
    textColumn(
      span,
      plan.spans.map(({ name }) => name),
    ),
  );
  columns.set('words', { ...columnOf(block, 'words'), validity: validWords });
  columns.set('entropy_bits', { values: entropy, offsets: null, validity: labelled });
  columns.set('purity', { values: purity, offsets: null, validity: labelled });
  columns.set('run_id', constantText(plan.runId, rows));
  return { rows, columns };
}

/** Rows of the points table from rows of segments. */
export function finalPoints(block: ColumnBlock, plan: SweepPlan): ColumnBlock {
  const { rows } = block;
  const label = int32Of(block, 'label');
  const names = plan.labelNames ?? [];
  const isNamed = (row: number) => label[row]! >= 0 && label[row]! < names.length;
  const columns = new Map(block.columns);
  columns.set('label', {
    values: label.map((id) => Math.max(id, 0)),
    offsets: null,
    validity: validity(rows, (row) => label[row]! >= 0),
  });
  columns.set('label_name', {
    values: label.map((id, row) => (isNamed(row) ? id : 0)),
    offsets: null,
    validity: validity(rows, isNamed),
    dictionary: names,
  });
  columns.set('split', nullText(rows));
  columns.set('run_id', constantText(plan.runId, rows));
  return { rows, columns };
}

/** A column of strings that are all null. */
export function nullText(rows: number): ColumnData {
  return {
    values: new Uint8Array(0),
    offsets: new Int32Array(rows + 1),
    validity: new Uint8Array((rows + 7) >> 3),
  };
}

/** A bitmap, or null where every row is valid. */
function validity(rows: number, isValid: (row: number) => boolean): Uint8Array | null {
  for (let row = 0; row < rows; row++) if (!isValid(row)) return bitmap(rows, isValid);
  return null;
}
