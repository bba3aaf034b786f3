// The workflow bundle, built once per version of the sources: bundling takes seconds, reading a file does not.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BundleOptions, bundleWorkflowCode } from '@temporalio/worker';
import { writeWhole } from './blobs/storage.ts';
import { ROOT, sourcesHash } from './sources-hash.mjs';

const SOURCES = {
  files: ['temporal.config.ts', 'package.json'],
  folders: ['workflows', 'schemas'],
};

/** Path of an up-to-date bundle below `cache`. */
export async function workflowBundle(
  cache: string,
  options: Pick<BundleOptions, 'failureConverterPath' | 'workflowInterceptorModules'> = {},
): Promise<{ codePath: string }> {
  const sources = { ...SOURCES, salt: JSON.stringify(options) };
  const codePath = join(cache, `workflows-${sourcesHash(sources)}.js`);
  if (!existsSync(codePath)) {
    const { code } = await bundleWorkflowCode({
      ...options,
      workflowsPath: join(ROOT, 'workflows/index.ts'),
      logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    });
    await writeWhole(codePath, Buffer.from(code));
  }
  return { codePath };
}
