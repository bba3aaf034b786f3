// How many tokens each piece of a text file has: one tokenising pass, kept in the cache by content.

import { z } from 'zod';
import type { DatasetConfig } from '#schemas/config.ts';
import type { DataFile, ReadProgress } from './data-file.ts';
import { openDataFile } from './data-file.ts';
import { cacheKey, cachePath, readCachedJson, writeCached, writeCachedJson } from './cache-folder.ts';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { dataInvalid } from './faults.ts';
import type { LabelSummary } from './labels.ts';
import { LabelTally } from './labels.ts';
import { chunks, lines } from './text-pieces.ts';
import type { Tokenise, TokenisedPiece } from './tokenised-documents.ts';

export interface IndexedPiece {
  readonly offset: number;
  readonly line: number;
  readonly tokens: number;
  readonly endsDocument: boolean;
}

export interface TextIndex {
  readonly pieces: number;
  readonly labels: LabelSummary;
  entries(): AsyncGenerator<IndexedPiece>;
}

/** Numbers per piece in the cached file: offset, line, tokens, whether it ends its document. */
const FIELDS = 4;
const BLOCK_PIECES = 4096;

/** Part of the key: raised when pieces are cut or tokenised in another way. */
const VERSION = 1;

const summarySchema = z.object({
  pieces: z.number(),
  labels: z.object({ labelNames: z.array(z.string()).nullable(), classes: z.number().nullable() }),
});

export interface IndexOptions extends ReadProgress {
  readonly config: DatasetConfig;
  readonly tokenizerSha256: string;
  readonly tokenise: Tokenise;
}

/** @throws PipelineError naming file and line of the first record that cannot be tokenised. */
export async function indexText(file: DataFile, options: IndexOptions): Promise<TextIndex> {
  const { config, tokenizerSha256 } = options;
  const key = cacheKey(
    VERSION,
    file.sha256,
    tokenizerSha256,
    config.format,
    config.column ?? null,
    config.labels ?? null,
  );
  const known = summarySchema.safeParse(await readCachedJson(`text/${key}.json`));
  const summary = known.success ? known.data : await writeIndex(file, key, options);
  return { ...summary, entries: () => entriesOf(cachePath(`text/${key}.bin`), summary.pieces) };
}

/** The pieces of a file of this format from a position on. */
export function piecesOf(format: DatasetConfig['format']): typeof lines {
  return format === 'text' ? chunks : lines;
}

async function writeIndex(
  file: DataFile,
  key: string,
  options: IndexOptions,
): Promise<z.infer<typeof summarySchema>> {
  const summary = await writeCached(`text/${key}.bin`, (target) => tokeniseAll(file, target, options));
  await writeCachedJson(`text/${key}.json`, summary);
  return summary;
}

async function tokeniseAll(
  file: DataFile,
  target: FileHandle,
  options: IndexOptions,
): Promise<z.infer<typeof summarySchema>> {
  const { config, tokenise, signal, onProgress } = options;
  await using source = await openDataFile(file, options);
  const tally = new LabelTally();
  const block = new Float64Array(FIELDS * BLOCK_PIECES);
  let filled = 0;
  let pieces = 0;
  let tokens = 0;
  let labelled = false;
  for await (const piece of piecesOf(config.format)(source, { offset: 0, line: 1 })) {
    const { ids, labels } = tokenise(piece, file.path);
    tallyLabels(tally, labels, `${file.path} line ${piece.line}`);
    labelled ||= labels !== null;
    block.set([piece.offset, piece.line, ids.length, piece.endsDocument ? 1 : 0], FIELDS * filled++);
    tokens += ids.length;
    pieces++;
    if (pieces % 256 === 0) {
      signal?.throwIfAborted();
      onProgress?.(`counting tokens of ${basename(file.path)}: ${tokens}`);
      await setImmediate();
    }
    if (filled === BLOCK_PIECES) {
      await target.write(new Uint8Array(block.buffer));
      filled = 0;
    }
  }
  await target.write(new Uint8Array(block.buffer, 0, filled * FIELDS * 8));
  return { pieces, labels: labelled ? mutable(tally.finish()) : { labelNames: null, classes: null } };
}

function tallyLabels(tally: LabelTally, labels: TokenisedPiece['labels'], where: string): void {
  if (labels === null) return;
  for (const label of 'all' in labels ? [labels.all] : labels) tally.add(label, where);
}

function mutable({ labelNames, classes }: LabelSummary): z.infer<typeof summarySchema>['labels'] {
  return { labelNames: labelNames === null ? null : [...labelNames], classes };
}

async function* entriesOf(path: string, pieces: number): AsyncGenerator<IndexedPiece> {
  const file = await open(path, 'r');
  try {
    const block = new Float64Array(FIELDS * BLOCK_PIECES);
    for (let done = 0; done < pieces; done += BLOCK_PIECES) {
      const count = Math.min(BLOCK_PIECES, pieces - done);
      const bytes = new Uint8Array(block.buffer, 0, count * FIELDS * 8);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, done * FIELDS * 8);
      if (bytesRead < bytes.length)
        throw dataInvalid(path, 'the cached index is truncated', { remedy: 'Delete it' });
      for (let i = 0; i < count; i++) {
        const [offset, line, tokens, ends] = block.subarray(FIELDS * i, FIELDS * (i + 1)) as unknown as [
          number,
          number,
          number,
          number,
        ];
        yield { offset, line, tokens, endsDocument: ends === 1 };
      }
    }
  } finally {
    await file.close();
  }
}
