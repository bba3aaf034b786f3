// Hugging Face tokenizer.json: text to ids, and ids back to the bytes that they stand for.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { configInvalid, dataInvalid, dataMissing } from './faults.ts';
import { tokenBytes } from './token-bytes.ts';

export interface TextTokenizer {
  readonly sha256: string;
  /** Ids of a text, without special tokens. */
  encode(text: string): readonly number[];
  /** Ids of one word written as " word"; frequent words are kept. */
  encodeWord(word: string): readonly number[];
  /** The bytes that a token adds to the text; part of a character where the vocabulary cuts characters. */
  bytesOf(id: number): Uint8Array;
}

/** Words kept with their ids; then the table starts anew, which bounds its memory. */
const KEPT_WORDS = 200_000;

/**
 * @throws PipelineError `config-invalid` without a file, `data-missing`, or `data-invalid` where it is no
 * tokenizer.
 */
export async function openTokenizer(file: string | undefined): Promise<TextTokenizer> {
  if (file === undefined) {
    throw configInvalid('dataset.tokenizer', 'text needs a tokenizer', {
      remedy: "Give the model's Hugging Face tokenizer.json",
    });
  }
  const text = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw dataMissing(file, 'the tokenizer cannot be opened', {
      value: cause.code,
      remedy: 'Check dataset.tokenizer',
      cause,
    });
  });
  const definition = parse(text.toString('utf8'), file);
  const tokenizer = make(definition, file);
  const textOf = tokenBytes(definition);
  const words = new Map<string, readonly number[]>();
  const pieces = new Map<number, Uint8Array>();
  const encode = (content: string) => {
    const { ids, tokens } = tokenizer.encode(content, { add_special_tokens: false });
    const without = ids.findIndex((id: unknown) => !Number.isSafeInteger(id));
    if (without < 0) return ids;
    throw dataInvalid(file, 'the tokenizer makes a token that has no id', {
      value: JSON.stringify(tokens[without]),
      remedy: 'Its vocabulary lacks the token and names no unknown token that it has',
    });
  };
  return {
    sha256: createHash('sha256').update(text).digest('hex'),
    encode,
    encodeWord(word) {
      const known = words.get(word);
      if (known !== undefined) return known;
      if (words.size >= KEPT_WORDS) words.clear();
      const ids = encode(` ${word}`);
      words.set(word, ids);
      return ids;
    },
    bytesOf(id) {
      const known = pieces.get(id);
      if (known !== undefined) return known;
      const bytes = textOf(tokenizer.id_to_token(id) ?? '');
      pieces.set(id, bytes);
      return bytes;
    },
  };
}

function parse(text: string, file: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'model' in parsed)
      return parsed as Record<string, unknown>;
  } catch (cause) {
    throw dataInvalid(file, 'the tokenizer is not JSON', { value: String(cause).slice(0, 120), cause });
  }
  throw dataInvalid(file, 'this is not a Hugging Face tokenizer.json', { value: 'it has no "model"' });
}

function make(definition: Record<string, unknown>, file: string): Tokenizer {
  try {
    const tokenizer = new Tokenizer(definition, {});
    tokenizer.encode('text', { add_special_tokens: false });
    return tokenizer;
  } catch (cause) {
    const value = cause instanceof Error ? cause.message : String(cause);
    throw dataInvalid(file, 'the tokenizer cannot be used', { value: value.slice(0, 160), cause });
  }
}
