// Pieces of text to token ids with their labels.

import type { DatasetConfig } from '#schemas/config.ts';
import { configInvalid, dataInvalid, labelMismatch } from './faults.ts';
import type { RawLabel } from './labels.ts';
import type { TextPiece } from './text-pieces.ts';
import type { TextTokenizer } from './tokenizer.ts';

export interface TokenisedPiece {
  readonly ids: readonly number[];
  /** One label per token, one for all of them, or null without labels. */
  readonly labels: readonly RawLabel[] | { readonly all: RawLabel } | null;
  /** The record's `id`; null where it has none. */
  readonly id: string | null;
}

export type Tokenise = (piece: TextPiece, file: string) => TokenisedPiece;

/**
 * How pieces of a data set are tokenised. A jsonl field that is an array of words is tokenised word by word,
 * each as " word",
 * and a parallel array of labels gives every sub-token its word's label; any other label is the document's.
 */
export function tokeniserOf(config: DatasetConfig, tokenizer: TextTokenizer): Tokenise {
  const { format, column = 'text', labels } = config;
  if (labels !== undefined && typeof labels !== 'string') {
    throw configInvalid('dataset.labels', 'one field name is wanted', { value: labels.join(', ') });
  }
  if (format === 'text') {
    if (labels !== undefined)
      throw configInvalid('dataset.labels', 'plain text has no labels', { value: labels });
    return ({ text }) => ({ ids: tokenizer.encode(text), labels: null, id: null });
  }
  return (piece, file) => {
    const where = `${file} line ${piece.line}`;
    const record = parseRecord(piece.text, where);
    const input = record[column];
    const label = labels === undefined ? undefined : fieldOf(record, labels, where);
    const id = typeof record.id === 'string' || typeof record.id === 'number' ? String(record.id) : null;
    if (typeof input === 'string')
      return { ids: tokenizer.encode(input), labels: wholeLabel(label, where), id };
    if (Array.isArray(input) && input.every((word) => typeof word === 'string')) {
      return { ...tokeniseWords(input, label, { tokenizer, where }), id };
    }
    const value =
      input === undefined ? `fields: ${Object.keys(record).join(', ')}` : JSON.stringify(input).slice(0, 80);
    throw dataInvalid(where, `field ${column} is neither text nor a list of words`, {
      value,
      remedy: 'Name the field by dataset.column',
    });
  };
}

function tokeniseWords(
  words: readonly string[],
  label: unknown,
  { tokenizer, where }: { tokenizer: TextTokenizer; where: string },
): Omit<TokenisedPiece, 'id'> {
  const ids: number[] = [];
  if (!Array.isArray(label)) {
    for (const word of words) for (const id of tokenizer.encodeWord(word)) ids.push(id);
    return { ids, labels: wholeLabel(label, where) };
  }
  if (label.length !== words.length) {
    throw labelMismatch(where, 'words and labels differ in number', {
      value: `${words.length} words, ${label.length} labels`,
    });
  }
  const labels: RawLabel[] = [];
  for (const [index, word] of words.entries()) {
    const own = scalarLabel(label[index], where);
    for (const id of tokenizer.encodeWord(word)) {
      ids.push(id);
      labels.push(own);
    }
  }
  return { ids, labels };
}

function wholeLabel(label: unknown, where: string): { all: RawLabel } | null {
  return label === undefined ? null : { all: scalarLabel(label, where) };
}

function scalarLabel(label: unknown, where: string): RawLabel {
  if (label === null || typeof label === 'string' || typeof label === 'number' || typeof label === 'boolean')
    return label;
  throw dataInvalid(where, 'a label is neither a string nor an integer', {
    value: JSON.stringify(label)?.slice(0, 80),
  });
}

function fieldOf(record: Record<string, unknown>, field: string, where: string): unknown {
  const value = record[field];
  if (value !== undefined) return value;
  throw dataInvalid(where, `the record has no field ${field}`, { value: Object.keys(record).join(', ') });
}

function parseRecord(text: string, where: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw dataInvalid(where, 'the line is not JSON', { value: text.slice(0, 80), cause });
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, unknown>;
  throw dataInvalid(where, 'the line is not a JSON object', { value: text.slice(0, 80) });
}
