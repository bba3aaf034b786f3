// The workflow bundle, built once per version of the sources: bundling takes seconds, reading a file does not.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { writeWhole } from './blobs/run-folder.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Path of an up-to-date bundle below `cache`. */
export async function workflowBundle(cache: string): Promise<{ codePath: string }> {
  const codePath = join(cache, `workflows-${await sourcesHash()}.js`);
  if (!existsSync(codePath)) {
    const { code } = await bundleWorkflowCode({
      workflowsPath: join(ROOT, 'workflows/index.ts'),
      logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    });
    await writeWhole(codePath, Buffer.from(code));
  }
  return { codePath };
}

async function sourcesHash(): Promise<string> {
  const hash = createHash('sha256');
  const files = ['temporal.config.ts', 'package.json'];
  for (const folder of ['workflows', 'schemas']) {
    for (const name of (await readdir(join(ROOT, folder))).sort())
      if (name.endsWith('.ts')) files.push(join(folder, name));
  }
  for (const file of files) hash.update(file).update(await readFile(join(ROOT, file)));
  return hash.digest('hex').slice(0, 16);
}
