// Columns in memory, as plain buffers in Arrow's layout: what Arrow decoding gives, what Parquet writing
// takes.

export type ColumnValues =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array
  | Uint8Array;

export interface ColumnData {
  /**
   * Numbers; bytes of utf8, binary and fixed[16]; bits of bool; entries of lists; indices of dictionaries.
   */
  readonly values: ColumnValues;
  /** `[rows + 1]` for utf8, binary and lists, starting at 0; null for the others. */
  readonly offsets: Int32Array | null;
  /** Bitmap, least significant bit first; null where every row is valid. */
  readonly validity: Uint8Array | null;
  /** Dictionary columns only. */
  readonly dictionary?: readonly string[];
}

export interface ColumnBlock {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, ColumnData>;
}

/** Rows `[from, to)` of a block. */
export interface BlockSlice {
  readonly block: ColumnBlock;
  readonly from: number;
  readonly to: number;
}

/** The block's column; blocks are checked against their definition where they are decoded. */
export function columnOf(block: ColumnBlock, name: string): ColumnData {
  const column = block.columns.get(name);
  if (column === undefined) throw new Error(`no column ${name} in the block`);
  return column;
}

/** The block's column as 32-bit integers. */
export function int32Of(block: ColumnBlock, name: string): Int32Array {
  return columnOf(block, name).values as Int32Array;
}

/** Bytes of one row, 0 for variable size, 0.125 for bits. */
function rowWidth(values: ColumnValues, rows: number, offsets: Int32Array | null, bits: boolean): number {
  if (offsets !== null) return 0;
  if (bits) return 0.125;
  return rows === 0 ? values.BYTES_PER_ELEMENT : values.length / rows;
}

/**
 * Copies slices, one behind the other, into one fresh block. All blocks have the same columns.
 * @param bitColumns - names of the columns whose values are bits.
 */
export function joinSlices(
  slices: readonly BlockSlice[],
  bitColumns: ReadonlySet<string> = new Set(),
): ColumnBlock {
  const first = slices[0]!.block;
  const rows = slices.reduce((sum, { from, to }) => sum + to - from, 0);
  const only = slices.length === 1 && slices[0]!.from === 0 && slices[0]!.to === first.rows;
  if (only) return first;
  const columns = new Map<string, ColumnData>();
  for (const name of first.columns.keys())
    columns.set(name, joinColumn(slices, name, rows, bitColumns.has(name)));
  return { rows, columns };
}

function joinColumn(slices: readonly BlockSlice[], name: string, rows: number, bits: boolean): ColumnData {
  const first = columnOf(slices[0]!.block, name);
  const validity = joinValidity(slices, name, rows);
  const dictionary = first.dictionary === undefined ? {} : { dictionary: first.dictionary };
  if (first.offsets !== null) return { ...joinVariable(slices, name, rows), validity, ...dictionary };
  const width = rowWidth(first.values, slices[0]!.block.rows, null, bits);
  if (bits) {
    const values = new Uint8Array((rows + 7) >> 3);
    let at = 0;
    for (const { block, from, to } of slices) {
      copyBits(columnOf(block, name).values as Uint8Array, from, values, at, to - from);
      at += to - from;
    }
    return { values, offsets: null, validity, ...dictionary };
  }
  const values = emptyLike(first.values, rows * width);
  let at = 0;
  for (const { block, from, to } of slices) {
    const part = columnOf(block, name).values.subarray(from * width, to * width);
    (values as Uint8Array).set(part as Uint8Array, at);
    at += part.length;
  }
  return { values, offsets: null, validity, ...dictionary };
}

function joinVariable(
  slices: readonly BlockSlice[],
  name: string,
  rows: number,
): { values: ColumnValues; offsets: Int32Array } {
  const offsets = new Int32Array(rows + 1);
  let at = 0;
  let length = 0;
  for (const { block, from, to } of slices) {
    const source = columnOf(block, name).offsets!;
    const shift = length - source[from]!;
    for (let row = from; row < to; row++) offsets[++at] = source[row + 1]! + shift;
    length = offsets[at]!;
  }
  const values = emptyLike(columnOf(slices[0]!.block, name).values, length);
  let to = 0;
  for (const slice of slices) {
    const column = columnOf(slice.block, name);
    const part = column.values.subarray(column.offsets![slice.from]!, column.offsets![slice.to]!);
    (values as Uint8Array).set(part as Uint8Array, to);
    to += part.length;
  }
  return { values, offsets };
}

function joinValidity(slices: readonly BlockSlice[], name: string, rows: number): Uint8Array | null {
  if (slices.every(({ block }) => columnOf(block, name).validity === null)) return null;
  const validity = new Uint8Array((rows + 7) >> 3);
  let at = 0;
  for (const { block, from, to } of slices) {
    copyBits(columnOf(block, name).validity, from, validity, at, to - from);
    at += to - from;
  }
  return validity;
}

/** Copies `count` bits; a null source is all ones. Whole bytes at once where both ends allow it. */
function copyBits(
  source: Uint8Array | null,
  from: number,
  target: Uint8Array,
  at: number,
  count: number,
): void {
  let bit = 0;
  if (((from | at) & 7) === 0) {
    const bytes = count >> 3;
    if (source === null) target.fill(255, at >> 3, (at >> 3) + bytes);
    else target.set(source.subarray(from >> 3, (from >> 3) + bytes), at >> 3);
    bit = bytes * 8;
  }
  for (; bit < count; bit++) {
    const isSet = source === null || ((source[(from + bit) >> 3]! >> ((from + bit) & 7)) & 1) === 1;
    if (isSet) target[(at + bit) >> 3]! |= 1 << ((at + bit) & 7);
  }
}

function emptyLike(values: ColumnValues, length: number): ColumnValues {
  const Type = values.constructor as new (length: number) => ColumnValues;
  return new Type(length);
}
