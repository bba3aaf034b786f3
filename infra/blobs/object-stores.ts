// The object store of this thread; loaded when it is first needed, because its library takes longer to load than a file to read.

import type { ObjectStore } from './object-store.ts';

let opened: Promise<ObjectStore> | null = null;

/** The store that the environment names. */
export function objectStore(): Promise<ObjectStore> {
  opened ??= import('./object-store.ts').then(({ openObjectStore }) => openObjectStore());
  return opened;
}
