import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDataset } from '../../../infra/datasets/open.ts';
import { datasetConfig, faultFrom, readAll, temporaryFolder, write } from './data-files.ts';

const folder = temporaryFolder();
const root = join(folder, 'data');

/** `[height, width, 3]` pixels that differ between images. */
function pixels(height: number, width: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 37 + seed * 101) % 256);
}

async function png(data: Uint8Array, { height, width }: { height: number; width: number }): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

async function plain(name: string, seed: number, size = { height: 3, width: 2 }): Promise<void> {
  write(join(root, name), await png(pixels(size.height, size.width, seed), size));
}

beforeAll(async () => {
  for (const name of ['cat', 'dog/small', 'Ape', 'mixed']) mkdirSync(join(root, name), { recursive: true });
  await plain('cat/2.png', 1);
  await plain('cat/10.PNG', 2);
  await plain('dog/small/x.png', 3);
  await plain('Ape/a.png', 4);
  write(join(root, 'cat', 'notes.txt'), 'not an image');
});

/** Names in code unit order: capitals first, '10' before '2'. */
const ORDER: [string, number, number][] = [
  ['Ape/a.png', 4, 0],
  ['cat/10.PNG', 2, 1],
  ['cat/2.png', 1, 1],
  ['dog/small/x.png', 3, 2],
];

describe('image folders', () => {
  it('reads every image in sorted order, labelled by its folder', async () => {
    for (const shardRows of [1, 3, 100]) {
      const transform = { shape: [3, 2, 3], layout: 'nhwc' };
      const whole = await readAll({ format: 'images', data: root, shardRows, transform }, { batchRows: 2 });
      expect(whole.sourceIds).toEqual(ORDER.map(([name]) => name));
      expect(whole.labels).toEqual(ORDER.map(([, , label]) => label));
      expect(whole.plan.labelNames).toEqual(['Ape', 'cat', 'small']);
      expect(whole.values).toEqual(ORDER.flatMap(([, seed]) => [...pixels(3, 2, seed)]));
    }
  });

  it('turns the colours round for models that take blue first, with the mean in their order', async () => {
    const transform = { shape: [3, 3, 2], mean: [0, 100, 200], channelOrder: 'bgr' };
    const { values } = await readAll({ format: 'images', data: root, transform });
    const wanted = ORDER.flatMap(([, seed]) =>
      [2, 1, 0].flatMap((c) =>
        [...pixels(3, 2, seed)].filter((_, i) => i % 3 === c).map((raw) => raw - 100 * (2 - c)),
      ),
    );
    expect(values).toEqual(wanted);
  });

  it('gives planes for nchw, with a mean per channel', async () => {
    const transform = { shape: [3, 3, 2], mean: [0, 100, 200], std: 2 };
    const { values } = await readAll({ format: 'images', data: root, transform });
    const wanted = ORDER.flatMap(([, seed]) =>
      [0, 1, 2].flatMap((c) =>
        [...pixels(3, 2, seed)].filter((_, i) => i % 3 === c).map((raw) => Math.fround((raw - 100 * c) / 2)),
      ),
    );
    expect(values).toEqual(wanted);
  });

  it("makes grey of colour by integer luma, and takes the first image's shape when none is asked for", async () => {
    const { values } = await readAll({ format: 'images', data: root, transform: { shape: [1, 3, 2] } });
    const grey = ORDER.flatMap(([, seed]) => {
      const rgb = pixels(3, 2, seed);
      return Array.from({ length: 6 }, (_, i) => {
        const [r, g, b] = [rgb[3 * i] ?? 0, rgb[3 * i + 1] ?? 0, rgb[3 * i + 2] ?? 0];
        return Math.floor((19595 * r + 38470 * g + 7471 * b + 32768) / 65536);
      });
    });
    expect(values).toEqual(grey);
    const { plan } = await readAll({ format: 'images', data: root });
    expect(plan.sampleShape).toEqual([3, 3, 2]);
  });

  it('stretches images to the wanted size', async () => {
    const flat = join(folder, 'flat');
    mkdirSync(flat);
    write(join(flat, 'wide.png'), await png(new Uint8Array(4 * 16 * 3).fill(77), { height: 4, width: 16 }));
    const { values, plan, labels } = await readAll({
      format: 'images',
      data: flat,
      transform: { shape: [3, 8, 8] },
    });
    expect(values).toEqual(new Array(192).fill(77));
    expect([plan.labelNames, plan.classes, labels]).toEqual([null, null, null]);
  });

  it('takes the folder above the first wildcard as the root', async () => {
    const { sourceIds, labels } = await readAll({ format: 'images', data: join(root, 'cat', '*.png') });
    expect([sourceIds, labels]).toEqual([['2.png'], [0]]);
    const all = await readAll({ format: 'images', data: join(root, '*', '*.{png,PNG}') });
    expect(all.sourceIds).toEqual(['Ape/a.png', 'cat/10.PNG', 'cat/2.png']);
  });

  it("hashes each folder's files", async () => {
    const { plan } = await readAll({ format: 'images', data: root });
    expect(plan.files.map(({ file }) => file)).toEqual(
      ['Ape', 'cat', 'dog/small'].map((name) => join(root, name)),
    );
    const before = plan.files[0]?.sha256;
    await plain('Ape/a.png', 5);
    const { plan: changed } = await readAll({ format: 'images', data: root });
    await plain('Ape/a.png', 4);
    expect(changed.files[0]?.sha256).not.toBe(before);
    expect(changed.files[1]).toEqual(plan.files[1]);
  });

  it('reads a shard when the cache was cleaned in between', async () => {
    const reader = await openDataset(datasetConfig({ format: 'images', data: root }));
    const plan = await reader.plan({ batchRows: 8 });
    rmSync(join(folder, 'cache'), { recursive: true });
    const shard = plan.shards[0];
    if (shard === undefined) throw new Error('no shard');
    const ids = [];
    for await (const batch of reader.read(shard, { plan, batchRows: 8, fromBatch: 0 }))
      ids.push(...batch.sourceIds);
    expect(ids).toEqual(ORDER.map(([name]) => name));
  });
});

describe('bad images', () => {
  it('refuses labels, which it would pass over', async () => {
    expect(await faultFrom({ format: 'images', data: root, labels: 'labels.csv' })).toMatchObject({
      kind: 'config-invalid',
      where: 'dataset.labels',
    });
  });

  it('names a folder without images and a folder that is not there', async () => {
    mkdirSync(join(folder, 'empty'), { recursive: true });
    for (const data of [join(folder, 'empty'), join(folder, 'absent')]) {
      expect(await faultFrom({ format: 'images', data })).toMatchObject({
        kind: 'data-missing',
        where: data,
      });
    }
  });

  it("names the file whose header is no image's, or leaves it out", async () => {
    const bad = write(join(root, 'mixed', 'bad.png'), 'this is text');
    expect(await faultFrom({ format: 'images', data: root })).toMatchObject({
      kind: 'data-invalid',
      where: bad,
    });
    const whole = await readAll({ format: 'images', data: root, onError: 'skip' });
    expect(whole.sourceIds).toEqual(ORDER.map(([name]) => name));
    expect(whole.plan.skipped).toEqual([{ file: bad, why: expect.stringContaining('does not decode') }]);
    rmSync(bad);
  });

  it('names the file that fails behind a good header, or gives zeros for it without moving the others', async () => {
    const content = await png(pixels(40, 40, 9), { height: 40, width: 40 });
    const broken = write(join(root, 'cat', '3.png'), content.subarray(0, content.length - 1000));
    const transform = { shape: [3, 3, 2] };
    expect(await faultFrom({ format: 'images', data: root, transform })).toMatchObject({
      kind: 'data-invalid',
      where: broken,
    });
    const whole = await readAll(
      { format: 'images', data: root, transform, onError: 'skip' },
      { batchRows: 2 },
    );
    rmSync(broken);
    const clean = await readAll({ format: 'images', data: root, transform }, { batchRows: 2 });
    expect(whole.values).toEqual([
      ...clean.values.slice(0, 54),
      ...new Array(18).fill(0),
      ...clean.values.slice(54),
    ]);
    expect(whole.labels).toEqual([0, 1, 1, -1, 2]);
    expect(whole.skips).toEqual([
      { sample: 3, where: broken, why: expect.stringContaining('does not decode') },
    ]);
  });

  it('refuses images of another size when no shape was asked for', async () => {
    await plain('mixed/large.png', 1, { height: 5, width: 5 });
    const fault = await faultFrom({ format: 'images', data: root });
    expect(fault).toMatchObject({ kind: 'shape-mismatch', where: join(root, 'mixed', 'large.png') });
    expect(fault.what).toContain('[3,5,5]');
    rmSync(join(root, 'mixed', 'large.png'));
  });

  it("refuses shapes that are no image's", async () => {
    const fault = await faultFrom({ format: 'images', data: root, transform: { shape: [5, 3, 2] } });
    expect(fault).toMatchObject({ kind: 'config-invalid', where: 'dataset.transform.shape' });
    expect(await faultFrom({ format: 'images', data: root, transform: { shape: [7] } })).toMatchObject({
      kind: 'shape-mismatch',
    });
  });
});
