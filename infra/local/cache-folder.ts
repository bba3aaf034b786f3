// Folders of the cache appear whole or not at all, whichever command makes them and however it ends.

import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeLocalFolder } from '../local-folder.ts';

/**
 * Lets `fill` write into a partial folder and then gives it its final name. A folder that another command
 * made in the meantime is kept, and what killed commands left is removed.
 */
export async function makeCacheFolder(
  target: string,
  fill: (partial: string) => Promise<void>,
): Promise<void> {
  makeLocalFolder(dirname(target));
  await dropAbandoned(target);
  const partial = `${target}.partial-${process.pid}`;
  try {
    await fill(partial);
    await rename(partial, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function dropAbandoned(target: string): Promise<void> {
  const prefix = `${basename(target)}.partial-`;
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(prefix) || isRunning(Number(name.slice(prefix.length)))) continue;
    await rm(join(dirname(target), name), { recursive: true, force: true });
  }
}

/** A pid that was given to a stranger since only delays the removal. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
