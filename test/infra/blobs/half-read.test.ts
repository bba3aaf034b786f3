// The invariant: storage that hands out half a file now and then costs a read, not a run.

import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readJsonIfThere } from '../../../infra/blobs/storage.ts';
import { readManifest } from '../../../infra/run-manifest.ts';
import { plainManifest } from '../plain-manifest.ts';

const MANIFEST = plainManifest('r', 'running');

let folder: string;
let reads: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-half-'));
  writeFileSync(join(folder, 'run.json'), JSON.stringify(MANIFEST));
});

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  rmSync(folder, { recursive: true });
});

/** From now on that many reads give half a file. */
function handOutHalves(most: number): void {
  const { readFile } = fs.promises;
  reads = 0;
  vi.spyOn(fs.promises, 'readFile').mockImplementation(async (...asked) => {
    const whole = (await readFile(...asked)) as Buffer<ArrayBuffer>;
    return reads++ < most ? whole.subarray(0, whole.length >> 1) : whole;
  });
  syncBuiltinESMExports();
}

describe.each([
  ['a JSON file', () => readJsonIfThere(join(folder, 'run.json'))],
  ['a manifest', () => readManifest(folder)],
] as const)('%s', (_, read) => {
  it('is read again where half of it was handed out', async () => {
    handOutHalves(2);
    expect(await read()).toEqual(MANIFEST);
    expect(reads).toBe(3);
  });

  it('counts as damaged, by its name, when three reads were', async () => {
    handOutHalves(Number.POSITIVE_INFINITY);
    await expect(read()).rejects.toMatchObject({
      fault: { kind: 'data-invalid', where: join(folder, 'run.json') },
    });
    expect(reads).toBe(3);
  });
});
