// Arrow IPC streams to and from column blocks, without a JavaScript object per row.

import * as arrow from 'apache-arrow';
import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import { columnOf } from './column-block.ts';
import type { ColumnBlock, ColumnData, ColumnValues } from './column-block.ts';

type NamedType = Pick<ColumnDef, 'name' | 'type'>;

/** The Arrow type of a column; the definitions in schemas/columns are the source. */
export function arrowType(type: ColumnType): arrow.DataType {
  switch (type) {
    case 'int8':
      return new arrow.Int8();
    case 'int16':
      return new arrow.Int16();
    case 'int32':
      return new arrow.Int32();
    case 'int64':
      return new arrow.Int64();
    case 'float32':
      return new arrow.Float32();
    case 'float64':
      return new arrow.Float64();
    case 'bool':
      return new arrow.Bool();
    case 'utf8':
      return new arrow.Utf8();
    case 'binary':
      return new arrow.Binary();
    case 'fixed[16]':
      return new arrow.FixedSizeBinary(16);
    case 'list<int32>':
      return listOf(new arrow.Int32());
    case 'list<float32>':
      return listOf(new arrow.Float32());
    case 'list<float64>':
      return listOf(new arrow.Float64());
    case 'dictionary<int32,utf8>':
      return new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32(), 0);
    case 'timestamp[ms,UTC]':
      return new arrow.Timestamp(arrow.TimeUnit.MILLISECOND, 'UTC');
  }
}

function listOf(item: arrow.DataType): arrow.DataType {
  return new arrow.List(new arrow.Field('item', item, false));
}

/**
 * The Arrow schema of columns. One metadata key per field, the unit: the Parquet writer does not keep the
 * order of several.
 */
export function arrowSchema(columns: readonly ColumnDef[]): arrow.Schema {
  const fields = columns.map(({ name, type, unit, nullable }) => {
    return new arrow.Field(name, arrowType(type), nullable, new Map([['unit', unit]]));
  });
  return new arrow.Schema(fields);
}

/** The schema as an IPC message: what every stream of it starts with. */
export function schemaBytes(schema: arrow.Schema): Uint8Array {
  const writer = new arrow.RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  writer.finish();
  const stream = writer.toUint8Array(true);
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  return stream.slice(0, 8 + view.getInt32(4, true));
}

/** One block as an Arrow IPC stream of one record batch. */
export function encodeBlock(block: ColumnBlock, columns: readonly ColumnDef[]): Uint8Array {
  const schema = arrowSchema(columns);
  const children = unshared(columns.map(({ name }) => columnOf(block, name))).map((column, i) =>
    arrowData(schema.fields[i]!.type, column, block.rows),
  );
  const data = arrow.makeData({ type: new arrow.Struct(schema.fields), length: block.rows, children });
  return arrow.RecordBatchStreamWriter.writeAll([new arrow.RecordBatch(schema, data)]).toUint8Array(true);
}

/**
 * apache-arrow joins neighbouring chunks that overlap, so offsets written twice in a row would be written
 * once.
 */
function unshared(columns: readonly ColumnData[]): ColumnData[] {
  return columns.map((column, i) => {
    const isShared = column.offsets !== null && column.offsets.buffer === columns[i - 1]?.offsets?.buffer;
    return isShared ? { ...column, offsets: column.offsets.slice() } : column;
  });
}

function arrowData(type: arrow.DataType, column: ColumnData, rows: number): arrow.Data {
  const nulls = column.validity === null ? { nullCount: 0 } : { nullBitmap: column.validity, nullCount: -1 };
  const base = { type, length: rows, ...nulls };
  if (arrow.DataType.isList(type)) {
    const entries = column.offsets![rows]!;
    const child = arrow.makeData({ type: type.valueType, length: entries, data: column.values } as never);
    return arrow.makeData({ ...base, valueOffsets: column.offsets, child } as never);
  }
  if (arrow.DataType.isDictionary(type)) {
    // An empty dictionary would be written as no buffer at all, which readers take for a damaged stream.
    const names = column.dictionary!.length === 0 ? [''] : [...column.dictionary!];
    const dictionary = arrow.vectorFromArray(names, new arrow.Utf8());
    return arrow.makeData({ ...base, data: column.values, dictionary } as never);
  }
  if (column.offsets !== null)
    return arrow.makeData({ ...base, valueOffsets: column.offsets, data: column.values } as never);
  return arrow.makeData({ ...base, data: column.values } as never);
}

/**
 * One record batch of a file as a block.
 * @throws PipelineError `internal` where a column is missing or has another type.
 */
export function decodeBatch(
  batch: arrow.RecordBatch,
  columns: readonly NamedType[],
  where: string,
): ColumnBlock {
  const out = new Map<string, ColumnData>();
  for (const { name, type } of columns) {
    const at = batch.schema.fields.findIndex((field) => field.name === name);
    const found = batch.schema.fields[at]?.type;
    if (found === undefined || found.toString() !== arrowType(type).toString()) {
      throw new PipelineError({
        kind: 'internal',
        what: `column ${name} should be ${type}`,
        where,
        value: `${found ?? 'missing'}`,
      });
    }
    out.set(name, columnData(batch.data.children[at]!));
  }
  return { rows: batch.numRows, columns: out };
}

function columnData(data: arrow.Data): ColumnData {
  const validity = data.nullCount === 0 ? null : data.nullBitmap;
  const isList = arrow.DataType.isList(data.type);
  const values = (isList ? data.children[0]!.values : data.values) as ColumnValues;
  if (arrow.DataType.isDictionary(data.type)) {
    const dictionary = [...(data.dictionary as arrow.Vector<arrow.Utf8>)].map((name) => name ?? '');
    return { values: values.subarray(0, data.length), offsets: null, validity, dictionary };
  }
  if (data.valueOffsets !== undefined && data.valueOffsets !== null && data.valueOffsets.length > 0) {
    return { values, offsets: data.valueOffsets as Int32Array, validity };
  }
  return { values: trimmed(values, data), offsets: null, validity };
}

/** IPC buffers are padded, and may be absent where every row is null; a block's are neither. */
function trimmed(values: ColumnValues, { type, length }: arrow.Data): ColumnValues {
  if (values.length === 0 && length > 0)
    return new (type.ArrayType as new (length: number) => ColumnValues)(length);
  if (arrow.DataType.isBool(type)) return values.subarray(0, (length + 7) >> 3);
  if (arrow.DataType.isFixedSizeBinary(type)) return values.subarray(0, length * type.byteWidth);
  return values.subarray(0, length);
}
