// A name for one version of the sources: what is built from them is built once per version.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What a build depends on. */
export interface Sources {
  readonly files: readonly string[];
  /** Every .ts file below them counts. */
  readonly folders: readonly string[];
  /** Whatever else the result depends on. */
  readonly salt: string;
}

/** Hash of the sources with their names; 16 hex digits. */
export async function sourcesHash({ files, folders, salt }: Sources): Promise<string> {
  const hash = createHash('sha256').update(salt);
  const all = [...files];
  for (const folder of folders) {
    const names = await readdir(join(ROOT, folder), { recursive: true });
    all.push(...names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name)));
  }
  for (const file of all.sort()) hash.update(file).update(await readFile(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}
