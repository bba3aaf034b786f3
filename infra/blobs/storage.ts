// Files of run folders, wherever these lie: what node:fs/promises does, for paths of the file system and of object storage
// alike. Object storage has no folders: they are there as soon as something is in them.

import { randomUUID } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import * as disk from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { PipelineError } from '#schemas/errors.ts';
import { makeLocalFolder } from '../local-folder.ts';
import { isObjectPath, objectPlace } from './object-path.ts';
import { objectStore } from './object-stores.ts';
import { rangedBlob } from './ranged-blob.ts';

/** So often a file is read before it counts as damaged. */
const MOST_READS = 3;

/** A file's content. @throws Error with `code: 'ENOENT'` where there is none. */
export async function readFile(path: string): Promise<Buffer> {
  if (!isObjectPath(path)) return disk.readFile(path);
  return Buffer.from(await (await objectStore()).get(objectPlace(path)));
}

/** A file's content, null where there is none; what cannot be read throws. */
export function readIfThere(path: string): Promise<Buffer | null> {
  return readFile(path).catch((error) => ignoreMissing(error, null));
}

/**
 * What `parse` makes of a file, null where there is none. Storage that hands out half a file once need not do so again: what
 * cannot be parsed is read anew, a few times.
 */
export async function readParsedIfThere<Content>(
  path: string,
  parse: (bytes: Buffer) => Content,
): Promise<Content | null> {
  for (let read = 1; ; read++) {
    const bytes = await readIfThere(path);
    if (bytes === null) return null;
    try {
      return parse(bytes);
    } catch (error) {
      if (read === MOST_READS) throw error;
    }
  }
}

/** What a JSON file holds, null where there is none. @throws PipelineError `data-invalid` where it is damaged. */
export function readJsonIfThere<Content>(path: string): Promise<Content | null> {
  return readParsedIfThere(path, (bytes) => {
    try {
      return JSON.parse(bytes.toString()) as Content;
    } catch (error) {
      throw new PipelineError({
        kind: 'data-invalid',
        where: path,
        what: 'the file is damaged: it holds no JSON',
        value: error instanceof Error ? error.message : String(error),
        remedy: 'Move the run folder away, or give the run another id; it then starts over.',
      });
    }
  });
}

/** Names in a folder, sorted; none where there is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  if (isObjectPath(folder)) return (await objectStore()).names(objectPlace(folder));
  return (await disk.readdir(folder).catch((error) => ignoreMissing<string[]>(error, []))).sort();
}

/** Whether there is a file of this name. */
export async function isFile(path: string): Promise<boolean> {
  if (!isObjectPath(path)) return (await disk.stat(path).catch(() => null))?.isFile() ?? false;
  const found = await (await objectStore())
    .head(objectPlace(path))
    .catch((error) => ignoreMissing(error, null));
  return found !== null;
}

/** Makes a folder and those above it; one that is there is fine too. Object storage has none. */
export async function makeFolder(path: string): Promise<void> {
  if (!isObjectPath(path)) makeLocalFolder(path);
}

/** Removes a file, or a folder with everything in it; nothing is fine too. */
export async function remove(path: string): Promise<void> {
  if (!isObjectPath(path)) return disk.rm(path, { recursive: true, force: true });
  const store = await objectStore();
  const { bucket, key } = objectPlace(path);
  await store.remove({ bucket, key });
  for (const below of await store.keysBelow({ bucket, key })) await store.remove({ bucket, key: below });
}

/** Makes renames in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  if (isObjectPath(path)) return;
  await using folder = await disk.open(path, 'r');
  await folder.sync();
}

/** Temporary name, write, fsync, rename, fsync of the folder, or one PUT: a crash leaves the old file or the new one. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  if (isObjectPath(path)) return (await objectStore()).put(objectPlace(path), bytes);
  await makeFolder(dirname(path));
  const temporary = temporaryFor(path);
  try {
    await using file = await disk.open(temporary, 'w');
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await disk.rm(temporary, { force: true });
    throw error;
  }
  await disk.rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Where a file is written before it gets its name: beside it, or on this machine for object storage. */
export function temporaryFor(path: string): string {
  return isObjectPath(path) ? join(tmpdir(), `tessera-${randomUUID()}.tmp`) : `${path}.${randomUUID()}.tmp`;
}

/** Gives a finished temporary file its name. */
export async function moveFile(temporary: string, path: string): Promise<void> {
  if (!isObjectPath(path)) return disk.rename(temporary, path);
  try {
    await (await objectStore()).putFile(objectPlace(path), temporary);
  } finally {
    await disk.rm(temporary, { force: true });
  }
}

/** Puts a finished local file or folder in place of what a name holds. */
export async function moveTree(local: string, path: string): Promise<void> {
  if (!isObjectPath(path)) {
    await remove(path);
    return disk.rename(local, path);
  }
  const store = await objectStore();
  const { bucket, key } = objectPlace(path);
  const uploaded = new Set<string>();
  for (const below of await filesBelow(local)) {
    const to = below === '' ? key : `${key}/${below}`;
    await store.putFile({ bucket, key: to }, join(local, below));
    uploaded.add(to);
  }
  // Not before: whoever reads meanwhile finds the old parts or the new ones.
  for (const stale of await store.keysBelow({ bucket, key }))
    if (!uploaded.has(stale)) await store.remove({ bucket, key: stale });
}

/** Paths below a folder, sorted; the empty path for a file. */
async function filesBelow(local: string): Promise<string[]> {
  if ((await disk.stat(local)).isFile()) return [''];
  const entries = await disk.readdir(local, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) => relative(local, join(parentPath, name)).replaceAll(sep, '/'))
    .sort();
}

/** A folder on this machine with what another one holds. */
export interface LocalCopy {
  readonly folder: string;
  remove(): Promise<void>;
}

/** A folder for programs that read only files of this machine: the folder itself, or a copy out of object storage. */
export async function localCopy(path: string): Promise<LocalCopy> {
  if (!isObjectPath(path)) return { folder: path, remove: async () => undefined };
  const store = await objectStore();
  const { bucket, key } = objectPlace(path);
  const folder = await disk.mkdtemp(join(tmpdir(), 'tessera-copy-'));
  for (const below of await store.keysBelow({ bucket, key })) {
    const file = resolve(folder, below.slice(key.length + 1));
    // A key may hold `..`; what it names must not leave the folder.
    if (!file.startsWith(folder + sep)) continue;
    await disk.mkdir(dirname(file), { recursive: true });
    await disk.writeFile(file, await store.get({ bucket, key: below }));
  }
  return { folder, remove: () => disk.rm(folder, { recursive: true, force: true }) };
}

/** Keeps what a name holds under another one; nothing is fine too. */
export async function keepAs(path: string, kept: string): Promise<void> {
  const moved = isObjectPath(path)
    ? (await objectStore()).copy(objectPlace(path), objectPlace(kept))
    : disk.rename(path, kept);
  await moved.catch((error) => ignoreMissing(error, undefined));
}

/** A file for reading in pieces. */
export async function openBlob(path: string): Promise<Blob> {
  return isObjectPath(path) ? rangedBlob(await objectStore(), objectPlace(path)) : openAsBlob(path);
}

function ignoreMissing<T>(error: NodeJS.ErrnoException, instead: T): T {
  if (error.code !== 'ENOENT') throw error;
  return instead;
}

/** Removes files of a folder that never got their final names; `isOwn` tells which of them. */
export async function removeHalfFiles(
  folder: string,
  isOwn: (name: string) => boolean = () => true,
): Promise<void> {
  const names = await namesIn(folder);
  const half = names.filter((name) => name.endsWith('.tmp') && isOwn(name));
  await Promise.all(half.map((name) => remove(join(folder, name))));
}
