// What brokers answer to Produce (version 3) and Fetch (version 4), without its correlation number.

import protocolErrors from 'kafkajs/src/protocol/error.js';

/** The log has no such offset: it was cut at its beginning or, by losing a leader that knew more, at its end. */
export class OffsetOutOfRange extends Error {
  readonly retriable = false;
}

const OFFSET_OUT_OF_RANGE = 1;

/** topics [name, partitions [index int32, error int16, baseOffset int64, logAppendTime int64]], throttle int32 */
export function producedAt(answer: Buffer): [partition: number, base: bigint][] {
  const partitionsAt = 4 + 2 + answer.readInt16BE(4);
  return Array.from({ length: answer.readInt32BE(partitionsAt) }, (_, i) => {
    const at = partitionsAt + 4 + i * 22;
    checkCode(answer.readInt16BE(at + 4));
    return [answer.readInt32BE(at), answer.readBigInt64BE(at + 6)];
  });
}

/**
 * throttle int32, topics [name, partitions [index int32, error int16, highWatermark int64, lastStableOffset int64,
 * aborted [producer int64, first int64], records bytes]]
 */
export function fetchedRecords(answer: Buffer): { readonly records: Buffer; readonly high: bigint } {
  const at = 8 + 2 + answer.readInt16BE(8) + 4 + 4;
  const code = answer.readInt16BE(at);
  if (code === OFFSET_OUT_OF_RANGE) throw new OffsetOutOfRange();
  checkCode(code);
  const abortedAt = at + 2 + 16;
  const recordsAt = abortedAt + 4 + Math.max(0, answer.readInt32BE(abortedAt)) * 16;
  const records = answer.subarray(recordsAt + 4, recordsAt + 4 + Math.max(0, answer.readInt32BE(recordsAt)));
  return { records, high: answer.readBigInt64BE(at + 2) };
}

function checkCode(code: number): void {
  if (protocolErrors.failure(code)) throw protocolErrors.createErrorFromCode(code);
}
