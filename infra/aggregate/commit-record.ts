// What a commit leaves behind when it is through, so that one that is repeated after its segments are gone knows so.

import { join } from 'node:path';
import { readJsonIfThere, writeWhole } from '../blobs/storage.ts';

const RECORD_FILE = '.commit.json';

/** The summary of a finished commit of this config, or null where there was none. */
export async function readCommitRecord<Summary extends object>(
  runDir: string,
  { configSha256 }: { readonly configSha256: string },
): Promise<Summary | null> {
  const record = await readJsonIfThere<Summary & { readonly configSha256: string }>(
    join(runDir, RECORD_FILE),
  );
  if (record?.configSha256 !== configSha256) return null;
  const { configSha256: _, ...summary } = record;
  return summary as unknown as Summary;
}

/** Notes a commit whose tables have their names. */
export function writeCommitRecord(
  runDir: string,
  { configSha256 }: { readonly configSha256: string },
  summary: object,
): Promise<void> {
  return writeWhole(join(runDir, RECORD_FILE), Buffer.from(JSON.stringify({ configSha256, ...summary })));
}
