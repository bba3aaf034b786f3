// From `dataset.data` to files, in an order that does not depend on the file system.

import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { glob } from 'tinyglobby';
import { configInvalid, dataMissing } from './faults.ts';

/**
 * Files that the patterns name: list order, and within one pattern sorted by code unit.
 * A pattern that is the name of an existing file means that file, whatever characters it holds.
 * @param key - config key, for messages.
 * @throws PipelineError `data-missing` naming the pattern that matches nothing.
 */
export async function findFiles(
  patterns: string | readonly string[],
  { key }: { key: string },
): Promise<string[]> {
  const found: string[] = [];
  for (const pattern of typeof patterns === 'string' ? [patterns] : patterns) {
    found.push(...(await filesOf(pattern, key)));
  }
  return found;
}

/** The file or folder of this exact name, or null. */
export async function kindOfPath(path: string): Promise<'file' | 'folder' | null> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw dataMissing(path, 'cannot be opened', { value: error.code, cause: error });
  });
  if (found === null) return null;
  return found.isDirectory() ? 'folder' : 'file';
}

/** Files below a folder whose names end in one of the suffixes, sorted by code unit; paths are absolute. */
export async function filesBelow(folder: string, suffixes: readonly string[]): Promise<string[]> {
  const files = await glob('**/*', { cwd: folder, absolute: true, dot: false, onlyFiles: true });
  return files
    .filter((file) => suffixes.some((suffix) => file.toLowerCase().endsWith(suffix)))
    .sort(byCodeUnit);
}

/** Order of JavaScript strings by code unit: the same in every locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function filesOf(pattern: string, key: string): Promise<string[]> {
  const kind = await kindOfPath(pattern);
  if (kind === 'file') return [resolve(pattern)];
  if (kind === 'folder')
    throw configInvalid(`dataset.${key}`, 'a folder where a file is wanted', { value: pattern });
  const isPattern = /[*?[{(!]/.test(pattern);
  const matches = isPattern
    ? await glob(pattern, { absolute: true, onlyFiles: true, expandDirectories: false })
    : [];
  if (matches.length > 0) return matches.sort(byCodeUnit);
  const what = isPattern ? 'no file matches the pattern' : 'there is no such file';
  throw dataMissing(pattern, what, { remedy: `Check dataset.${key}; paths are relative to the config file` });
}
