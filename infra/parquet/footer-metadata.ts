// Key-value metadata written straight into a Parquet footer. parquet-wasm keeps it in a hash map and writes
// it in an order that
// differs from file to file, which would break byte identity; so it writes none, and the sorted pairs are
// added here.

import type { FileHandle } from 'node:fs/promises';

const MAGIC = Buffer.from('PAR1');

/**
 * The only pair that the library writes by itself, as thrift's compact protocol has it: a list of one
 * struct.
 */
const LIBRARY_PAIR = Buffer.from([0x19, 0x1c, 0x18, 0x0c, ...Buffer.from('ARROW:schema')]);

/** Most pairs that fit the one-byte list header, the library's own included. */
const MAX_PAIRS = 14;

/** Adds metadata to a file that the library has written without any. Pairs are sorted by key. */
export async function appendMetadata(
  file: FileHandle,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const { size } = await file.stat();
  const tail = await readAt(file, size - 8, 8);
  const footerBytes = tail.readUInt32LE(0);
  const start = size - 8 - footerBytes;
  const footer = withPairs(await readAt(file, start, footerBytes), metadata);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  const bytes = Buffer.concat([footer, length, MAGIC]);
  await file.write(bytes, 0, bytes.length, start);
}

function withPairs(footer: Buffer, metadata: Readonly<Record<string, string>>): Buffer {
  const at = footer.lastIndexOf(LIBRARY_PAIR);
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (at < 0 || pairs.length >= MAX_PAIRS)
    throw new Error('unexpected Parquet footer: metadata cannot be added');
  const head = Buffer.from([0x19, ((pairs.length + 1) << 4) | 0x0c]);
  return Buffer.concat([footer.subarray(0, at), head, ...pairs.map(pairBytes), footer.subarray(at + 2)]);
}

/** struct KeyValue { 1: string key, 2: string value } */
function pairBytes([key, value]: readonly [string, string]): Buffer {
  return Buffer.concat([Buffer.from([0x18]), text(key), Buffer.from([0x18]), text(value), Buffer.from([0])]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer;
}
