// Where inflated files, digests and indexes are kept between runs; everything in it can be made again.

import { createHash, randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { makeLocalFolder } from '../local-folder.ts';

/** `datasets` in the folder named by `TESSERA_CACHE`, else in `tessera` in the user's cache folder. */
function cacheFolder(): string {
  const chosen = process.env.TESSERA_CACHE;
  if (chosen !== undefined && chosen !== '') return resolve(chosen, 'datasets');
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'tessera', 'datasets');
}

/** Path of a cache entry. @param name - relative, with `/` between its parts. */
export function cachePath(name: string): string {
  return join(cacheFolder(), ...name.split('/'));
}

/**
 * Writes a cache entry under a temporary name, syncs and renames: other processes see it whole or not at all.
 * @returns what `write` returned.
 */
export async function writeCached<T>(name: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  const path = cachePath(name);
  makeLocalFolder(dirname(path));
  const temporary = `${path}.${randomUUID()}.partial`;
  try {
    const file = await open(temporary, 'wx');
    let result: T;
    try {
      result = await write(file);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Reads a small JSON cache entry; `null` where it is absent or does not parse (it is then made anew). */
export async function readCachedJson(name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(cachePath(name), 'utf8'));
  } catch {
    return null;
  }
}

/** Writes a small JSON cache entry. */
export async function writeCachedJson(name: string, value: unknown): Promise<void> {
  await writeCached(name, (file) => file.writeFile(JSON.stringify(value)));
}

/** Name of a cache entry made of these parts. */
export function cacheKey(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
