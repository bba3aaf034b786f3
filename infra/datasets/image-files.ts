// Finding image files, checking their headers and naming their labels.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import type { DatasetConfig } from '#schemas/config.ts';
import { describeFault } from '#schemas/errors.ts';
import { elementsOf } from './array-header.ts';
import type { ReadProgress } from './data-file.ts';
import { dataInvalid, dataMissing, isBadFile, shapeMismatch } from './faults.ts';
import { byCodeUnit, filesBelow, findFiles, kindOfPath } from './globs.ts';
import { IMAGE_SUFFIXES, readImageSize, shapeOfSize } from './image-decoder.ts';
import { inParallel } from './sample-batches.ts';
import type { Skipped } from './skipping.ts';

export interface FoundImage {
  readonly path: string;
  /** Path relative to the data root, with `/`. */
  readonly relative: string;
  /** Name of the file's folder; null where it lies directly in the folder that `data` names. */
  readonly folder: string | null;
}

export interface CheckedImages {
  readonly kept: readonly {
    readonly path: string;
    readonly relative: string;
    readonly label: number;
    readonly bytes: number;
  }[];
  readonly labelNames: readonly string[] | null;
  /** One entry per folder: the hash of its files' names and hashes. */
  readonly files: readonly { readonly file: string; readonly sha256: string; readonly bytes: number }[];
  readonly skipped: readonly Skipped[];
  readonly sampleShape: readonly number[];
}

const READING_AT_ONCE = 4;
const HEARTBEAT_FILES = 512;

/** @throws PipelineError `data-missing` naming the folder or pattern without images. */
export async function findImages({ data }: Pick<DatasetConfig, 'data'>): Promise<FoundImage[]> {
  const found: FoundImage[] = [];
  for (const pattern of typeof data === 'string' ? [data] : data) {
    const isFolder = (await kindOfPath(pattern)) === 'folder';
    const root = isFolder ? resolve(pattern) : rootOfPattern(resolve(pattern));
    const files = isFolder
      ? await filesBelow(pattern, IMAGE_SUFFIXES)
      : await findFiles(pattern, { key: 'data' });
    if (files.length === 0) {
      throw dataMissing(pattern, 'there is no image in the folder', {
        value: `looked for ${IMAGE_SUFFIXES.join(' ')}`,
      });
    }
    for (const path of files) {
      const folder = isFolder && dirname(path) === root ? null : basename(dirname(path));
      found.push({ path, relative: relative(root, path).replaceAll('\\', '/'), folder });
    }
  }
  return found;
}

/**
 * Reads every file once: its hash, and its header, so that samples are numbered before any image is decoded.
 * @throws PipelineError `data-invalid` or `shape-mismatch` naming the first bad file, unless `onError` is
 * `skip`.
 */
export async function checkImages(
  found: readonly FoundImage[],
  config: DatasetConfig,
  { signal, onProgress }: ReadProgress,
): Promise<CheckedImages> {
  const checks: Check[] = new Array(found.length);
  let done = 0;
  await inParallel(found, READING_AT_ONCE, async ({ path }, index) => {
    signal?.throwIfAborted();
    checks[index] = await checkImage(path, config);
    if (++done % HEARTBEAT_FILES === 0) onProgress?.(`images: ${done} of ${found.length}`);
  });
  const sampleShape = config.transform.shape ?? checks.find((check) => check.shape !== null)?.shape ?? [];
  const skipped: Skipped[] = [];
  const good: { image: FoundImage; check: Check }[] = [];
  for (const [index, image] of found.entries()) {
    const check = checks[index] as Check;
    const fault = check.fault ?? shapeFault(image.path, check.shape, { sampleShape, config });
    if (fault === null) good.push({ image, check });
    else if (config.onError === 'fail') throw fault;
    else
      skipped.push({ file: image.path, why: isBadFile(fault) ? describeFault(fault.fault) : String(fault) });
  }
  if (good.length === 0) {
    throw dataInvalid(String(config.data), 'every image is bad, so nothing is left to sweep', {
      value: skipped[0]?.why,
    });
  }
  return { ...labelled(good), files: foldersOf(good), skipped, sampleShape };
}

interface Check {
  readonly sha256: string;
  readonly bytes: number;
  readonly shape: readonly number[] | null;
  readonly fault: Error | null;
}

async function checkImage(path: string, { transform }: DatasetConfig): Promise<Check> {
  const content = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw dataMissing(path, 'cannot be opened', { value: cause.code, cause });
  });
  const sha256 = createHash('sha256').update(content).digest('hex');
  try {
    const shape = shapeOfSize(await readImageSize(content, path), transform);
    return { sha256, bytes: content.length, shape, fault: null };
  } catch (error) {
    if (!isBadFile(error)) throw error;
    return { sha256, bytes: content.length, shape: null, fault: error };
  }
}

/**
 * Images are stretched to a wanted height and width; without them every image must have the first one's
 * size.
 */
function shapeFault(
  path: string,
  shape: readonly number[] | null,
  { sampleShape, config }: { sampleShape: readonly number[]; config: DatasetConfig },
): Error | null {
  if (shape === null || (config.transform.shape?.length ?? 0) > 1) return null;
  const [height, width] = config.transform.layout === 'nchw' ? shape.slice(1) : shape;
  const pixels = (height as number) * (width as number);
  const values = elementsOf(sampleShape);
  const fits =
    sampleShape.length === 1
      ? values === pixels || values === 3 * pixels
      : String(shape) === String(sampleShape);
  return fits ? null : shapeMismatch(path, shape, sampleShape);
}

function labelled(
  good: readonly { image: FoundImage; check: Check }[],
): Pick<CheckedImages, 'kept' | 'labelNames'> {
  const names = [...new Set(good.flatMap(({ image }) => image.folder ?? []))].sort(byCodeUnit);
  const ids = new Map(names.map((name, id) => [name, id]));
  const kept = good.map(({ image: { path, relative, folder }, check: { bytes } }) => {
    return { path, relative, label: folder === null ? -1 : (ids.get(folder) as number), bytes };
  });
  return { kept, labelNames: names.length === 0 ? null : names };
}

function foldersOf(good: readonly { image: FoundImage; check: Check }[]): CheckedImages['files'] {
  const folders = new Map<string, { hash: ReturnType<typeof createHash>; bytes: number }>();
  for (const { image, check } of good) {
    const name = dirname(image.path);
    const folder = folders.get(name) ?? { hash: createHash('sha256'), bytes: 0 };
    folder.hash.update(`${check.sha256}  ${basename(image.path)}\n`);
    folder.bytes += check.bytes;
    folders.set(name, folder);
  }
  return [...folders].map(([file, { hash, bytes }]) => ({ file, sha256: hash.digest('hex'), bytes }));
}

/**
 * The folder above the first part of a pattern that has wildcards; for a plain file, the folder above its
 * own.
 */
function rootOfPattern(pattern: string): string {
  const parts = pattern.split('/');
  const wild = parts.findIndex((part) => /[*?[{(!]/.test(part));
  return wild === -1 ? dirname(dirname(pattern)) : parts.slice(0, wild).join('/') || '/';
}
