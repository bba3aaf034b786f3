import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ensureInstalled } from '../../infra/ensure-installed.mjs';

let root: string;
const installs: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tessera-install-'));
  installs.length = 0;
  writeLock('1.0.0');
});
afterEach(() => rmSync(root, { recursive: true }));

function writeLock(version: string): void {
  writeFileSync(
    join(root, 'package-lock.json'),
    JSON.stringify({
      packages: {
        '': {},
        'node_modules/a': { version },
        'node_modules/b': { version: '2.0.0', optional: true },
      },
    }),
  );
}

function writeInstalled(version: string): void {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(
    join(root, 'node_modules/.package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/a': { version } } }),
  );
}

async function install(): Promise<number> {
  installs.push('npm install');
  await new Promise((resolve) => setTimeout(resolve, 50));
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  return 0;
}

const run = (options: object = {}) => ensureInstalled({ root, install, note: () => undefined, ...options });

describe('ensureInstalled', () => {
  it('installs once, and again when the lock file changes', async () => {
    expect(await run()).toBe('installed');
    expect(await run()).toBe('present');
    writeLock('1.0.1');
    expect(await run()).toBe('installed');
    expect(installs).toHaveLength(2);
  });

  it('accepts what npm ci installed by hand, without optional packages of other platforms', async () => {
    writeInstalled('1.0.0');
    expect(await run()).toBe('present');
    expect(existsSync(join(root, 'node_modules/.tessera-lock'))).toBe(true);
  });

  it('installs over an older version that was installed by hand', async () => {
    writeInstalled('0.9.0');
    expect(await run()).toBe('installed');
  });

  it('lets the second of two commands wait for the first', async () => {
    expect((await Promise.all([run(), run()])).sort()).toEqual(['installed', 'present']);
    expect(installs).toHaveLength(1);
  });

  it('takes over the lock of a command that was killed', async () => {
    mkdirSync(join(root, '.tessera'));
    writeFileSync(join(root, '.tessera/install.lock'), '999999999');
    expect(await run()).toBe('installed');
    expect(existsSync(join(root, '.tessera/install.lock'))).toBe(false);
  });

  it('fails without a stamp where npm fails, so the next command tries again', async () => {
    await expect(run({ install: async () => 1 })).rejects.toThrow('npm install failed with exit code 1');
    expect(await run()).toBe('installed');
    expect(readFileSync(join(root, 'node_modules/.tessera-lock'), 'utf8')).toMatch(/^[0-9a-f]{64}$/);
  });
});
