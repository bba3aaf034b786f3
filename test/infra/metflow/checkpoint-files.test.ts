// The invariant: one of the two files is whole at any moment, and nothing but this run's own checkpoint is gone on with.

import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  checkpointPaths,
  findCheckpoint,
  removeCheckpoints,
  writeCheckpoint,
} from '../../../infra/metflow/checkpoint-files.ts';
import { ORIGIN } from '../../metflow/checkpoint-origin.ts';

describe('checkpoints on disk', () => {
  let runDir: string;

  beforeEach(async () => {
    runDir = mkdtempSync(join(tmpdir(), 'tessera-checkpoints-'));
    for (const step of [1, 2, 3]) await write(step);
  });

  afterEach(() => rmSync(runDir, { recursive: true, force: true }));

  const write = (step: number) =>
    writeCheckpoint(runDir, 'g', { origin: ORIGIN, state: { step }, arrays: { z: Float64Array.of(step) } });
  const find = (origin = ORIGIN) => findCheckpoint(runDir, 'g', { origin });

  function damage(path: string): void {
    const bytes = readFileSync(path);
    bytes[40]! ^= 1;
    writeFileSync(path, bytes);
  }

  it('keep the last one and the one before, and nothing half-written', () => {
    expect(readdirSync(join(runDir, 'checkpoints')).sort()).toEqual(['g.ckpt', 'g.previous.ckpt']);
  });

  it('give the last one without a notice', async () => {
    const found = await find();
    expect(found).toMatchObject({ checkpoint: { state: { step: 3 } }, notices: [] });
    expect(found!.checkpoint.arrays.z).toEqual(Float64Array.of(3));
  });

  it('give the one before with a notice where the last one is damaged or was lost', async () => {
    const [last] = checkpointPaths(runDir, 'g');
    damage(last);
    const found = await find();
    expect(found!.checkpoint.state).toEqual({ step: 2 });
    expect(found!.notices).toEqual([expect.stringContaining(last)]);
    rmSync(last);
    expect(await find()).toMatchObject({ checkpoint: { state: { step: 2 } }, notices: [] });
  });

  it('are read again where the storage handed out half a file', async () => {
    const { readFile } = fs.promises;
    let reads = 0;
    vi.spyOn(fs.promises, 'readFile').mockImplementation(async (...asked) => {
      const whole = (await readFile(...asked)) as Buffer<ArrayBuffer>;
      return reads++ < 2 ? whole.subarray(0, whole.length >> 1) : whole;
    });
    syncBuiltinESMExports();
    const found = await find().finally(() => {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    });
    expect(reads).toBe(3);
    expect(found).toMatchObject({ checkpoint: { state: { step: 3 } }, notices: [] });
  });

  it('fail naming the file where both are damaged', async () => {
    for (const path of checkpointPaths(runDir, 'g')) damage(path);
    await expect(find()).rejects.toMatchObject({
      fault: { kind: 'data-invalid', where: checkpointPaths(runDir, 'g')[0] },
    });
  });

  it('fail where they belong to another config or target', async () => {
    await expect(find({ ...ORIGIN, configSha256: 'other' })).rejects.toMatchObject({
      fault: { kind: 'run-config-mismatch', what: expect.stringContaining('configSha256') },
    });
    await expect(find({ ...ORIGIN, target: { name: 'ring', sha256: '0' } })).rejects.toMatchObject({
      fault: { kind: 'run-config-mismatch', what: expect.stringContaining('target') },
    });
  });

  it('say when another version of the program wrote them', async () => {
    expect((await find({ ...ORIGIN, codeVersion: '2' }))!.notices).toEqual([
      expect.stringContaining('version 1'),
    ]);
  });

  it('give the newest that fits, or none', async () => {
    const fits = (most: number) =>
      findCheckpoint(runDir, 'g', { origin: ORIGIN, fits: ({ state }) => Number(state.step) <= most });
    expect((await fits(2))!.checkpoint.state).toEqual({ step: 2 });
    expect(await fits(1)).toBeNull();
    await removeCheckpoints(runDir, 'g');
    expect(await find()).toBeNull();
  });
});
