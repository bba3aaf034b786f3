// Tagged sentences as the token rows that a sweep must have, made with the tokenizer library alone.

import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

export interface ExpectedToken {
  readonly sourceId: string;
  readonly tokenIndex: number;
  readonly tokenId: number;
  /** What the token stands for; the word's first one starts with a space. */
  readonly text: string;
  readonly tag: string;
}

/** Tokens of up to `contextTokens` that the model sees together. */
export type TokenSequence = readonly ExpectedToken[];

interface Definition extends Record<string, unknown> {
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
}

/** Reads the first lines of a jsonl file of words and tags; every word is encoded with a space before it. */
export function tokenSequences(
  jsonl: string,
  {
    tokenizer,
    documents,
    contextTokens,
  }: { readonly tokenizer: string; readonly documents: number; readonly contextTokens: number },
): TokenSequence[] {
  const definition = JSON.parse(readFileSync(tokenizer, 'utf8')) as Definition;
  const encoder = new Tokenizer(definition, {});
  // Byte-level vocabularies write a space as G with a dot; in ASCII text there is nothing else to undo.
  const texts = Object.entries(definition.model.vocab).map(
    ([piece, id]) => [id, piece.replaceAll('\u0120', ' ')] as const,
  );
  const pieces = new Map(texts);
  const lines = readFileSync(jsonl, 'utf8').split('\n').slice(0, documents);
  return lines.flatMap((line) => {
    const { id, words, tags } = JSON.parse(line) as { id: string; words: string[]; tags: string[] };
    const tokens = words.flatMap((word, i) =>
      encoder
        .encode(` ${word}`, { add_special_tokens: false })
        .ids.map((tokenId: number) => ({ tokenId, tag: tags[i]!, text: pieces.get(tokenId)! })),
    );
    const numbered = tokens.map((token, tokenIndex) => ({ ...token, sourceId: id, tokenIndex }));
    return Array.from({ length: Math.ceil(tokens.length / contextTokens) }, (_, i) =>
      numbered.slice(i * contextTokens, (i + 1) * contextTokens),
    );
  });
}
