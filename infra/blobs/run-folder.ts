// Files of one run's folder that appear whole or not at all.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobRef } from '#schemas/sweep.ts';
import type { BlobStore } from '../../activities/ports.ts';

/** A {@link BlobStore} on a local or mounted folder; blobs lie under `blobs/`. */
export function runFolder(root: string): BlobStore {
  const store: BlobStore = {
    async put(bytes) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await store.writeFile(join('blobs', sha256), bytes);
      return { sha256, bytes: bytes.byteLength } satisfies BlobRef;
    },
    get: ({ sha256 }) => store.readFile(join('blobs', sha256)),
    writeFile: (name, bytes) => writeWhole(join(root, name), bytes),
    readFile: (name) => readFile(join(root, name)),
    list: async (folder) => (await readdir(join(root, folder)).catch(() => [])).sort(),
    remove: (name) => rm(join(root, name), { recursive: true, force: true }),
  };
  return store;
}

/** Temporary name, write, fsync, rename, fsync of the folder: a crash leaves the old file or the new one. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await using file = await open(temporary, 'w');
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await rename(temporary, path);
  await using folder = await open(dirname(path), 'r');
  await folder.sync();
}
