// Where a commit puts its tables together before they get their names: beside them, or on this machine where the run lies in
// object storage, whose files cannot be written piece by piece.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import { isObjectPath } from '../blobs/object-path.ts';
import { moveTree, namesIn, remove, syncFolder } from '../blobs/storage.ts';

/** Makes an empty folder for one commit; what a commit that was killed left behind is removed. */
export async function makeCommitFolder(runDir: string): Promise<string> {
  const prefix = folderPrefix(runDir);
  const names = (await namesIn(dirname(prefix))).filter((name) => name.startsWith(basename(prefix)));
  await Promise.all(names.map((name) => remove(join(dirname(prefix), name))));
  const folder = `${prefix}${randomUUID()}`;
  await mkdir(folder);
  return folder;
}

/** Gives the tables their names; segments are still there, so a crash in between is repaired by the next commit. */
export async function publishTables(
  tables: readonly Pick<TableDef, 'path'>[],
  { folder, runDir }: { readonly folder: string; readonly runDir: string },
): Promise<void> {
  for (const { path } of tables) {
    const name = path.replace(/\/$/, '');
    await moveTree(join(folder, name), join(runDir, name));
  }
  await syncFolder(runDir);
}

function folderPrefix(runDir: string): string {
  if (!isObjectPath(runDir)) return join(runDir, '.commit-');
  const run = createHash('sha256').update(runDir).digest('hex').slice(0, 16);
  return join(tmpdir(), `tessera-commit-${run}-`);
}
