// Arrow columns from typed arrays, and one record batch as an IPC stream: no JavaScript object per row.

import {
  Binary,
  type Data,
  type DataType,
  type Field,
  FixedSizeBinary,
  Int32,
  type List,
  makeData,
  RecordBatch,
  RecordBatchStreamWriter,
  type Schema,
  Struct,
  Utf8,
} from 'apache-arrow';
import { arrowType } from './arrow-columns.ts';

export const DIGEST = new FixedSizeBinary(16);

/** One record batch with its schema as an Arrow IPC stream. */
export function ipc(schema: Schema, rows: number, columns: readonly Data[]): Uint8Array {
  const type = new Struct(schema.fields as Field[]);
  const batch = new RecordBatch(
    schema,
    makeData({ type, length: rows, nullCount: 0, children: columns as Data[] }),
  );
  const writer = new RecordBatchStreamWriter();
  writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

/** The bytes under a typed array, without a copy. */
export function asBytes(array: Uint32Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Variable-size binary from chunks. */
export function binaryColumn(chunks: readonly Uint8Array[]): Data<Binary> {
  const valueOffsets = new Int32Array(chunks.length + 1);
  chunks.forEach((chunk, i) => {
    valueOffsets[i + 1] = valueOffsets[i]! + chunk.byteLength;
  });
  return makeData({
    type: new Binary(),
    length: chunks.length,
    nullCount: 0,
    valueOffsets,
    data: Buffer.concat(chunks),
  });
}

/** Lists of integers. @param valueOffsets - `[lists + 1]` */
export function int32Lists(valueOffsets: Int32Array, values: Int32Array): Data<List<Int32>> {
  const type = arrowType('list<int32>') as List<Int32>;
  const child = makeData({ type: new Int32(), length: values.length, nullCount: 0, data: values });
  return makeData({ type, length: valueOffsets.length - 1, nullCount: 0, valueOffsets, child });
}

/** Strings; one encode call for the whole column. */
export function utf8Column(strings: readonly string[]): Data<Utf8> {
  const data = Buffer.from(strings.join(''));
  const characters = strings.reduce((sum, text) => sum + text.length, 0);
  const ascii = characters === data.byteLength;
  const valueOffsets = new Int32Array(strings.length + 1);
  strings.forEach((text, i) => {
    valueOffsets[i + 1] = valueOffsets[i]! + (ascii ? text.length : Buffer.byteLength(text));
  });
  return makeData({ type: new Utf8(), length: strings.length, nullCount: 0, valueOffsets, data });
}

/** A column of numbers that may be absent as a whole: all null then. */
export function optional(type: DataType, rows: number, values: ArrayBufferView | null): Data {
  if (values !== null) return makeData({ type, length: rows, nullCount: 0, data: values } as never) as Data;
  const nullBitmap = new Uint8Array((rows + 7) >> 3);
  const ArrayType = type.ArrayType as new (length: number) => ArrayBufferView;
  return makeData({
    type,
    length: rows,
    nullCount: rows,
    nullBitmap,
    data: new ArrayType(rows),
  } as never) as Data;
}
