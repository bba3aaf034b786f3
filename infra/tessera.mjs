#!/usr/bin/env node
// The `tessera` command: checks Node, teaches it TypeScript, hands over to cli.ts. Plain JavaScript that old
// Nodes parse.

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `error: Tessera needs Node 20.19 or newer (this is ${process.versions.node}). See https://nodejs.org.\n`,
  );
  process.exit(2);
}

try {
  const { register } = await import('tsx/esm/api');
  register();
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  process.stderr.write(
    'error: the dependencies are not installed. Run npm ci in the folder of this clone.\n',
  );
  process.exit(2);
}
await import('./cli.ts');
