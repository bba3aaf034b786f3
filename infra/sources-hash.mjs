// A name for one version of the sources: what is built from them is built once per version. Plain JavaScript, because the command
// line looks for its own bundle before anything has taught Node TypeScript.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PROGRAM = {
  files: ['package-lock.json', 'temporal.config.ts'],
  folders: ['schemas', 'activities', 'infra'],
  // The bundle names files of this clone, and is resolved by this Node.
  salt: `${ROOT} ${process.version}`,
};

export function sourcesHash({ files, folders, salt }) {
  const hash = createHash('sha256').update(salt);
  const all = [...files];
  for (const folder of folders) {
    const names = readdirSync(join(ROOT, folder), { recursive: true });
    all.push(...names.filter((name) => /\.m?ts$|\.mjs$/.test(name)).map((name) => join(folder, name)));
  }
  for (const file of all.sort()) hash.update(file).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}

export function programFolder(cache) {
  return join(cache, `program-${sourcesHash(PROGRAM)}`);
}
