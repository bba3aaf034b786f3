// Record batches of code log messages, read straight from their bytes. apache-arrow takes about 70 µs a message to build its
// objects, a quarter of the aggregator's time (bench: aggregate), and loops or asks for all memory on damaged bytes (fuzz: arrow).

import type { ColumnDef } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ColumnBlock, ColumnData, ColumnValues } from './column-block.ts';
import { type MessageColumn, messageSchema } from './message-schemas.ts';
import { schemaBytes } from './arrow-columns.ts';

const RECORD_BATCH = 3;
const CONTINUATION = 0xffffffff;

/** Decodes IPC streams of one kind: one schema, one record batch, no dictionaries and no compression. */
export class BatchDecoder {
  readonly #columns: readonly MessageColumn[];
  readonly #schema: Uint8Array;
  /** Aligned copy of the message at hand. */
  #copy = new Uint8Array(0);

  constructor(columns: readonly MessageColumn[]) {
    this.#columns = columns;
    this.#schema = schemaBytes(messageSchema(columns));
  }

  /**
   * Columns of a message, as views into `value`; where that is not aligned, into a copy that the next call overwrites.
   * @returns null for an empty message: a skipped batch.
   * @throws PipelineError `internal` where the schema is not the expected one or the bytes end early.
   */
  decode(value: Uint8Array, where: string): ColumnBlock | null {
    if (value.byteLength === 0) return null;
    const bytes = value.byteOffset % 8 === 0 ? value : this.#aligned(value);
    try {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const batchAt = messageEnd(view, 0);
      this.#checkSchema(bytes, batchAt, where);
      return readBatch(view, batchAt, this.#columns);
    } catch (error) {
      if (error instanceof PipelineError) throw error;
      const value = error instanceof Error ? error.message : String(error);
      throw new PipelineError({
        kind: 'internal',
        what: 'a message of the code log is damaged',
        where,
        value,
      });
    }
  }

  #aligned(value: Uint8Array): Uint8Array {
    if (this.#copy.length < value.length) this.#copy = new Uint8Array(value.length * 2);
    this.#copy.set(value);
    return this.#copy.subarray(0, value.length);
  }

  /** Bytes are compared, not read: a reader of schemas may be led astray by damaged ones. */
  #checkSchema(bytes: Uint8Array, length: number, where: string): void {
    if (Buffer.compare(bytes.subarray(0, length), this.#schema) === 0) return;
    throw new PipelineError({
      kind: 'internal',
      what: 'a message of the code log has other columns',
      where,
      value: `expected ${this.#columns.map(({ name, type }) => `${name} ${type}`).join(', ')}`,
    });
  }
}

/** Where the message that starts at `at` ends, without its body. */
function messageEnd(view: DataView, at: number): number {
  if (view.getUint32(at, true) !== CONTINUATION) throw new RangeError('no Arrow message');
  return at + 8 + view.getInt32(at + 4, true);
}

/** Position of a field of a flatbuffers table, or 0 where it is absent. */
function field(view: DataView, table: number, number: number): number {
  const vtable = table - view.getInt32(table, true);
  const slot = 4 + number * 2;
  const offset = slot < view.getUint16(vtable, true) ? view.getUint16(vtable + slot, true) : 0;
  return offset === 0 ? 0 : table + offset;
}

/** Where the offset at `at` points. */
function follow(view: DataView, at: number): number {
  return at + view.getUint32(at, true);
}

/**
 * table Message { version, header type, header, body length }; table RecordBatch { length, nodes, buffers,
 * compression }
 */
function readBatch(view: DataView, at: number, columns: readonly MessageColumn[]): ColumnBlock | null {
  const body = messageEnd(view, at);
  if (body === at + 8) return null;
  const message = follow(view, at + 8);
  if (view.getUint8(field(view, message, 1)) !== RECORD_BATCH) throw new RangeError('no record batch');
  const batch = follow(view, field(view, message, 2));
  if (field(view, batch, 3) !== 0) throw new RangeError('compressed record batch');
  const rowsAt = field(view, batch, 0);
  const rows = rowsAt === 0 ? 0 : Number(view.getBigInt64(rowsAt, true));
  // Every message has a column of numbers without nulls.
  if (rows < 0 || rows > view.byteLength) throw new RangeError(`${rows} rows in ${view.byteLength} bytes`);
  const nodes = follow(view, field(view, batch, 1)) + 4;
  const buffers = new Buffers(view, follow(view, field(view, batch, 2)) + 4, body);
  const data = columns.map(({ name, type }, i): [string, ColumnData] => {
    const nulls = Number(view.getBigInt64(nodes + i * 16 + 8, true));
    return [name, readColumn(buffers, type, { rows, nulls })];
  });
  return { rows, columns: new Map(data) };
}

function readColumn(
  buffers: Buffers,
  type: ColumnDef['type'],
  { rows, nulls }: { rows: number; nulls: number },
): ColumnData {
  const bits = buffers.next(Uint8Array);
  const validity = nulls === 0 ? null : bits;
  switch (type) {
    case 'int16':
      return { values: buffers.values(Int16Array, rows), offsets: null, validity };
    case 'int32':
      return { values: buffers.values(Int32Array, rows), offsets: null, validity };
    case 'float32':
      return { values: buffers.values(Float32Array, rows), offsets: null, validity };
    case 'float64':
      return { values: buffers.values(Float64Array, rows), offsets: null, validity };
    case 'fixed[16]':
      return { values: buffers.values(Uint8Array, rows * 16), offsets: null, validity };
    case 'utf8':
    case 'binary': {
      const offsets = buffers.values(Int32Array, rows + 1) as Int32Array;
      const values = buffers.next(Uint8Array);
      checkOffsets(offsets, values.length);
      return { values, offsets, validity };
    }
    case 'int8':
    case 'int64':
    case 'bool':
    case 'list<int32>':
    case 'list<float32>':
    case 'list<float64>':
    case 'dictionary<int32,utf8>':
    case 'timestamp[ms,UTC]':
      throw new RangeError(`no message has a ${type} column`);
  }
}

/** Rows of a column lie one behind the other, within its values. */
function checkOffsets(offsets: Int32Array, length: number): void {
  let before = 0;
  for (const offset of offsets) {
    if (offset < before) throw new RangeError('offsets of a column decrease');
    before = offset;
  }
  if (before > length) throw new RangeError('a row lies behind the end of its column');
}

type ViewType<T> = {
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  new (length: number): T;
  readonly BYTES_PER_ELEMENT: number;
};

/** Walks through the buffers of a batch: structs of offset and length within the body. */
class Buffers {
  readonly #view: DataView;
  readonly #body: number;
  #at: number;

  constructor(view: DataView, at: number, body: number) {
    this.#view = view;
    this.#at = at;
    this.#body = body;
  }

  next<T extends ColumnValues>(Type: ViewType<T>): T {
    const offset = Number(this.#view.getBigInt64(this.#at, true));
    const length = Number(this.#view.getBigInt64(this.#at + 8, true));
    this.#at += 16;
    if (offset < 0 || length < 0 || this.#body + offset + length > this.#view.byteLength)
      throw new RangeError('a buffer lies behind the end');
    return new Type(
      this.#view.buffer,
      this.#view.byteOffset + this.#body + offset,
      length / Type.BYTES_PER_ELEMENT,
    );
  }

  /** Exactly `length` values; a buffer may be absent where every row is null. */
  values<T extends ColumnValues>(Type: ViewType<T>, length: number): T {
    const values = this.next(Type);
    if (values.length >= length) return values.subarray(0, length) as T;
    if (values.length > 0) throw new RangeError('a buffer is too short');
    return new Type(length);
  }
}
