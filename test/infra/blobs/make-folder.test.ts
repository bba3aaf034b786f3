// The invariant: a folder is there afterwards, or the fault says which one cannot be made; nothing hangs.

import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultOf } from '#schemas/errors.ts';
import { makeFolder } from '../../../infra/blobs/storage.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-folder-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const faultOfMaking = (path: string) =>
  makeFolder(path).then(
    () => null,
    (error: unknown) => faultOf(error),
  );

describe('makeFolder', () => {
  it('makes those above it too, for many who ask at once and again', async () => {
    const path = join(folder, 'a/b/c');
    await Promise.all(Array.from({ length: 20 }, () => makeFolder(path)));
    await makeFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  it('takes a link to a folder for one', async () => {
    symlinkSync(folder, join(folder, 'link'));
    await makeFolder(join(folder, 'link'));
    await makeFolder(join(folder, 'link/below'));
    expect(existsSync(join(folder, 'below'))).toBe(true);
  });

  it('is refused where a file has the name, or one above', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await faultOfMaking(file)).toMatchObject({ kind: 'storage-denied', where: file });
    expect(await faultOfMaking(join(file, 'a/b'))).toMatchObject({ kind: 'storage-denied' });
  });

  it.runIf(platform() === 'linux')('is refused where the file system takes no folder', async () => {
    expect(await faultOfMaking('/proc/tessera/runs')).toMatchObject({
      kind: 'storage-denied',
      where: '/proc/tessera',
      remedy: expect.stringContaining('--out'),
    });
  });
});
