// One file of a data set: identified by its hash, read by position, inflated once where it is gzipped.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { z } from 'zod';
import { cacheKey, cachePath, readCachedJson, writeCached, writeCachedJson } from './cache-folder.ts';
import { dataInvalid, dataMissing } from './faults.ts';

/** How a shard names a file: enough to find it again and to notice that it changed. */
export const dataFileSchema = z.object({
  path: z.string(),
  sha256: z.string(),
  /** Size on disk, before inflating. */
  bytes: z.number(),
  gzip: z.boolean(),
});

export type DataFile = Readonly<z.infer<typeof dataFileSchema>>;

/** How plans and manifests name a file. */
export function fileSummary({ path, sha256, bytes }: DataFile): {
  file: string;
  sha256: string;
  bytes: number;
} {
  return { file: path, sha256, bytes };
}

export interface ReadProgress {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** An open file; `size` is that of the inflated bytes. */
export interface OpenDataFile extends AsyncDisposable {
  readonly name: string;
  readonly size: number;
  /** Fills `target` from `position`. @throws PipelineError `data-invalid` where the file ends before that. */
  readAt(position: number, target: Uint8Array): Promise<void>;
  /** Up to `target.length` bytes from `position`; fewer only at the end of the file. */
  readSome(position: number, target: Uint8Array): Promise<number>;
}

const CHUNK_BYTES = 1 << 20;
const HEARTBEAT_BYTES = 64 << 20;

/** Digests of files below this size are computed anew each time rather than kept. */
const KEEP_DIGEST_BYTES = 1 << 20;

/**
 * Hashes a file (streamed) and looks whether it is gzipped. Digests of large files are kept by path, inode,
 * size and times.
 * @throws PipelineError `data-missing` where it cannot be opened.
 */
export async function identifyFile(file: string, progress: ReadProgress = {}): Promise<DataFile> {
  const path = resolve(file);
  const handle = await openOrMissing(path);
  await using _closing = { [Symbol.asyncDispose]: () => handle.close() };
  const { size, mtimeNs, ctimeNs, ino } = await handle.stat({ bigint: true });
  const bytes = Number(size);
  const magic = new Uint8Array(2);
  const { bytesRead } = await handle.read(magic, 0, 2, 0);
  const gzip = bytesRead === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
  const entry = `digests/${cacheKey(path, String(size), String(mtimeNs), String(ctimeNs), String(ino))}.json`;
  const known =
    bytes < KEEP_DIGEST_BYTES
      ? null
      : z.object({ sha256: z.string() }).safeParse(await readCachedJson(entry));
  if (known?.success) return { path, sha256: known.data.sha256, bytes, gzip };
  const sha256 = await hashHandle(handle, { ...progress, name: basename(path) });
  if (bytes >= KEEP_DIGEST_BYTES) await writeCachedJson(entry, { sha256 });
  return { path, sha256, bytes, gzip };
}

/**
 * Opens a file for reading by position; a gzipped one is inflated into the cache first, once per content.
 * @throws PipelineError `data-missing` where it is gone, `data-invalid` where it changed since it was
 * identified or does not inflate.
 */
export async function openDataFile(file: DataFile, progress: ReadProgress = {}): Promise<OpenDataFile> {
  const found = await stat(file.path).catch((cause: NodeJS.ErrnoException) => {
    throw dataMissing(file.path, 'cannot be opened', { value: cause.code, cause });
  });
  if (found.size !== file.bytes) {
    const value = `${found.size} bytes, planned with ${file.bytes}`;
    throw dataInvalid(file.path, 'the file changed since the run was planned', {
      value,
      remedy: 'Start a new run',
    });
  }
  const path = file.gzip ? await inflatedPath(file, progress) : file.path;
  return openAt(path, file.path);
}

async function openAt(path: string, name: string): Promise<OpenDataFile> {
  const handle = await openOrMissing(path);
  const { size } = await handle.stat();
  async function readSome(position: number, target: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await handle.read(target, filled, target.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }
  return {
    name,
    size,
    readSome,
    async readAt(position, target) {
      const got = await readSome(position, target);
      if (got < target.length) {
        throw dataInvalid(name, 'the file is truncated', { value: `ends at byte ${position + got}` });
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function inflatedPath(file: DataFile, { signal, onProgress }: ReadProgress): Promise<string> {
  const entry = `inflated/${file.sha256}`;
  const path = cachePath(entry);
  if (
    await stat(path).then(
      () => true,
      () => false,
    )
  )
    return path;
  await writeCached(entry, async (target) => {
    let written = 0;
    let noted = 0;
    async function sink(source: AsyncIterable<Buffer>): Promise<void> {
      for await (const chunk of source) {
        await target.writeFile(chunk);
        written += chunk.length;
        if (written - noted >= HEARTBEAT_BYTES) {
          noted = written;
          onProgress?.(`inflating ${basename(file.path)}: ${Math.round(written / 1e6)} MB`);
        }
      }
    }
    const options = signal === undefined ? {} : { signal };
    await pipeline(createReadStream(file.path), createGunzip(), sink, options).catch((cause) => {
      if (!String((cause as NodeJS.ErrnoException).code).startsWith('Z_')) throw cause;
      throw dataInvalid(file.path, 'the gzip stream is corrupt or truncated', {
        value: String(cause.message),
        cause,
      });
    });
  });
  return path;
}

async function hashHandle(
  handle: FileHandle,
  { name, signal, onProgress }: ReadProgress & { name: string },
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  let position = 0;
  let noted = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
    if (position - noted >= HEARTBEAT_BYTES) {
      noted = position;
      onProgress?.(`hashing ${name}: ${Math.round(position / 1e6)} MB`);
    }
  }
}

async function openOrMissing(path: string): Promise<FileHandle> {
  return open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw dataMissing(path, 'cannot be opened', { value: cause.code, cause });
  });
}
