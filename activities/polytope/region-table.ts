// Distinct codes and what is known of them: a commutative monoid over code rows in typed arrays.

import { ClassPool } from './class-pool.ts';
import { ExemplarPool } from './exemplar-pool.ts';
import { pointHash } from './point-hash.ts';
import { regionColumns } from './region-columns.ts';
import { digestCollision, widthMismatch } from './region-faults.ts';
import type { RegionOrder } from './region-order.ts';
import {
  CLASSES,
  CLASS_COUNT,
  CLASS_SIZE,
  COUNT,
  EXEMPLARS,
  EXEMPLAR_SIZE,
  FIRST,
  RECORD,
  SPAN,
  WORDS,
  WORST,
} from './region-record.ts';
import { grown } from './region-rows.ts';
import type { CodeRows, RegionRows } from './region-rows.ts';

export interface RegionTableOptions {
  /** Words of one code by span; 0 for spans that travel as digests only. */
  readonly spanWords: readonly number[];
  /** Example points kept per region. */
  readonly exemplars: number;
  /** Seed of the order of points, as of {@link orderSeed}. */
  readonly seed: number;
}

type Rows = CodeRows | RegionRows;

/**
 * Regions by (span, digest). Any order and grouping of the same rows gives the same {@link
 * RegionTable.columns}.
 * A row must be added once only: the caller drops repeated messages.
 */
export class RegionTable {
  readonly #options: RegionTableOptions;
  #records = new Int32Array(1024 * RECORD);
  #slots = new Int32Array(4096);
  #words = new Uint32Array(4096);
  #rows = 0;
  #wordsUsed = 0;
  #classes = new ClassPool();
  #exemplars: ExemplarPool;

  constructor(options: RegionTableOptions) {
    this.#options = options;
    this.#exemplars = new ExemplarPool(options.exemplars);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Bytes in use, without spare capacity. */
  get bytes(): number {
    const fixed = this.#rows * (RECORD * 4 + 8);
    return fixed + this.#wordsUsed * 4 + this.#classes.used * 4 + this.#exemplars.used * 4;
  }

  /**
   * Counts code rows.
   * @throws PipelineError `digest-collision`, `code-width-mismatch`
   */
  addCodes(codes: CodeRows): void {
    const words = this.#reserve(codes, 0, codes.rows);
    const { seed } = this.#options;
    for (let row = 0; row < codes.rows; row++) {
      const at = this.#regionOf(codes, row, words);
      const pointId = codes.pointId[row]!;
      this.#records[at + COUNT]! += 1;
      if (pointId < this.#records[at + FIRST]!) this.#records[at + FIRST] = pointId;
      if (codes.label[row]! >= 0) this.#addClass(at, codes.label[row]!, 1);
      this.#offer(at, pointHash(pointId, seed));
    }
  }

  /** Adds partial regions, for example those of a segment: rows `from` (default 0) to `to` (default all). */
  addRegions(
    regions: RegionRows,
    { from = 0, to = regions.rows }: { readonly from?: number; readonly to?: number } = {},
  ): void {
    const words = this.#reserve(regions, from, to);
    const { seed } = this.#options;
    for (let row = from; row < to; row++) {
      const at = this.#regionOf(regions, row, words);
      this.#records[at + COUNT]! += regions.count[row]!;
      this.#records[at + FIRST] = Math.min(this.#records[at + FIRST]!, regions.firstPointId[row]!);
      for (let entry = regions.classOffsets[row]!; entry < regions.classOffsets[row + 1]!; entry++) {
        this.#addClass(at, regions.classIds[entry]!, regions.classCounts[entry]!);
      }
      for (let entry = regions.exemplarOffsets[row]!; entry < regions.exemplarOffsets[row + 1]!; entry++) {
        this.#offer(at, pointHash(regions.exemplars[entry]!, seed));
      }
    }
  }

  merge(other: RegionTable): void {
    this.addRegions(other.columns('digest'));
  }

  /** Forgets everything but keeps the buffers. */
  clear(): void {
    this.#slots.fill(0);
    this.#rows = this.#wordsUsed = this.#classes.used = this.#exemplars.used = 0;
  }

  /** All regions in file order, as fresh columns. */
  columns(order: RegionOrder): RegionRows {
    return regionColumns({
      rows: this.#rows,
      records: this.#records,
      words: this.#words,
      wordsUsed: this.#wordsUsed,
      classPairs: this.#classes.pairs,
      exemplarHashes: this.#exemplars.hashes,
      spanWords: this.#options.spanWords,
      seed: this.#options.seed,
      order,
    });
  }

  #addClass(at: number, classId: number, count: number): void {
    const records = this.#records;
    const size = records[at + CLASS_SIZE]!;
    if (size === 0) {
      records[at + CLASSES] = classId;
      records[at + CLASS_COUNT] = count;
      records[at + CLASS_SIZE] = 1;
    } else if (size === 1 && records[at + CLASSES] === classId) {
      records[at + CLASS_COUNT]! += count;
    } else {
      this.#addToBlock(at, classId, count);
    }
  }

  #addToBlock(at: number, classId: number, count: number): void {
    const records = this.#records;
    const pool = this.#classes;
    const size = records[at + CLASS_SIZE]!;
    const start =
      size === 1 ? pool.start(records[at + CLASSES]!, records[at + CLASS_COUNT]!) : records[at + CLASSES]!;
    const pair = pool.find(start, size, classId);
    if (pair < start + size * 2 && pool.pairs[pair] === classId) {
      pool.pairs[pair + 1]! += count;
      return;
    }
    records[at + CLASSES] = pool.insert(start, size, { at: pair, classId, count });
    records[at + CLASS_SIZE] = size + 1;
  }

  #offer(at: number, hash: number): void {
    const [records, pool] = [this.#records, this.#exemplars];
    const size = records[at + EXEMPLAR_SIZE]!;
    const full = size === pool.limit;
    if (full && (size === 0 || hash >= records[at + WORST]! >>> 0)) return;
    if (size === 0 || pool.limit === 1) {
      records[at + EXEMPLARS] = records[at + WORST] = hash;
      records[at + EXEMPLAR_SIZE] = 1;
      return;
    }
    const start = size === 1 ? pool.start(records[at + EXEMPLARS]! >>> 0) : records[at + EXEMPLARS]!;
    records[at + EXEMPLARS] = pool.insert(start, size, hash);
    const after = full ? size : size + 1;
    records[at + EXEMPLAR_SIZE] = after;
    records[at + WORST] = pool.hashes[records[at + EXEMPLARS]! + after - 1]!;
  }

  /** Makes room for rows that may all be new, so that the loops need no checks; returns the rows' words. */
  #reserve({ words, wordOffsets }: Rows, from: number, to: number): Uint32Array {
    const rows = to - from;
    this.#records = grown(this.#records, (this.#rows + rows) * RECORD);
    this.#words = grown(this.#words, this.#wordsUsed + ((wordOffsets[to]! - wordOffsets[from]!) >> 2));
    if ((this.#rows + rows) * 2 > this.#slots.length) this.#rehash((this.#rows + rows) * 2);
    return new Uint32Array(words.buffer, words.byteOffset, words.byteLength >> 2);
  }

  #rehash(needed: number): void {
    const slots = new Int32Array(2 ** Math.ceil(Math.log2(needed)));
    const mask = slots.length - 1;
    for (let row = 0, at = 0; row < this.#rows; row++, at += RECORD) {
      let slot = hashOf(this.#records[at + 1]!, this.#records[at + 2]!, this.#records[at + SPAN]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = row + 1;
    }
    this.#slots = slots;
  }

  /** Where the row's region lies; a new one has count 0. */
  #regionOf({ span: spans, digest, wordOffsets }: Rows, row: number, words: Uint32Array): number {
    const records = this.#records;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const span = spans[row]!;
    const [d0, d1] = [digest[row * 4]! | 0, digest[row * 4 + 1]! | 0];
    const [d2, d3] = [digest[row * 4 + 2]! | 0, digest[row * 4 + 3]! | 0];
    let slot = hashOf(d1, d2, span) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const at = (slots[slot]! - 1) * RECORD;
      if (records[at] !== d0 || records[at + 1] !== d1 || records[at + 2] !== d2) continue;
      if (records[at + 3] !== d3 || records[at + SPAN] !== span) continue;
      this.#checkWords(at, words, wordOffsets, row);
      return at;
    }
    slots[slot] = this.#rows + 1;
    const at = this.#rows++ * RECORD;
    records[at] = d0;
    records[at + 1] = d1;
    records[at + 2] = d2;
    records[at + 3] = d3;
    records[at + SPAN] = span;
    this.#startRegion(at, words, wordOffsets, row);
    return at;
  }

  #startRegion(at: number, words: Uint32Array, wordOffsets: Int32Array, row: number): void {
    const records = this.#records;
    const from = wordOffsets[row]! >> 2;
    const length = (wordOffsets[row + 1]! >> 2) - from;
    if (length !== this.#options.spanWords[records[at + SPAN]!])
      throw widthMismatch(records[at + SPAN]!, length, this.#options.spanWords);
    records[at + COUNT] = records[at + CLASS_SIZE] = records[at + EXEMPLAR_SIZE] = 0;
    records[at + FIRST] = 0x7fffffff;
    records[at + WORDS] = this.#wordsUsed;
    for (let word = 0; word < length; word++) this.#words[this.#wordsUsed + word] = words[from + word]!;
    this.#wordsUsed += length;
  }

  #checkWords(at: number, words: Uint32Array, wordOffsets: Int32Array, row: number): void {
    const from = wordOffsets[row]! >> 2;
    const length = (wordOffsets[row + 1]! >> 2) - from;
    const span = this.#records[at + SPAN]!;
    if (length !== this.#options.spanWords[span]) throw widthMismatch(span, length, this.#options.spanWords);
    const kept = this.#records[at + WORDS]!;
    for (let word = 0; word < length; word++) {
      if (this.#words[kept + word] === words[from + word]) continue;
      throw digestCollision(span, this.#records[at + FIRST]!);
    }
  }
}

function hashOf(d1: number, d2: number, span: number): number {
  const mixed = Math.imul(d1 ^ Math.imul(span + 1, 0x85ebca6b), 0x9e3779b1) ^ d2;
  return mixed ^ (mixed >>> 15);
}
