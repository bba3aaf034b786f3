// The invariant: no run goes on with another model or other data than it began with.

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sweepConfig } from '#schemas/config.ts';
import { topicName } from '../../../infra/run-plan.ts';
import { checkUnchanged } from '../../../infra/threads/check-unchanged.ts';
import { mlpNet } from '../../bench/random-nets.ts';
import { plainManifest } from '../plain-manifest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tessera-unchanged-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = join(folder, 'model.onnx');
const data = join(folder, 'data.npy');
const hashOf = async (path: string) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

it('names a model or a file of data that is another one now', async () => {
  writeFileSync(file, mlpNet([3, 5, 2]));
  writeFileSync(data, 'as it was');
  const { model } = sweepConfig.parse({ kind: 'sweep', model: { file }, dataset: { format: 'npy', data } });
  const plan = {
    model: { sha256: await hashOf(file) },
    data: { files: [{ file: data, sha256: await hashOf(data) }] },
  };
  const context = { signal: new AbortController().signal, progress: () => {} };
  const check = () => checkUnchanged(join(folder, 'run'), plan, { model, ...context });
  await check();
  await checkUnchanged(join(folder, 'run'), { model: null, data: null }, { model: null, ...context });

  writeFileSync(data, 'as it is ');
  const changed = { kind: 'run-config-mismatch', what: 'it has changed since the run began' };
  await expect(check()).rejects.toMatchObject({ fault: { ...changed, where: data } });
  // Written before the run began, so that it is not read again.
  mkdirSync(join(folder, 'run'));
  const manifest = plainManifest('run', 'running');
  writeFileSync(join(folder, 'run/run.json'), JSON.stringify(manifest));
  utimesSync(data, new Date('2025-12-31'), new Date('2025-12-31'));
  await check();

  copyFileSync(file, join(folder, 'old.onnx'));
  writeFileSync(file, mlpNet([3, 6, 2]));
  await expect(check()).rejects.toMatchObject({ fault: { ...changed, where: file } });
  copyFileSync(join(folder, 'old.onnx'), file);
  await check();
});

it('a topic is that of one content', () => {
  const name = (...hashes: (string | null)[]) => topicName('run', hashes);
  expect(name('config', 'model', 'data')).toBe(name('config', 'model', 'data'));
  const others = [
    name('config', 'model', 'date'),
    name('config', 'nodel', 'data'),
    name('config', 'model', null),
  ];
  expect(new Set([name('config', 'model', 'data'), ...others]).size).toBe(4);
  expect(name('config', 'model')).toMatch(/^tessera\.run\.[0-9a-f]{12}$/);
});
