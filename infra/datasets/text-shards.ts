// Cutting a corpus into shards of token sequences. Sequences never cross documents; points number all tokens.

import { z } from 'zod';
import type { DatasetConfig } from '#schemas/config.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { DataFile } from './data-file.ts';
import { dataFileSchema } from './data-file.ts';
import { rowRange } from './shards.ts';
import type { IndexedPiece, TextIndex } from './text-index.ts';

/** Where a shard's first sequence begins, and the files that it may run on into. */
export const textLocatorSchema = z.object({
  files: z.array(dataFileSchema),
  /** Piece of the first file that holds the first token. */
  offset: z.number(),
  line: z.number(),
  /** Tokens of the piece that belong to earlier sequences. */
  skipTokens: z.number(),
  /** Tokens of the document before the piece. */
  documentTokens: z.number(),
});

export type TextLocator = Readonly<z.infer<typeof textLocatorSchema>>;

export interface IndexedFile {
  readonly file: DataFile;
  readonly index: TextIndex;
}

export interface CutOptions {
  readonly config: Pick<DatasetConfig, 'rows' | 'shardRows' | 'contextTokens'>;
  /** Sequences per batch. */
  readonly batchSequences: number;
}

export interface CutCorpus {
  readonly shards: readonly ShardSpec[];
  readonly samples: number;
  readonly points: number;
}

interface Cut {
  readonly firstSample: number;
  readonly firstPoint: number;
  /** File of the first token, counted from 0. */
  readonly fileNumber: number;
  readonly start: Omit<TextLocator, 'files'>;
}

/** Running totals over the corpus. */
interface Totals {
  documents: number;
  sequences: number;
  tokens: number;
  /** Tokens of the current document so far. */
  documentTokens: number;
}

interface End {
  readonly sequences: number;
  readonly tokens: number;
  readonly fileNumber: number;
}

/**
 * Walks the indexes once, in memory of the number of shards. `rows` counts documents; sequences and points
 * keep the numbers
 * that they have in the whole corpus.
 * @throws PipelineError `config-invalid` where `rows` reaches past the last document.
 */
export async function cutSequences(
  files: readonly IndexedFile[],
  { config, batchSequences }: CutOptions,
): Promise<CutCorpus> {
  const [from, to] = config.rows ?? [0, Infinity];
  const cuts: Cut[] = [];
  const totals: Totals = { documents: 0, sequences: 0, tokens: 0, documentTokens: 0 };
  let firstSequence: number | null = null;
  let end: End = { sequences: 0, tokens: 0, fileNumber: 0 };
  for (const [fileNumber, { index }] of files.entries()) {
    for await (const piece of index.entries()) {
      const inRange = totals.documents >= from && totals.documents < to;
      if (inRange) {
        firstSequence ??= totals.sequences;
        cuts.push(...cutsIn(piece, totals, { fileNumber, firstSequence, config }));
      }
      advance(totals, piece, config);
      if (inRange) end = { sequences: totals.sequences, tokens: totals.tokens, fileNumber };
    }
  }
  rowRange(config, { total: totals.documents, unit: 'documents' });
  const shards = cuts.map((cut, shardId) =>
    shardOf(cut, { shardId, next: cuts[shardId + 1], end, files, batchSequences }),
  );
  const samples = shards.reduce((sum, shard) => sum + shard.samples, 0);
  return { shards, samples, points: shards.reduce((sum, shard) => sum + shard.points, 0) };
}

/** Sequences of a piece that start a shard: the first one of the range, then every shardRows-th. */
function cutsIn(
  piece: IndexedPiece,
  { sequences, tokens, documentTokens }: Totals,
  {
    fileNumber,
    firstSequence,
    config,
  }: {
    readonly fileNumber: number;
    readonly firstSequence: number;
    readonly config: CutOptions['config'];
  },
): Cut[] {
  const { shardRows, contextTokens } = config;
  const cuts: Cut[] = [];
  const started = Math.ceil(documentTokens / contextTokens);
  const count = sequencesIn(piece, documentTokens, contextTokens);
  const done = (sequences - firstSequence) % shardRows;
  for (let next = (shardRows - done) % shardRows; next < count; next += shardRows) {
    const skipTokens = (started + next) * contextTokens - documentTokens;
    cuts.push({
      firstSample: sequences + next,
      firstPoint: tokens + skipTokens,
      fileNumber,
      start: { offset: piece.offset, line: piece.line, skipTokens, documentTokens },
    });
  }
  return cuts;
}

/** Number of sequences whose first token lies in a piece. */
function sequencesIn(piece: IndexedPiece, documentTokens: number, contextTokens: number): number {
  return (
    Math.ceil((documentTokens + piece.tokens) / contextTokens) - Math.ceil(documentTokens / contextTokens)
  );
}

function advance(totals: Totals, piece: IndexedPiece, { contextTokens }: CutOptions['config']): void {
  totals.sequences += sequencesIn(piece, totals.documentTokens, contextTokens);
  totals.tokens += piece.tokens;
  totals.documentTokens = piece.endsDocument ? 0 : totals.documentTokens + piece.tokens;
  if (piece.endsDocument) totals.documents++;
}

function shardOf(
  { firstSample, firstPoint, fileNumber, start }: Cut,
  {
    shardId,
    next,
    end,
    files,
    batchSequences,
  }: {
    readonly shardId: number;
    readonly next: Cut | undefined;
    readonly end: End;
    readonly files: readonly IndexedFile[];
    readonly batchSequences: number;
  },
): ShardSpec {
  const samples = (next?.firstSample ?? end.sequences) - firstSample;
  const lastFile = next === undefined ? end.fileNumber : next.fileNumber;
  const locator: TextLocator = {
    files: files.slice(fileNumber, lastFile + 1).map(({ file }) => file),
    ...start,
  };
  return {
    shardId,
    firstSample,
    samples,
    firstPoint,
    points: (next?.firstPoint ?? end.tokens) - firstPoint,
    batches: Math.ceil(samples / batchSequences),
    locator,
  };
}
