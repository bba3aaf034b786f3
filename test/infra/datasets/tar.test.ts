import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { EXPECTED, faultFrom, GOLDEN, readAll, temporaryFolder, write } from './data-files.ts';

const folder = temporaryFolder();
const PIXELS: number[] = EXPECTED['pictures.npy'].values;
const transform = { shape: [4, 5, 3], layout: 'nhwc' };

async function tarOf(
  name: string,
  members: readonly (readonly [string, Uint8Array | string])[],
): Promise<string> {
  const archive = pack();
  for (const [member, content] of members) archive.entry({ name: member }, Buffer.from(content));
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return write(join(folder, name), Buffer.concat(parts));
}

/** A grey 2x2 image of one value. */
async function dot(value: number): Promise<Buffer> {
  return sharp(new Uint8Array(12).fill(value), { raw: { width: 2, height: 2, channels: 3 } })
    .png()
    .toBuffer();
}

describe('WebDataset tar', () => {
  it.each(['pax.tar', 'gnu.tar', 'ustar.tar'])('reads what Python wrote to %s', async (name) => {
    const data = `${GOLDEN}${name}`;
    const numbers = await readAll(
      { format: 'tar', data, labels: 'cls', transform, shardRows: 2 },
      { batchRows: 1 },
    );
    expect(numbers.values).toEqual(PIXELS.slice(0, 180));
    expect([numbers.labels, numbers.plan.classes, numbers.plan.labelNames]).toEqual([[0, 1, 2], 3, null]);
    const names = await readAll({ format: 'tar', data, labels: 'json', transform });
    expect([names.labels, names.plan.labelNames]).toEqual([
      [0, 1, 0],
      ['cat', 'dog'],
    ]);
    const field = await readAll({ format: 'tar', data, labels: 'json.id', transform });
    expect(field.labels).toEqual([0, 1, 2]);
    expect(field.values).toEqual(numbers.values);
  });

  it('keeps long and accented member names', async () => {
    const { sourceIds } = await readAll({ format: 'tar', data: `${GOLDEN}pax.tar` });
    expect(sourceIds[1]).toBe(`pax.tar#caf\u00e9/${'long-'.repeat(30)}001`);
  });

  it('numbers samples over several files alike for every shard size, gzipped or not', async () => {
    const files: string[] = [];
    for (const part of [0, 1, 2]) {
      const members: [string, Uint8Array | string][] = [];
      for (let i = 0; i < 300; i++)
        members.push([`${i}.x.txt`, `t${i % 3}`], [`${i}.png`, await dot((part * 300 + i) % 256)]);
      files.push(await tarOf(`part-${part}.tar`, members));
    }
    write(`${files[1]}.gz`, gzipSync(readFileSync(files[1] ?? '')));
    const data = [files[0], `${files[1]}.gz`, files[2]];
    const dataset = { format: 'tar', data, labels: 'x.txt', transform: { shape: [1, 2, 2] } };
    const [small, large] = [
      await readAll({ ...dataset, shardRows: 100 }),
      await readAll({ ...dataset, shardRows: 4096 }),
    ];
    for (const whole of [small, large]) {
      expect(whole.plan.samples).toBe(900);
      expect(whole.values.filter((_, i) => i % 4 === 0)).toEqual(
        Array.from({ length: 900 }, (_, i) => i % 256),
      );
      expect(whole.labels).toEqual(Array.from({ length: 900 }, (_, i) => i % 3));
      expect(whole.sourceIds[599]).toBe('part-1.tar.gz#299');
    }
    const some = await readAll({ ...dataset, rows: [550, 610], shardRows: 40 });
    expect(some.plan.shards.map(({ firstSample, samples }) => [firstSample, samples])).toEqual([
      [550, 40],
      [590, 20],
    ]);
    expect(some.values).toEqual(large.values.slice(4 * 550, 4 * 610));
  }, 120_000);

  it('takes the member that column names', async () => {
    const data = await tarOf('two.tar', [
      ['a.left.png', await dot(1)],
      ['a.right.png', await dot(2)],
      ['a.png', await dot(3)],
    ]);
    for (const [column, value] of [
      ['left.png', 1],
      ['right.png', 2],
      [undefined, 3],
    ] as const) {
      const dataset = {
        format: 'tar',
        data,
        transform: { shape: [1, 2, 2] },
        ...(column === undefined ? {} : { column }),
      };
      expect((await readAll(dataset)).values).toEqual([value, value, value, value]);
    }
  });
});

describe('bad tar data', () => {
  it('names a file that is no tar, one that is cut and one whose header is damaged', async () => {
    const good = readFileSync(`${GOLDEN}ustar.tar`);
    const damaged = Buffer.from(good);
    damaged[512 * 2 + 10] = 0xff;
    for (const [name, bytes, what] of [
      ['rubbish.tar', Buffer.alloc(2048, 7), 'not a tar file'],
      ['cut.tar', good.subarray(0, 512 + 100), 'truncated'],
      ['damaged.tar', damaged, 'damaged'],
    ] as const) {
      const data = write(join(folder, name), bytes);
      const fault = await faultFrom({ format: 'tar', data, labels: 'cls' });
      expect(fault).toMatchObject({ kind: 'data-invalid', where: data });
      expect(fault.what).toContain(what);
    }
  });

  it('names the sample without its image or label, or leaves it out', async () => {
    const members: [string, Uint8Array | string][] = [
      ['a.png', await dot(1)],
      ['a.cls', '0'],
      ['b.png', await dot(2)],
      ['c.cls', '1'],
      ['d.cls', '2'],
      ['d.png', await dot(4)],
    ];
    const data = await tarOf('holes.tar', members);
    const dataset = { format: 'tar', data, labels: 'cls', transform: { shape: [1, 2, 2] } };
    expect(await faultFrom(dataset)).toMatchObject({ kind: 'data-invalid', where: `${data}: b` });
    const whole = await readAll({ ...dataset, onError: 'skip', shardRows: 1 });
    expect([whole.sourceIds, whole.labels]).toEqual([
      ['holes.tar#a', 'holes.tar#d'],
      [0, 2],
    ]);
    expect(whole.plan.skipped.map(({ file }) => file)).toEqual([`${data}: b`, `${data}: c`]);
  });

  it('names the image that does not decode, or gives zeros for it', async () => {
    const image = await dot(5);
    const data = await tarOf('broken.tar', [
      ['a.png', image.subarray(0, 50)],
      ['b.png', image],
    ]);
    const dataset = { format: 'tar', data, transform: { shape: [1, 2, 2] } };
    expect(await faultFrom(dataset)).toMatchObject({ kind: 'data-invalid', where: `${data}: a` });
    const whole = await readAll({ ...dataset, onError: 'skip' });
    expect(whole.values).toEqual([0, 0, 0, 0, 5, 5, 5, 5]);
    expect(whole.skips.map(({ sample }) => sample)).toEqual([0]);
  });

  it('takes the shape from the first image that can be read where bad ones are left out', async () => {
    const data = await tarOf('first-bad.tar', [
      ['a.png', 'junk'],
      ['b.png', await dot(5)],
    ]);
    const whole = await readAll({ format: 'tar', data, onError: 'skip' });
    expect([whole.plan.sampleShape, whole.plan.skipped]).toEqual([[3, 2, 2], []]);
    expect(whole.values).toEqual([...new Array(12).fill(0), ...new Array(12).fill(5)]);
    expect(whole.skips.map(({ sample }) => sample)).toEqual([0]);
    const bad = await tarOf('all-bad.tar', [['a.png', 'junk']]);
    expect((await readAll({ format: 'tar', data: [bad, data], onError: 'skip' })).plan.skipped).toEqual([
      { file: bad, why: expect.stringContaining('a.png: the image does not decode') },
    ]);
  });

  it('passes over files that belong to no sample, and does not mind the case of suffixes', async () => {
    const data = await tarOf('from-a-mac.tar', [
      ['README', 'digits'],
      ['train/._a.PNG', 'junk'],
      ['train/a.PNG', await dot(5)],
      ['LICENSE', 'free'],
      ['train/a.Cls', '3'],
    ]);
    for (const labels of ['cls', 'CLS']) {
      const whole = await readAll({ format: 'tar', data, labels });
      expect([whole.sourceIds, whole.labels]).toEqual([['from-a-mac.tar#train/a'], [3]]);
    }
  });

  it('refuses several images without a column, and mixed labels', async () => {
    const several = await tarOf('several.tar', [
      ['a.png', await dot(1)],
      ['a.jpg', await dot(1)],
    ]);
    expect((await faultFrom({ format: 'tar', data: several })).remedy).toContain('dataset.column');
    const mixed = await tarOf('mixed.tar', [
      ['a.png', await dot(1)],
      ['a.cls', '1'],
      ['b.png', await dot(1)],
      ['b.cls', 'one'],
    ]);
    expect(await faultFrom({ format: 'tar', data: mixed, labels: 'cls' })).toMatchObject({
      kind: 'data-invalid',
      value: 'one',
    });
  });
});
