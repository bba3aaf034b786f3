#!/usr/bin/env node
// The `tessera` command: checks Node, then runs the command line: from a bundle of this version where there is one, which takes a third
// of the processor time to load, else from cli.ts by teaching Node TypeScript. Plain JavaScript that old Nodes parse.

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `error: Tessera needs Node 20.19 or newer (this is ${process.versions.node}). See https://nodejs.org.\n`,
  );
  process.exit(2);
}

try {
  import.meta.resolve('tsx/esm/api');
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(
    'error: the dependencies are not installed. Run npm ci in the folder of this clone.\n',
  );
  process.exit(2);
}

const { programFolder, ROOT } = await import('./sources-hash.mjs');
const home = resolve((process.env.TESSERA_HOME || '').trim() || join(ROOT, '.tessera'));
const bundled = join(programFolder(join(home, 'cache')), 'cli.mjs');
if (existsSync(bundled)) {
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(bundled).href);
} else {
  const { register } = await import('tsx/esm/api');
  register();
  await import('./cli.ts');
}
