// What lies in a run folder, by content and by how finished it is.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TABLES } from '#schemas/columns/tables.ts';
import type { RunManifest } from '#schemas/messages.ts';

/** Every file below a folder, as sorted relative paths. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** SHA-256 of every Parquet file of a run, by path. */
export function tableHashes(runDir: string): Record<string, string> {
  const files = filesBelow(runDir).filter((file) => file.endsWith('.parquet'));
  return Object.fromEntries(
    files.map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(runDir, file)))
        .digest('hex'),
    ]),
  );
}

/** Final names of tables that exist. */
export function finalTables(runDir: string): string[] {
  return TABLES.map(({ path }) => path.replace(/\/$/, '')).filter((name) => existsSync(join(runDir, name)));
}

/** Files under temporary names. */
export function halfWritten(runDir: string): string[] {
  return filesBelow(runDir).filter((file) => file.endsWith('.tmp') || file.includes('.commit-'));
}

/** The run's `run.json`. */
export function manifestOf(runDir: string): RunManifest {
  return JSON.parse(readFileSync(join(runDir, 'run.json'), 'utf8')) as RunManifest;
}
