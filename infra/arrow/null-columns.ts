// Columns without a value in any row.

import type { ColumnType } from '#schemas/columns/column.ts';
import { arrowType } from './arrow-columns.ts';
import type { ColumnData, ColumnValues } from './column-block.ts';

/** One column that is null in every row of every block; its blocks look at the same zeros, which nobody may write to. */
export class NullColumn {
  readonly #type: ColumnType;
  #rows = 0;
  #whole: ColumnData;

  constructor(type: ColumnType) {
    this.#type = type;
    this.#whole = nulls(type, 0);
  }

  of(rows: number): ColumnData {
    // More than any view has: what frees memory passes over parts.
    if (rows >= this.#rows) {
      this.#rows = Math.max(rows + 1, this.#rows * 2);
      this.#whole = nulls(this.#type, this.#rows);
    }
    const { values, offsets, validity } = this.#whole;
    return {
      values: values.subarray(0, offsets === null ? rows : 0),
      offsets: offsets?.subarray(0, rows + 1) ?? null,
      validity: validity!.subarray(0, (rows + 7) >> 3),
    };
  }
}

/** Of its own memory: apache-arrow takes neighbouring buffers that overlap for one. */
function nulls(type: ColumnType, rows: number): ColumnData {
  const Values = arrowType(type).ArrayType as new (length: number) => ColumnValues;
  const variable = type === 'utf8' || type === 'binary';
  return {
    values: new Values(variable ? 0 : rows),
    offsets: variable ? new Int32Array(rows + 1) : null,
    validity: new Uint8Array((rows >> 3) + 2),
  };
}
