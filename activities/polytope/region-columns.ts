// The region table's records as columns in file order (hot loops: bench aggregate).

import { pointOfHash } from './point-hash.ts';
import { regionOrder } from './region-order.ts';
import type { RegionOrder } from './region-order.ts';
import {
  CLASS_COUNT,
  CLASS_SIZE,
  CLASSES,
  COUNT,
  EXEMPLAR_SIZE,
  EXEMPLARS,
  FIRST,
  RECORD,
  SPAN,
  WORDS,
} from './region-record.ts';
import type { RegionRows } from './region-rows.ts';

/** The buffers of a region table. */
export interface RegionBuffers {
  readonly rows: number;
  readonly records: Int32Array; // [rows, RECORD]
  readonly words: Uint32Array;
  readonly wordsUsed: number;
  /** (class, count) pairs of regions with several classes. */
  readonly classPairs: Int32Array;
  /** Hashes of the exemplars of regions with several. */
  readonly exemplarHashes: Uint32Array;
  readonly spanWords: readonly number[];
  readonly seed: number;
  readonly order: RegionOrder;
}

/** Fresh columns of all regions. */
export function regionColumns(table: RegionBuffers): RegionRows {
  const { rows, records, words: kept, spanWords } = table;
  const order = orderOf(table);
  const out = emptyColumns(table);
  const words = new Uint32Array(out.words.buffer);
  for (let row = 0; row < rows; row++) {
    const at = order[row]! * RECORD;
    const span = records[at + SPAN]!;
    out.span[row] = span;
    for (let word = 0; word < 4; word++) out.digest[row * 4 + word] = records[at + word]!;
    const wordAt = out.wordOffsets[row]! >> 2;
    const length = spanWords[span]!;
    const from = records[at + WORDS]!;
    for (let word = 0; word < length; word++) words[wordAt + word] = kept[from + word]!;
    out.wordOffsets[row + 1] = (wordAt + length) * 4;
    out.count[row] = records[at + COUNT]!;
    out.firstPointId[row] = records[at + FIRST]!;
    copyClasses(table, at, out, row);
    copyExemplars(table, at, out, row);
  }
  return out;
}

function orderOf({ rows, records, order }: RegionBuffers): Int32Array {
  const keys = {
    rows,
    span: new Int16Array(rows),
    count: new Int32Array(rows),
    digest: new Uint32Array(rows * 4),
  };
  for (let row = 0, at = 0; row < rows; row++, at += RECORD) {
    keys.span[row] = records[at + SPAN]!;
    keys.count[row] = records[at + COUNT]!;
    for (let word = 0; word < 4; word++) keys.digest[row * 4 + word] = records[at + word]!;
  }
  return regionOrder(keys, { order });
}

function emptyColumns({ rows, records, wordsUsed }: RegionBuffers): RegionRows {
  let classes = 0;
  let exemplars = 0;
  for (let at = 0; at < rows * RECORD; at += RECORD) {
    classes += records[at + CLASS_SIZE]!;
    exemplars += records[at + EXEMPLAR_SIZE]!;
  }
  return {
    rows,
    span: new Int16Array(rows),
    digest: new Uint32Array(rows * 4),
    wordOffsets: new Int32Array(rows + 1),
    words: new Uint8Array(wordsUsed * 4),
    count: new Int32Array(rows),
    firstPointId: new Int32Array(rows),
    classOffsets: new Int32Array(rows + 1),
    classIds: new Int32Array(classes),
    classCounts: new Int32Array(classes),
    exemplarOffsets: new Int32Array(rows + 1),
    exemplars: new Int32Array(exemplars),
  };
}

function copyClasses({ records, classPairs }: RegionBuffers, at: number, out: RegionRows, row: number): void {
  const size = records[at + CLASS_SIZE]!;
  const block = records[at + CLASSES]!;
  const to = out.classOffsets[row]!;
  if (size === 1) {
    out.classIds[to] = block;
    out.classCounts[to] = records[at + CLASS_COUNT]!;
  }
  for (let entry = 0; size > 1 && entry < size; entry++) {
    out.classIds[to + entry] = classPairs[block + entry * 2]!;
    out.classCounts[to + entry] = classPairs[block + entry * 2 + 1]!;
  }
  out.classOffsets[row + 1] = to + size;
}

function copyExemplars(
  { records, exemplarHashes, seed }: RegionBuffers,
  at: number,
  out: RegionRows,
  row: number,
): void {
  const size = records[at + EXEMPLAR_SIZE]!;
  const block = records[at + EXEMPLARS]!;
  const to = out.exemplarOffsets[row]!;
  if (size === 1) out.exemplars[to] = pointOfHash(block, seed);
  else for (let i = 0; i < size; i++) out.exemplars[to + i] = pointOfHash(exemplarHashes[block + i]!, seed);
  out.exemplarOffsets[row + 1] = to + size;
}
