// The invariant: a folder is there afterwards, or the fault says which one cannot be made; nothing hangs.

import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faultOf, type PipelineFault } from '#schemas/errors.ts';
import { makeLocalFolder } from '../../infra/local-folder.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-folder-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function faultOfMaking(path: string): PipelineFault | null {
  try {
    makeLocalFolder(path);
    return null;
  } catch (error) {
    return faultOf(error);
  }
}

describe('makeLocalFolder', () => {
  it('makes those above it too, and is content where it is there', () => {
    const path = join(folder, 'a/b/c');
    makeLocalFolder(path);
    makeLocalFolder(path);
    expect(existsSync(path)).toBe(true);
  });

  it('takes a link to a folder for one', () => {
    symlinkSync(folder, join(folder, 'link'));
    makeLocalFolder(join(folder, 'link'));
    makeLocalFolder(join(folder, 'link/below'));
    expect(existsSync(join(folder, 'below'))).toBe(true);
  });

  it('is refused where a file has the name, or one above', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(faultOfMaking(file)).toMatchObject({ kind: 'storage-denied', where: file });
    expect(faultOfMaking(join(file, 'a/b'))).toMatchObject({ kind: 'storage-denied' });
  });

  it.runIf(platform() === 'linux')('is refused where the file system takes no folder', () => {
    expect(faultOfMaking('/proc/tessera/runs')).toMatchObject({
      kind: 'storage-denied',
      where: '/proc/tessera',
      remedy: expect.stringContaining('--out'),
    });
  });
});
