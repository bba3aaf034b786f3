// Text files as pieces that are tokenised one by one: lines of jsonl, chunks of plain text.

import type { OpenDataFile } from './data-file.ts';
import { dataInvalid } from './faults.ts';

export interface TextPiece {
  /** First byte of the piece in the (inflated) file. */
  readonly offset: number;
  /** Line number of the piece's start, from 1. */
  readonly line: number;
  readonly text: string;
  readonly endsDocument: boolean;
}

/** Where to start: the beginning of a piece. */
export interface PiecePosition {
  readonly offset: number;
  readonly line: number;
}

/** Plain text is tokenised in chunks of about this size, cut after a line's end. */
const CHUNK_BYTES = 1 << 16;

const WINDOW_BYTES = 1 << 18;

/** A longer line of jsonl is taken for a file of another kind. */
const MAX_LINE_BYTES = 64 << 20;

const NEWLINE = 0x0a;
const SPACE = 0x20;

/**
 * Non-empty lines, each a document.
 * @throws PipelineError `data-invalid` naming file and line where the text is not UTF-8 or a line is over 64
 * MB.
 */
export async function* lines(file: OpenDataFile, from: PiecePosition): AsyncGenerator<TextPiece> {
  let window = new Uint8Array(WINDOW_BYTES);
  let { offset, line } = from;
  while (offset < file.size) {
    const filled = await file.readSome(offset, window);
    let start = 0;
    for (
      let end = window.indexOf(NEWLINE);
      end !== -1 && end < filled;
      end = window.indexOf(NEWLINE, start)
    ) {
      const text = decode(window.subarray(start, end), file.name, line);
      if (text.trim() !== '') yield { offset: offset + start, line, text, endsDocument: true };
      start = end + 1;
      line++;
    }
    if (start === 0 && offset + filled < file.size) {
      if (window.length >= MAX_LINE_BYTES)
        throw dataInvalid(`${file.name} line ${line}`, 'the line is longer than 64 MB');
      window = new Uint8Array(window.length * 4);
      continue;
    }
    if (offset + filled >= file.size) {
      const text = decode(window.subarray(start, filled), file.name, line);
      if (text.trim() !== '') yield { offset: offset + start, line, text, endsDocument: true };
      return;
    }
    offset += start;
  }
}

/**
 * Chunks of a file that is one document; an empty file gives one empty chunk.
 * A chunk ends after the last newline of its 64 KiB, else after the last space, else between two characters.
 */
export async function* chunks(file: OpenDataFile, from: PiecePosition): AsyncGenerator<TextPiece> {
  const window = new Uint8Array(CHUNK_BYTES);
  let { offset, line } = from;
  do {
    const filled = await file.readSome(offset, window);
    const endsDocument = offset + filled >= file.size;
    const bytes = window.subarray(0, endsDocument ? filled : cutOf(window));
    const text = decode(bytes, file.name, line);
    yield { offset, line, text, endsDocument };
    offset += bytes.length;
    for (const byte of bytes) if (byte === NEWLINE) line++;
  } while (offset < file.size);
}

function cutOf(window: Uint8Array): number {
  const newline = window.lastIndexOf(NEWLINE);
  const space = newline === -1 ? window.lastIndexOf(SPACE) : newline;
  if (space !== -1) return space + 1;
  let cut = window.length;
  while (cut > 1 && ((window[cut - 1] as number) & 0xc0) === 0x80) cut--;
  return cut - 1;
}

function decode(bytes: Uint8Array, file: string, line: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw dataInvalid(`${file} line ${line}`, 'the text is not UTF-8', { cause });
  }
}
