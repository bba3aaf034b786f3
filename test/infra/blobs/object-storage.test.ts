// Paths, pieces and faults of object storage; the store itself is tested against a server in test/live/machines.live.test.ts.

import { expect, it } from 'vitest';
import { asFault } from '../../../infra/blobs/object-faults.ts';
import { isObjectPath, joinPath, objectPlace, resolvePath } from '../../../infra/blobs/object-path.ts';
import { rangedBlob } from '../../../infra/blobs/ranged-blob.ts';

it('paths keep bucket and key however they were joined', () => {
  const place = { bucket: 'b', key: 'runs/one/points/part-0.parquet' };
  for (const path of ['s3://b/runs/one/points/part-0.parquet', 's3:/b/runs//one/points/part-0.parquet'])
    expect(objectPlace(path)).toEqual(place);
  expect(joinPath('s3://b/runs', 'one', 'run.json')).toBe('s3://b/runs/one/run.json');
  expect(joinPath('s3://b', 'run.json')).toBe('s3://b/run.json');
  expect(objectPlace('s3://b/')).toEqual({ bucket: 'b', key: '' });
  expect(resolvePath('s3://b/x', '/home')).toBe('s3://b/x');
  expect(resolvePath('x', '/home')).toBe('/home/x');
  expect(['s3:/b', 's3://b', 'runs', '/s3/b', 'S3://b'].map(isObjectPath)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

const SIZE = 3 * 2 ** 20 + 77;
const content = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8)) & 255);

function memoryStore() {
  const asked: number[] = [];
  return {
    asked,
    head: async () => ({ bytes: SIZE, etag: '"1"' }),
    async getRange(_at: unknown, { from, to, etag }: { from: number; to: number; etag: string }) {
      expect(etag).toBe('"1"');
      asked.push(to - from);
      return content.slice(from, to);
    },
  };
}

it('a blob in pieces has the bytes of the whole, across blocks and at the end', async () => {
  const blob = await rangedBlob(memoryStore(), { bucket: 'b', key: 'k' });
  expect(blob.size).toBe(SIZE);
  const ranges = [
    [0, 10],
    [2 ** 20 - 3, 2 ** 20 + 3],
    [SIZE - 8, SIZE],
    [5, SIZE - 5],
    [SIZE - 1, SIZE + 50],
    [7, 7],
  ] as const;
  for (const [from, to] of ranges) {
    const piece = blob.slice(from, to);
    expect(piece.size).toBe(Math.min(to, SIZE) - from);
    expect(Buffer.from(await piece.arrayBuffer()).equals(content.subarray(from, to))).toBe(true);
  }
  const nested = blob.slice(100, 2000).slice(50, 60);
  expect(Buffer.from(await nested.arrayBuffer()).equals(content.subarray(150, 160))).toBe(true);
});

it('neighbouring pieces are one request', async () => {
  const store = memoryStore();
  const blob = await rangedBlob(store, { bucket: 'b', key: 'k' });
  for (let at = 0; at < 100_000; at += 1000) await blob.slice(at, at + 1000).arrayBuffer();
  expect(store.asked).toEqual([2 ** 20]);
});

it('an object that ends early is an error and not an endless loop', async () => {
  const store = { ...memoryStore(), getRange: async () => new Uint8Array(0) };
  const blob = await rangedBlob(store, { bucket: 'b', key: 'k' });
  await expect(blob.slice(0, 10).arrayBuffer()).rejects.toThrow(RangeError);
});

const at = { bucket: 'b', key: 'runs/run.json' };
it.each([
  [{ name: 'NoSuchBucket' }, 'storage-denied', /no such bucket/],
  [{ name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }, 'storage-denied', /refuses access/],
  [{ name: 'Unknown', $metadata: { httpStatusCode: 403 } }, 'storage-denied', /refuses access/],
  [{ name: 'SignatureDoesNotMatch' }, 'storage-denied', /refuses access/],
  [{ name: 'CredentialsProviderError', message: 'Could not load' }, 'storage-denied', /no credentials/],
  [{ name: 'PermanentRedirect' }, 'storage-denied', /another region/],
  [{ name: 'Error', message: 'Region is missing' }, 'storage-denied', /no region/],
  [{ name: 'Error', code: 'ECONNREFUSED', message: 'connect' }, 'service-unavailable', /does not answer/],
  [{ name: 'InternalError', $metadata: { httpStatusCode: 500 } }, 'service-unavailable', /does not answer/],
])('%j is told in plain words', (error, kind, what) => {
  expect(asFault(error, at)).toMatchObject({
    fault: {
      kind,
      where: 's3://b/runs/run.json',
      what: expect.stringMatching(what),
      remedy: expect.any(String),
    },
  });
});

it('a missing object is a missing file', () => {
  for (const name of ['NoSuchKey', 'NotFound'])
    expect(asFault({ name }, at)).toMatchObject({ code: 'ENOENT' });
});
