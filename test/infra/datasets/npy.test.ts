import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../infra/datasets/open.ts';
import {
  datasetConfig,
  EXPECTED,
  faultFrom,
  GOLDEN,
  npyHeader,
  readAll,
  temporaryFolder,
  write,
} from './data-files.ts';

const folder = temporaryFolder();

describe('npy', () => {
  it.each([
    'half.npy',
    'big-endian.npy',
    'double.npy',
    'long.npy',
    'unsigned-long.npy',
    'flags.npy',
    'short.npy',
  ])('reads what numpy wrote to %s', async (name) => {
    const { values, plan } = await readAll(
      { format: 'npy', data: `${GOLDEN}${name}`, shardRows: 2 },
      { batchRows: 1 },
    );
    expect(values).toEqual(EXPECTED[name].values.map(Math.fround));
    expect([plan.samples, ...plan.sampleShape]).toEqual(EXPECTED[name].shape);
  });

  it('moves the channel axis to where the model wants it, with a mean per channel', async () => {
    const transform = { shape: [3, 4, 5], layout: 'nchw', scale: 1, mean: [1, 2, 3], std: [1, 2, 4] };
    const { values } = await readAll({
      format: 'npy',
      data: `${GOLDEN}pictures.npy`,
      labels: `${GOLDEN}labels.npy`,
      transform,
    });
    const { shape, values: raw } = EXPECTED['pictures.npy'];
    const wanted = [];
    for (let n = 0; n < shape[0]; n++)
      for (let c = 0; c < 3; c++)
        for (let y = 0; y < 4; y++)
          for (let x = 0; x < 5; x++)
            wanted.push(Math.fround((raw[((n * 4 + y) * 5 + x) * 3 + c] - (c + 1)) / 2 ** c));
    expect(values).toEqual(wanted);
  });

  it('leaves the axes alone for nhwc and flat shapes', async () => {
    const raw = EXPECTED['pictures.npy'].values;
    for (const transform of [{ shape: [4, 5, 3], layout: 'nhwc' }, { shape: [60] }, {}]) {
      expect((await readAll({ format: 'npy', data: `${GOLDEN}pictures.npy`, transform })).values).toEqual(
        raw,
      );
    }
    const perChannel = { shape: [4, 5, 3], layout: 'nhwc', mean: [0, 10, 20] };
    const { values } = await readAll({ format: 'npy', data: `${GOLDEN}pictures.npy`, transform: perChannel });
    expect(values).toEqual(raw.map((value: number, i: number) => value - 10 * (i % 3)));
  });

  it('concatenates files in list order', async () => {
    const data = [`${GOLDEN}long.npy`, `${GOLDEN}unsigned-long.npy`];
    const { values, sourceIds } = await readAll({ format: 'npy', data, shardRows: 3 }, { batchRows: 3 });
    expect(values).toEqual(
      data.flatMap((file) => EXPECTED[file.slice(GOLDEN.length)].values.map(Math.fround)),
    );
    expect(sourceIds).toEqual(['long.npy#0', 'long.npy#1', 'unsigned-long.npy#0', 'unsigned-long.npy#1']);
  });

  it('reports a finite double that float32 cannot hold', async () => {
    const file = write(
      join(folder, 'huge.npy'),
      Buffer.concat([npyHeader('<f8', [1, 1]), Buffer.from(Float64Array.of(1e300).buffer)]),
    );
    expect(await faultFrom({ format: 'npy', data: file })).toMatchObject({
      kind: 'non-finite-input',
      where: `${file} row 0`,
    });
  });

  it.each([
    ['Fortran order', `${GOLDEN}fortran.npy`, 'Fortran'],
    ['strings', `${GOLDEN}strings.npy`, 'element type'],
    ['a wrong magic number', `${GOLDEN}lists.parquet`, 'wrong magic'],
    [
      'a scalar',
      write(join(folder, 'scalar.npy'), Buffer.concat([npyHeader('<f4', []), Buffer.alloc(4)])),
      'no rows',
    ],
    ['a cut header', write(join(folder, 'cut.npy'), npyHeader('<f4', [2, 2]).subarray(0, 40)), 'truncated'],
    [
      'cut data',
      write(join(folder, 'short.npy'), Buffer.concat([npyHeader('<f4', [2, 2]), Buffer.alloc(15)])),
      'truncated',
    ],
  ])('refuses %s', async (_, data, what) => {
    const fault = await faultFrom({ format: 'npy', data });
    expect(fault).toMatchObject({ kind: 'data-invalid', where: data });
    expect(fault.what).toContain(what);
  });

  it('refuses files whose samples differ in size', async () => {
    const data = [`${GOLDEN}half.npy`, `${GOLDEN}short.npy`];
    expect(await faultFrom({ format: 'npy', data })).toMatchObject({
      kind: 'shape-mismatch',
      where: data[1],
    });
  });

  it('refuses labels that are no class ids', async () => {
    const data = write(join(folder, 'x.npy'), Buffer.concat([npyHeader('<f4', [2, 1]), Buffer.alloc(8)]));
    const floats = write(join(folder, 'y.npy'), Buffer.concat([npyHeader('<f4', [2]), Buffer.alloc(8)]));
    const negative = write(
      join(folder, 'z.npy'),
      Buffer.concat([npyHeader('<i4', [2]), Buffer.from(Int32Array.of(0, -2).buffer)]),
    );
    expect(await faultFrom({ format: 'npy', data, labels: floats })).toMatchObject({
      kind: 'data-invalid',
      where: floats,
    });
    expect(await faultFrom({ format: 'npy', data, labels: negative })).toMatchObject({
      kind: 'data-invalid',
      where: `${negative} row 1`,
    });
  });

  it('streams 200 MB in less than 100 MB of memory', async () => {
    const [rows, columns] = [51200, 1024];
    const file = join(folder, 'large.npy');
    const target = openSync(file, 'w');
    writeSync(target, npyHeader('<f4', [rows, columns]));
    const block = Buffer.alloc(8 << 20, 1);
    for (let written = 0; written < rows * columns * 4; written += block.length) writeSync(target, block);
    closeSync(target);
    const reader = await openDataset(datasetConfig({ format: 'npy', data: file }));
    const before = process.memoryUsage().rss;
    let peak = 0;
    let read = 0;
    const plan = await reader.plan({ batchRows: 1024 });
    for (const shard of plan.shards) {
      for await (const batch of reader.read(shard, { plan, batchRows: 1024, fromBatch: 0 })) {
        read += batch.samples;
        peak = Math.max(peak, process.memoryUsage().rss);
      }
    }
    expect(read).toBe(rows);
    expect((peak - before) / 2 ** 20).toBeLessThan(100);
  });
});
