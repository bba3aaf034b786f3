// The rows of a `codes` message, one list for each span, as the rows that region tables take.

import { PipelineError } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { digestRows, spanSeed } from '../../activities/polytope/digest.ts';
import { widthMismatch } from '../../activities/polytope/region-faults.ts';
import type { CodeRows } from '../../activities/polytope/region-rows.ts';
import { storedCodeBytes } from '../sweep-geometry.ts';
import { columnOf, int32Of } from './column-block.ts';
import type { ColumnBlock } from './column-block.ts';

const DIGEST_WORDS = 4;

interface SpanOfCodes {
  readonly seed: number;
  /** Words of one code in messages: none where it travels as its digest. */
  readonly words: number;
}

/** A message's lists, in the order of their spans. */
interface Lists {
  readonly span: Int16Array;
  /** `[lists + 1]` rows, the same for labels. */
  readonly rows: Int32Array;
  /** `[lists + 1]` bytes. */
  readonly words: Int32Array;
  readonly digests: Int32Array;
}

/** Spreads lists out into rows and digests their words. */
export class CodeRowsReader {
  readonly #spans: readonly SpanOfCodes[];
  // Of the last message, and used again for the next.
  #span = new Int16Array(0);
  #wordOffsets = new Int32Array(1);
  #digest = new Uint32Array(0);

  constructor({ spans }: Pick<SweepPlan, 'spans'>) {
    this.#spans = spans.map((span) => {
      return { seed: spanSeed(span.name), words: storedCodeBytes(span) >> 2 };
    });
  }

  /**
   * @returns rows that are good until the next call.
   * @throws PipelineError `code-width-mismatch`, `internal` where the lists of a span have different lengths.
   */
  read(block: ColumnBlock, where: string): CodeRows {
    const [label, words, digest] = ['label', 'words', 'digest'].map((name) => columnOf(block, name));
    const lists = {
      span: columnOf(block, 'span').values as Int16Array,
      rows: columnOf(block, 'point_id').offsets!,
      words: words!.offsets!,
      digests: digest!.offsets!,
    };
    if (label!.offsets!.some((offset, i) => offset !== lists.rows[i])) throw uneven('labels', where);
    const rows = lists.rows[block.rows]!;
    this.#reserve(rows);
    const from = { words: wordsOf(words!.values), digests: wordsOf(digest!.values) };
    for (let list = 0; list < block.rows; list++) {
      this.#spread(lists, list);
      if (!this.#takeDigests(lists, list, from)) throw uneven('digests', where);
    }
    return {
      rows,
      span: this.#span.subarray(0, rows),
      pointId: int32Of(block, 'point_id').subarray(0, rows),
      label: (label!.values as Int32Array).subarray(0, rows),
      digest: this.#digest.subarray(0, rows * DIGEST_WORDS),
      wordOffsets: this.#wordOffsets.subarray(0, rows + 1),
      words: words!.values as Uint8Array,
    };
  }

  #reserve(rows: number): void {
    if (rows <= this.#span.length) return;
    this.#span = new Int16Array(rows);
    this.#wordOffsets = new Int32Array(rows + 1);
    this.#digest = new Uint32Array(rows * DIGEST_WORDS);
  }

  /** Span and place of the words of every row of a list. */
  #spread(lists: Lists, list: number): void {
    const span = lists.span[list]!;
    const [from, to] = [lists.rows[list]!, lists.rows[list + 1]!];
    const bytes = lists.words[list + 1]! - lists.words[list]!;
    const expected = this.#spans[span]?.words;
    if (expected === undefined || bytes !== (to - from) * expected * 4)
      throw widthMismatch(span, bytes / 4 / (to - from), this.#widths);
    this.#span.fill(span, from, to);
    for (let row = from; row <= to; row++)
      this.#wordOffsets[row] = lists.words[list]! + (row - from) * expected * 4;
  }

  /** False where a list has other digests than rows. */
  #takeDigests(
    lists: Lists,
    list: number,
    { words, digests }: { readonly words: Uint32Array; readonly digests: Uint32Array },
  ): boolean {
    const { seed, words: wordsPerRow } = this.#spans[lists.span[list]!]!;
    const [from, to] = [lists.rows[list]!, lists.rows[list + 1]!];
    const out = this.#digest.subarray(from * DIGEST_WORDS, to * DIGEST_WORDS);
    if (wordsPerRow > 0) {
      const own = words.subarray(lists.words[list]! >> 2, lists.words[list + 1]! >> 2);
      digestRows(own, { rows: to - from, wordsPerRow, seed, out });
      return true;
    }
    const given = digests.subarray(lists.digests[list]! >> 2, lists.digests[list + 1]! >> 2);
    if (given.length !== out.length) return false;
    out.set(given);
    return true;
  }

  get #widths(): number[] {
    return this.#spans.map(({ words }) => words);
  }
}

function uneven(what: string, where: string): PipelineError {
  return new PipelineError({
    kind: 'internal',
    what: `a message of the code log has other ${what} than points`,
    where,
  });
}

/** Bytes as 32-bit words, copied only where they are not aligned. */
export function wordsOf(bytes: ArrayBufferView): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0;
  const { buffer, byteOffset, byteLength } = aligned ? bytes : copyOf(bytes);
  return new Uint32Array(buffer, byteOffset, byteLength >> 2);
}

function copyOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}
