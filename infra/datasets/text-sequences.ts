// Reading sequences of tokens back from where a shard begins.

import { basename } from 'node:path';
import type { DatasetConfig } from '#schemas/config.ts';
import type { ReadProgress } from './data-file.ts';
import { openDataFile } from './data-file.ts';
import type { LabelCodes, RawLabel } from './labels.ts';
import { piecesOf } from './text-index.ts';
import type { TextPiece } from './text-pieces.ts';
import type { TextLocator } from './text-shards.ts';
import type { Tokenise, TokenisedPiece } from './tokenised-documents.ts';

export interface TokenSequence {
  readonly ids: readonly number[];
  /** Class id per token, -1 for none. */
  readonly labels: readonly number[];
  readonly sourceId: string;
  /** Index of the first token within its document. */
  readonly firstTokenIndex: number;
}

export interface SequenceOptions extends ReadProgress {
  readonly config: Pick<DatasetConfig, 'format' | 'contextTokens'>;
  readonly tokenise: Tokenise;
  readonly codes: LabelCodes;
}

/** All sequences from the locator on, to the end of its last file. */
export async function* sequencesFrom(
  locator: TextLocator,
  options: SequenceOptions,
): AsyncGenerator<TokenSequence> {
  const { config, tokenise, codes, signal } = options;
  let { offset, line, skipTokens, documentTokens } = locator;
  for (const file of locator.files) {
    await using open = await openDataFile(file, options);
    let pending = {
      ids: [] as number[],
      labels: [] as number[],
      firstTokenIndex: documentTokens + skipTokens,
    };
    for await (const piece of piecesOf(config.format)(open, { offset, line })) {
      signal?.throwIfAborted();
      const tokens = tokenise(piece, file.path);
      const sourceId = tokens.id ?? sourceOf(file.path, piece, config);
      for (let i = skipTokens; i < tokens.ids.length; i++) {
        if (pending.ids.length === config.contextTokens) {
          yield { ...pending, sourceId };
          pending = { ids: [], labels: [], firstTokenIndex: documentTokens + i };
        }
        pending.ids.push(tokens.ids[i] as number);
        pending.labels.push(codes.idOf(labelOf(tokens, i), () => `${file.path} line ${piece.line}`));
      }
      documentTokens = piece.endsDocument ? 0 : documentTokens + tokens.ids.length;
      skipTokens = 0;
      if (!piece.endsDocument) continue;
      if (pending.ids.length > 0) yield { ...pending, sourceId };
      pending = { ids: [], labels: [], firstTokenIndex: 0 };
    }
    [offset, line] = [0, 1];
  }
}

function sourceOf(path: string, { line }: TextPiece, { format }: Pick<DatasetConfig, 'format'>): string {
  return format === 'text' ? basename(path) : `${basename(path)}#${line - 1}`;
}

function labelOf({ labels }: TokenisedPiece, index: number): RawLabel {
  if (labels === null) return null;
  return 'all' in labels ? labels.all : labels[index];
}
