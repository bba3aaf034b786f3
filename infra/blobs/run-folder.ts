// Files of one run's folder that appear whole or not at all.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { BlobRef } from '#schemas/sweep.ts';
import type { BlobStore } from '../../activities/ports.ts';
import { namesIn, readFile, remove, writeWhole } from './storage.ts';

/** A {@link BlobStore} on a local or mounted folder or in object storage; blobs lie under `blobs/`. */
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
    list: (folder) => namesIn(join(root, folder)),
    remove: (name) => remove(join(root, name)),
  };
  return store;
}
