// Ranges of fixed-size rows over several array files, for data and for labels.

import { z } from 'zod';
import { elementsOf, readArrayHeader } from './array-header.ts';
import type { OpenDataFile, ReadProgress } from './data-file.ts';
import { dataFileSchema, identifyFile, openDataFile } from './data-file.ts';
import type { NumericArray } from './dtypes.ts';
import { DTYPES, DTYPE_NAMES, numbersOf } from './dtypes.ts';
import type { PartSlice, RowRange } from './shards.ts';
import { sliceParts } from './shards.ts';

/** A range of rows of one array file; shards carry it as their locator. */
export const recordPartSchema = z.object({
  file: dataFileSchema,
  dtype: z.enum(DTYPE_NAMES),
  swap: z.boolean(),
  /** Shape of one row. */
  shape: z.array(z.number()),
  /** Byte of the file's row 0. */
  dataOffset: z.number(),
  firstRow: z.number(),
  rows: z.number(),
});

export type RecordPart = Readonly<z.infer<typeof recordPartSchema>>;

/** Consecutive rows of one file. `numbers` is overwritten by the next chunk. */
export interface RowChunk {
  readonly part: RecordPart;
  readonly numbers: NumericArray;
  /** Number of the first row within its file. */
  readonly row: number;
  readonly rows: number;
  /** Position of the first row within what was asked for. */
  readonly at: number;
}

export interface OpenParts extends AsyncDisposable {
  /** `rows` rows from `first`, counted from the first row of the first part. */
  rows(first: number, rows: number): AsyncGenerator<RowChunk>;
}

/** Rows wider than this are still read whole; narrower ones in chunks of about this size. */
const CHUNK_BYTES = 4 << 20;

/** Checks the header of one array file and names all of its rows. */
export async function planPart(
  path: string,
  options: ReadProgress & { format: 'idx' | 'npy' },
): Promise<RecordPart> {
  const file = await identifyFile(path, options);
  await using open = await openDataFile(file, options);
  const { shape, ...header } = await readArrayHeader(open, options);
  return { file, ...header, shape: shape.slice(1), firstRow: 0, rows: shape[0] as number };
}

/** The parts that hold samples [from, to) of all parts together. */
export function partsOf(parts: readonly RecordPart[], range: RowRange): RecordPart[] {
  return sliceParts(parts, range).map(({ part, firstRow, rows }) => ({ ...part, firstRow, rows }));
}

/** Opens the files of all parts. */
export async function openParts(parts: readonly RecordPart[], progress: ReadProgress): Promise<OpenParts> {
  const files: OpenDataFile[] = [];
  async function close(): Promise<void> {
    await Promise.all(files.map((file) => file[Symbol.asyncDispose]()));
  }
  try {
    for (const part of parts) files.push(await openDataFile(part.file, progress));
  } catch (error) {
    await close();
    throw error;
  }
  const reused = { bytes: new Uint8Array(0) };
  return {
    async *rows(first, rows) {
      let at = 0;
      for (const slice of sliceParts(parts, { from: first, to: first + rows })) {
        for await (const chunk of chunksOf(slice, files[slice.index] as OpenDataFile, reused)) {
          yield { ...chunk, at };
          at += chunk.rows;
        }
      }
    },
    [Symbol.asyncDispose]: close,
  };
}

async function* chunksOf(
  slice: PartSlice<RecordPart>,
  file: OpenDataFile,
  reused: { bytes: Uint8Array },
): AsyncGenerator<Omit<RowChunk, 'at'>> {
  const { part, firstRow, rows: total } = slice;
  const rowBytes = elementsOf(part.shape) * DTYPES[part.dtype].bytes;
  const chunkRows = Math.max(1, Math.floor(CHUNK_BYTES / Math.max(1, rowBytes)));
  for (let done = 0; done < total; done += chunkRows) {
    const rows = Math.min(chunkRows, total - done);
    const row = firstRow + done;
    if (reused.bytes.length < rows * rowBytes) reused.bytes = new Uint8Array(rows * rowBytes);
    const bytes = reused.bytes.subarray(0, rows * rowBytes);
    await file.readAt(part.dataOffset + row * rowBytes, bytes);
    yield { part, numbers: numbersOf(bytes, part), row, rows };
  }
}
