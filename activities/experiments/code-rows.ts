// Rows of the codes table.

import { LENS_CODES_TABLE } from '#schemas/columns/lens/codes.ts';
import { digestRows, spanSeed } from '../polytope/digest.ts';
import { type WordCodes, bitsOn } from '../polytope/hamming.ts';
import type { TableRows } from './experiment.ts';
import { type Row, RowCollector } from './row-collector.ts';

/** Wider codes would be most of the run's files; their digests still tell them apart. */
const WIDEST_WORDS = 65_536;

interface CodeFacts {
  readonly model: string;
  readonly point: number;
  readonly layer: number;
  /** Name of the layer's tap, which seeds the digest. */
  readonly span: string;
  readonly codeBits: number;
  readonly granularity: 'image' | 'position' | 'token';
  /** `[rows]` bits that rounding could flip; null where they are not counted. */
  readonly ambiguous: Int32Array | null;
}

/**
 * Rows of all points in one layer.
 * @param points - `[rows]` number of each.
 */
export function codeRows(
  codes: WordCodes,
  points: readonly number[],
  facts: Omit<CodeFacts, 'point'>,
): TableRows {
  const rows = new RowCollector(LENS_CODES_TABLE);
  for (const [row, point] of points.entries()) rows.add(codeCells(codes, row, { ...facts, point }));
  return rows.take();
}

/** Cells of the code in one row of `codes`. */
function codeCells({ words, wordsPerRow }: WordCodes, row: number, facts: CodeFacts): Row {
  const code = words.slice(row * wordsPerRow, (row + 1) * wordsPerRow);
  const digest = new Uint32Array(4);
  digestRows(code, { rows: 1, wordsPerRow, seed: spanSeed(facts.span), out: digest });
  return {
    model: facts.model,
    point_id: facts.point,
    span_start: facts.layer - 1,
    span_end: facts.layer,
    granularity: facts.granularity,
    digest: new Uint8Array(digest.buffer),
    words: facts.codeBits > WIDEST_WORDS ? null : new Uint8Array(code.buffer),
    n_on: bitsOn(code),
    n_ambiguous: facts.ambiguous?.[row] ?? null,
  };
}
