// Kafka's record batches (magic 2), written straight into a request and read straight out of a response: values are
// copied once on their way out and not at all on their way in.

import { crc32c } from '@node-rs/crc32';
import { PipelineError } from '#schemas/errors.ts';
import type { MessageKind } from '#schemas/columns/code-message.ts';
import type { CodeMessage, ReceivedMessage } from '../../activities/ports.ts';
import { type ByteWriter, varintBytes } from './byte-writer.ts';

/** Offset and length of a batch, which its length does not count. */
const PREFIX_BYTES = 12;
const CRC_AT = 17;
/** The checksum covers all that stands behind it. */
const CRC_END = CRC_AT + 4;
const MAGIC = 2;
const COMPRESSION_MASK = 7;
const CONTROL_MASK = 32;
const HEADERS = ['kind', 'run', 'shard', 'batch'] as const;

/**
 * Appends one uncompressed, non-transactional batch.
 *
 *     baseOffset int64, length int32, leaderEpoch int32, magic int8, crc uint32, attributes int16,
 *     lastOffsetDelta int32, firstTimestamp int64, maxTimestamp int64, producerId int64, producerEpoch int16,
 *     baseSequence int32, records int32 [record]
 */
export function writeRecordBatch(
  writer: ByteWriter,
  messages: readonly CodeMessage[],
  { timeMs }: { readonly timeMs: number },
): void {
  const start = writer.length;
  const time = BigInt(timeMs);
  writer.int64(0n).int32(0).int32(-1).int8(MAGIC).int32(0);
  const checked = writer.length;
  writer
    .int16(0)
    .int32(messages.length - 1)
    .int64(time)
    .int64(time);
  writer.int64(-1n).int16(-1).int32(-1).int32(messages.length);
  messages.forEach((message, i) => {
    writeRecord(writer, message, i);
  });
  writer.patchInt32(writer.length - start - PREFIX_BYTES, start + 8);
  writer.patchUint32(crc32c(writer.bytes.subarray(checked)), start + CRC_AT);
}

/** length varint, attributes int8, timestampDelta varint, offsetDelta varint, key, value, headers; all lengths varints. */
function writeRecord(writer: ByteWriter, { key, value, headers }: CodeMessage, offsetDelta: number): void {
  const texts = HEADERS.map((name) => [name, String(headers[name])] as const);
  const keyBytes = Buffer.byteLength(key);
  let bytes = 2 + varintBytes(offsetDelta) + varintBytes(keyBytes) + keyBytes;
  bytes += varintBytes(value.byteLength) + value.byteLength + varintBytes(texts.length);
  for (const [name, text] of texts)
    bytes += 1 + name.length + varintBytes(Buffer.byteLength(text)) + Buffer.byteLength(text);
  writer.varint(bytes).int8(0).varint(0).varint(offsetDelta);
  writer.varint(keyBytes).text(key).varint(value.byteLength).raw(value).varint(texts.length);
  for (const [name, text] of texts)
    writer.varint(name.length).text(name).varint(Buffer.byteLength(text)).text(text);
}

/**
 * Messages of the whole batches in `bytes` from offset `from` on, with values as views into `bytes`. A fetch may cut its
 * last batch short.
 * @throws PipelineError `internal` where a batch is of another kind or lacks a header, `storage-failed` where its checksum differs.
 */
export function readRecordBatches(bytes: Buffer, { from }: { readonly from: bigint }): ReceivedMessage[] {
  const messages: ReceivedMessage[] = [];
  for (let at = 0; at + PREFIX_BYTES <= bytes.length; ) {
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    readBatch(bytes.subarray(at, end), from, messages);
    at = end;
  }
  return messages;
}

function readBatch(batch: Buffer, from: bigint, messages: ReceivedMessage[]): void {
  const magic = batch.readInt8(16);
  const attributes = batch.readInt16BE(21);
  if (magic !== MAGIC || (attributes & COMPRESSION_MASK) !== 0)
    throw foreign(`magic ${magic}, attributes ${attributes}`);
  if (crc32c(batch.subarray(CRC_END)) !== batch.readUInt32BE(CRC_AT)) throw damaged(batch.readBigInt64BE(0));
  if ((attributes & CONTROL_MASK) !== 0) return;
  const base = batch.readBigInt64BE(0);
  const reader = new RecordReader(batch, 61);
  for (let left = batch.readInt32BE(57); left > 0; left--) {
    const message = reader.next(base);
    if (message.offset >= from) messages.push(message);
  }
}

class RecordReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  next(base: bigint): ReceivedMessage {
    const length = this.#varint();
    const end = this.#at + length;
    this.#at++;
    this.#skipVarint();
    const offset = base + BigInt(this.#varint());
    this.#sized();
    const value = this.#sized();
    const headers = new Map<string, string>();
    for (let left = this.#varint(); left > 0; left--) {
      const name = this.#sized().toString('latin1');
      headers.set(name, this.#sized().toString());
    }
    this.#at = end;
    return { offset, value, headers: headersOf(headers) };
  }

  /** Bytes behind their length; none where that is -1. */
  #sized(): Buffer {
    const length = Math.max(0, this.#varint());
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.#at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
  }

  /** Times may take more than 32 bits, and are not needed. */
  #skipVarint(): void {
    while (this.#bytes[this.#at++]! > 127);
  }
}

function headersOf(found: ReadonlyMap<string, string>): ReceivedMessage['headers'] {
  const text = (name: (typeof HEADERS)[number]) => {
    const value = found.get(name);
    if (value === undefined)
      throw new PipelineError({ kind: 'internal', what: `message without the header ${name}` });
    return value;
  };
  return {
    kind: text('kind') as MessageKind,
    run: text('run'),
    shard: Number(text('shard')),
    batch: Number(text('batch')),
  };
}

function damaged(offset: bigint): PipelineError {
  return new PipelineError({
    kind: 'storage-failed',
    what: 'a record batch of the code log does not have its checksum',
    value: `offset ${offset}`,
    remedy: "Check the broker's disk and the network; the same command resumes.",
  });
}

function foreign(value: string): PipelineError {
  return new PipelineError({
    kind: 'internal',
    what: 'the code log holds a record batch that this program did not write',
    value,
  });
}
