// Folders of this machine's file system.

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it; one that is there is fine too.
 * Not by Node's `recursive`: where a file system takes no folder and says ENOENT, as /proc does, Node tries again without end, and hears
 * no signal meanwhile.
 */
export function makeLocalFolder(path: string): void {
  if (!existsSync(dirname(path))) makeLocalFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isThere) throw error;
  }
}
