// The invariant: names that come from a config, an archive, a bucket or somebody else's run folder choose no place outside of
// the folder they belong to. (External data of ONNX and shards of TensorFlow.js models: their fault tests.)

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { loadConfig } from '../../infra/config/load-config.ts';
import { writeFigures } from '../../infra/report/write-report.ts';
import { readAll } from './datasets/data-files.ts';

const OBJECTS = new Map([
  ['runs/one/run.json', 'mine'],
  ['runs/one/../../../../escaped.txt', 'evil'],
  ['runs/one/points/../../../escaped.txt', 'evil'],
  ['runs/one//etc/escaped.txt', 'evil'],
  ['runs/one/points/part.parquet', 'mine'],
]);

const STORE = {
  keysBelow: async () => [...OBJECTS.keys()],
  get: async ({ key }: { key: string }) => Buffer.from(OBJECTS.get(key)!),
};

let around: string;
let inside: string;

beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), 'tessera-contained-'));
  inside = join(around, 'a', 'b', 'inside');
  mkdirSync(inside, { recursive: true });
});

afterEach(() => rmSync(around, { recursive: true, force: true }));

/** Everything below, as paths from `around`, without folders. */
const files = () =>
  readdirSync(around, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(around.length + 1))
    .sort();

it.each(['../up', '/abs', 'a/b', '..', '.hidden', 'a\\b', 'a\u0000b'])('a run is not called %j', (run) => {
  const file = join(inside, 'sweep.json');
  const dataset = { format: 'npy', data: 'x.npy' };
  writeFileSync(file, JSON.stringify({ kind: 'sweep', run, model: { file: 'm.onnx' }, dataset }));
  expect(() => loadConfig(file)).toThrow(
    expect.objectContaining({ fault: expect.objectContaining({ kind: 'config-invalid' }) }),
  );
});

it('members of a tar are samples whatever they are called, links are none, and nothing is unpacked', async () => {
  const dot = await sharp(new Uint8Array(12).fill(9), { raw: { width: 2, height: 2, channels: 3 } })
    .png()
    .toBuffer();
  const archive = pack();
  archive.entry({ name: '../../escaped.png' }, dot);
  archive.entry({ name: join(around, 'absolute.png') }, dot);
  archive.entry({ name: 'link.png', type: 'symlink', linkname: '/etc/passwd' });
  archive.entry({ name: 'hard.png', type: 'link', linkname: '../../../secret' });
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  writeFileSync(join(inside, 'data.tar'), Buffer.concat(parts));
  const dataset = { format: 'tar', data: join(inside, 'data.tar'), transform: { shape: [1, 2, 2] } };
  const { values, sourceIds } = await readAll(dataset);
  expect(values).toEqual(Array.from({ length: 8 }, () => 9));
  expect(sourceIds).toHaveLength(2);
  expect(files()).toEqual(['a/b/inside/data.tar']);
});

it('figures of a run with a hostile name stay in their folder', async () => {
  const draw = () => ({ svg: '<circle r="1"/>', width: 2, height: 2 });
  await writeFigures(inside, [{ id: 'draws-/../../../up', title: 't', draw }]);
  const name = 'a/b/inside/draws--..-..-..-up';
  expect(files()).toEqual([`${name}.png`, `${name}.svg`]);
});

it('a copy out of a bucket holds its keys and no key climbs out of it', async () => {
  // Test files share modules, and others may have loaded the store itself.
  vi.resetModules();
  vi.doMock('../../infra/blobs/object-stores.ts', () => ({ objectStore: async () => STORE }));
  const temporary = process.env.TMPDIR;
  process.env.TMPDIR = inside;
  try {
    const { localCopy } = await import('../../infra/blobs/storage.ts');
    const copy = await localCopy('s3://bucket/runs/one');
    expect(files().map((file) => file.replace(/tessera-copy-[^/]+/, 'copy'))).toEqual([
      'a/b/inside/copy/points/part.parquet',
      'a/b/inside/copy/run.json',
    ]);
    await copy.remove();
    expect(files()).toEqual([]);
  } finally {
    vi.doUnmock('../../infra/blobs/object-stores.ts');
    vi.resetModules();
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
  }
});
