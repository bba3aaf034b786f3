// The oracle is kafkajs's own protocol code: it reads what we write, and we read what it writes.

import Long from 'kafkajs/src/utils/long.js';
import Decoder from 'kafkajs/src/protocol/decoder.js';
import Record from 'kafkajs/src/protocol/recordBatch/record/v0/index.js';
import recordBatches from 'kafkajs/src/protocol/recordBatch/v0/index.js';
import readRecordBatch from 'kafkajs/src/protocol/recordBatch/v0/decoder.js';
import kafkajsCrc from 'kafkajs/src/protocol/recordBatch/crc32C/index.js';
import { describe, expect, test } from 'vitest';
import type { CodeMessage } from '../../../activities/ports.ts';
import { ByteWriter } from '../../../infra/kafka/byte-writer.ts';
import { crc32c } from '@node-rs/crc32';
import { readRecordBatches, writeRecordBatch } from '../../../infra/kafka/record-batch.ts';

const TIME_MS = 1_764_000_000_123;

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 131 + (i >> 8)) & 255);
}

function message(batch: number, bytes: number): CodeMessage {
  const kind = (['codes', 'points', 'units'] as const)[batch % 3]!;
  return {
    partition: 0,
    key: `7:${batch}`,
    value: bytesOf(bytes),
    headers: { kind, run: 'größe', shard: 7, batch },
  };
}

/** Lengths around the borders of varints: empty, 1, 2 and 3 bytes. */
const MESSAGES = [0, 1, 63, 64, 8191, 8192, 70_000, 5].map((bytes, batch) => message(batch, bytes));

function written(messages: readonly CodeMessage[]): Buffer {
  const writer = new ByteWriter();
  writeRecordBatch(writer, messages, { timeMs: TIME_MS });
  return writer.bytes;
}

async function writtenByKafkajs(messages: readonly CodeMessage[], firstOffset: number): Promise<Buffer> {
  const records = messages.map(({ key, value, headers: { kind, run, shard, batch } }, offsetDelta) => {
    const headers = { kind, run, shard: String(shard), batch: String(batch) };
    return Record({ key, value: Buffer.from(value), headers, offsetDelta, timestampDelta: 2 ** 33 });
  });
  const lastOffsetDelta = records.length - 1;
  const options = {
    records,
    lastOffsetDelta,
    firstOffset: Long.fromInt(firstOffset),
    firstTimestamp: TIME_MS,
  };
  return (await recordBatches.RecordBatch({ ...options, maxTimestamp: TIME_MS })).buffer;
}

describe('crc32c', () => {
  test('gives the check value of the standard', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  test('agrees with kafkajs at every length modulo eight', () => {
    for (const length of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1023, 4096]) {
      const bytes = Buffer.from(bytesOf(length));
      expect(crc32c(bytes)).toBe(kafkajsCrc(bytes) >>> 0);
    }
  });
});

describe('record batches', () => {
  test('kafkajs reads what is written', async () => {
    const batch = await readRecordBatch(new Decoder(written(MESSAGES)));
    expect(batch.lastOffsetDelta).toBe(MESSAGES.length - 1);
    expect(batch.maxTimestamp).toBe(String(TIME_MS));
    expect(batch.records.length).toBe(MESSAGES.length);
    batch.records.forEach((record, i) => {
      const { key, value, headers } = MESSAGES[i]!;
      expect(record.offset).toBe(String(i));
      expect(String(record.key)).toBe(key);
      expect(Buffer.compare(record.value, value)).toBe(0);
      expect(record.headers).toEqual({
        kind: Buffer.from(headers.kind),
        run: Buffer.from(headers.run),
        shard: Buffer.from('7'),
        batch: Buffer.from(String(headers.batch)),
      });
    });
  });

  test('the checksum covers everything behind it', () => {
    const bytes = written(MESSAGES);
    expect(bytes.readUInt32BE(17)).toBe(kafkajsCrc(bytes.subarray(21)) >>> 0);
  });

  test('what kafkajs writes is read, from an offset on, and a batch cut short is left out', async () => {
    const [first, second] = [await writtenByKafkajs(MESSAGES, 100), await writtenByKafkajs(MESSAGES, 108)];
    const bytes = Buffer.concat([first!, second!, first!.subarray(0, 40)]);
    const messages = readRecordBatches(bytes, { from: 103n });
    expect(messages.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 13 }, (_, i) => 103n + BigInt(i)),
    );
    messages.forEach(({ value, headers }, i) => {
      const expected = MESSAGES[(i + 3) % 8]!;
      expect(Buffer.compare(value, expected.value)).toBe(0);
      expect(headers).toEqual(expected.headers);
    });
  });

  test('a compressed batch is refused rather than misread', () => {
    const bytes = written(MESSAGES.slice(0, 2));
    bytes.writeInt16BE(2, 21);
    expect(() => readRecordBatches(bytes, { from: 0n })).toThrow(/did not write/);
  });

  test('a damaged batch is refused, by its offset', () => {
    for (const at of [21, 70, written(MESSAGES).length - 1]) {
      const bytes = written(MESSAGES);
      bytes[at]! ^= 64;
      expect(() => readRecordBatches(bytes, { from: 0n })).toThrow(/checksum.*offset 0/);
    }
  });

  test('a message without one of our headers is refused', async () => {
    const record = Record({
      key: 'k',
      value: Buffer.from('v'),
      headers: { kind: 'codes' },
      offsetDelta: 0,
      timestampDelta: 0,
    });
    const { buffer } = await recordBatches.RecordBatch({ records: [record], lastOffsetDelta: 0 });
    expect(() => readRecordBatches(buffer, { from: 0n })).toThrow(/without the header run/);
  });
});
