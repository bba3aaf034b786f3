// Record batches of code log messages, read straight from their bytes. apache-arrow takes about 70 µs a message to build its
// objects, a quarter of the aggregator's time (bench: aggregate), and loops or asks for all memory on damaged bytes (fuzz: arrow).

import type { Schema } from 'apache-arrow';
import type { ColumnDef, ColumnType } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ColumnBlock, ColumnData, ColumnValues } from './column-block.ts';
import { type MessageColumn, messageSchema } from './message-schemas.ts';
import { arrowSchema, schemaBytes } from './arrow-columns.ts';

const DICTIONARY_BATCH = 2;
const RECORD_BATCH = 3;
const CONTINUATION = 0xffffffff;

/** Decodes IPC streams of one kind: one schema, its dictionaries, one record batch; no compression. */
export class BatchDecoder {
  readonly #columns: readonly MessageColumn[];
  readonly #schema: Uint8Array;
  /** Aligned copy of the message at hand. */
  #copy = new Uint8Array(0);

  /** @param schema - what streams must start with. @default that of code log messages with these columns */
  constructor(columns: readonly MessageColumn[], schema: Schema = messageSchema(columns)) {
    this.#columns = columns;
    this.#schema = schemaBytes(schema);
  }

  /** Whether a message starts with this schema. */
  fits(value: Uint8Array): boolean {
    return Buffer.compare(value.subarray(0, this.#schema.length), this.#schema) === 0;
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
      this.#checkSchema(bytes, where);
      return readBatch(view, this.#schema.length, this.#columns);
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
  #checkSchema(bytes: Uint8Array, where: string): void {
    if (this.fits(bytes)) return;
    throw new PipelineError({
      kind: 'internal',
      what: 'a message of the code log has other columns',
      where,
      value: `expected ${this.#columns.map(({ name, type }) => `${name} ${type}`).join(', ')}`,
    });
  }
}

/**
 * The rows of a table as {@link encodeBlock} writes them.
 * @throws PipelineError `internal` where the bytes are damaged or have other columns.
 */
export function decodeBlock(bytes: Uint8Array, columns: readonly ColumnDef[], where: string): ColumnBlock {
  const block = new BatchDecoder(columns, arrowSchema(columns)).decode(bytes, where);
  if (block !== null) return block;
  // Only a sweep's skipped batches are empty: here rows were lost.
  throw new PipelineError({ kind: 'internal', what: 'a message of the code log has no rows', where });
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
 * table Message { version, header type, header, body length }; table RecordBatch { length, nodes, buffers, compression };
 * table DictionaryBatch { id, data, is delta }
 */
function readBatch(view: DataView, at: number, columns: readonly MessageColumn[]): ColumnBlock | null {
  const dictionaries: string[][] = [];
  let next = at;
  for (;;) {
    const body = messageEnd(view, next);
    if (body === next + 8) return null;
    const message = follow(view, next + 8);
    const header = follow(view, field(view, message, 2));
    const kind = view.getUint8(field(view, message, 1));
    if (kind === RECORD_BATCH) return readRecords(view, { batch: header, body, columns, dictionaries });
    if (kind !== DICTIONARY_BATCH) throw new RangeError('no record batch');
    const names = follow(view, field(view, header, 1));
    dictionaries.push(readNames(view, { batch: names, body }));
    next = body + Number(view.getBigInt64(field(view, message, 3), true));
  }
}

interface BatchPlace {
  /** Position of the RecordBatch table. */
  readonly batch: number;
  readonly body: number;
}

function readNames(view: DataView, place: BatchPlace): string[] {
  const { rows, columns } = readRecords(view, { ...place, columns: [NAMES], dictionaries: [] });
  const { values, offsets } = columns.get(NAMES.name)!;
  const text = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return Array.from({ length: rows }, (_, row) => text.toString('utf8', offsets![row], offsets![row + 1]));
}

const NAMES = { name: 'names', type: 'utf8' } as const;

function readRecords(
  view: DataView,
  {
    batch,
    body,
    columns,
    dictionaries,
  }: BatchPlace & { readonly columns: readonly MessageColumn[]; readonly dictionaries: string[][] },
): ColumnBlock {
  if (field(view, batch, 3) !== 0) throw new RangeError('compressed record batch');
  const rowsAt = field(view, batch, 0);
  const rows = rowsAt === 0 ? 0 : Number(view.getBigInt64(rowsAt, true));
  // Every message has a column of numbers without nulls.
  if (rows < 0 || rows > view.byteLength) throw new RangeError(`${rows} rows in ${view.byteLength} bytes`);
  const nodes = new Nodes(view, follow(view, field(view, batch, 1)) + 4);
  const buffers = new Buffers(view, follow(view, field(view, batch, 2)) + 4, body);
  const data = columns.map(({ name, type }): [string, ColumnData] => {
    const nulls = nodes.next().nulls;
    return [name, readColumn({ buffers, nodes, dictionaries }, type, { rows, nulls })];
  });
  return { rows, columns: new Map(data) };
}

interface Source {
  readonly buffers: Buffers;
  readonly nodes: Nodes;
  /** Of the columns that have one, in order. */
  readonly dictionaries: string[][];
}

function readColumn(
  source: Source,
  type: ColumnType,
  { rows, nulls }: { rows: number; nulls: number },
): ColumnData {
  const { buffers } = source;
  const bits = buffers.next(Uint8Array);
  const validity = nulls === 0 ? null : bits;
  const numbers = (values: ColumnValues): ColumnData => ({ values, offsets: null, validity });
  switch (type) {
    case 'int8':
      return numbers(buffers.values(Int8Array, rows));
    case 'int16':
      return numbers(buffers.values(Int16Array, rows));
    case 'int32':
      return numbers(buffers.values(Int32Array, rows));
    case 'int64':
    case 'timestamp[ms,UTC]':
      return numbers(buffers.values(BigInt64Array, rows));
    case 'float32':
      return numbers(buffers.values(Float32Array, rows));
    case 'float64':
      return numbers(buffers.values(Float64Array, rows));
    case 'bool':
      return numbers(buffers.values(Uint8Array, (rows + 7) >> 3));
    case 'fixed[16]':
      return numbers(buffers.values(Uint8Array, rows * 16));
    case 'dictionary<int32,utf8>':
      return readIndexed(source, validity, rows);
    case 'utf8':
    case 'binary':
    case 'list<int32>':
    case 'list<float32>':
    case 'list<float64>':
      return readEntries(source, type, { rows, validity });
  }
}

const ENTRIES = {
  'list<int32>': Int32Array,
  'list<float32>': Float32Array,
  'list<float64>': Float64Array,
} as const;

function readEntries(
  { buffers, nodes }: Source,
  type: 'utf8' | 'binary' | keyof typeof ENTRIES,
  { rows, validity }: { rows: number; validity: Uint8Array | null },
): ColumnData {
  const offsets = buffers.values(Int32Array, rows + 1) as Int32Array;
  const isList = type in ENTRIES;
  if (isList) {
    nodes.next();
    buffers.next(Uint8Array);
  }
  const Values: ViewType<ColumnValues> = isList ? ENTRIES[type as keyof typeof ENTRIES] : Uint8Array;
  const values = buffers.next(Values);
  checkOffsets(offsets, values.length);
  return { values, offsets, validity };
}

function readIndexed(
  { buffers, dictionaries }: Source,
  validity: Uint8Array | null,
  rows: number,
): ColumnData {
  const values = buffers.values(Int32Array, rows) as Int32Array;
  const dictionary = dictionaries.shift();
  if (dictionary === undefined) throw new RangeError('a dictionary is missing');
  if (values.some((index) => index < 0 || index >= dictionary.length))
    throw new RangeError('a value is not in its dictionary');
  return { values, offsets: null, validity, dictionary };
}

/** Walks through the nodes of a batch: structs of length and number of nulls. */
class Nodes {
  readonly #view: DataView;
  #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
  }

  next(): { readonly nulls: number } {
    const nulls = Number(this.#view.getBigInt64(this.#at + 8, true));
    this.#at += 16;
    return { nulls };
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
