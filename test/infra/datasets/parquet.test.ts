import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../../../infra/datasets/open.ts';
import { datasetConfig, EXPECTED, faultFrom, GOLDEN, readAll, temporaryFolder, write } from './data-files.ts';

const folder = temporaryFolder();
const LISTS = EXPECTED['lists.parquet'];
const PIXELS: number[] = EXPECTED['pictures.npy'].values;

describe('parquet', () => {
  it.each(['lists.parquet', 'lists-zstd.parquet'])(
    'reads the lists that pyarrow wrote to %s',
    async (name) => {
      const dataset = {
        format: 'parquet',
        data: `${GOLDEN}${name}`,
        column: 'x',
        transform: { shape: [6], scale: 2 },
      };
      for (const shardRows of [7, 100, 4096]) {
        const whole = await readAll({ ...dataset, labels: 'digit', shardRows }, { batchRows: 5 });
        expect(whole.values).toEqual(LISTS.x.map((value: number) => value * 2));
        expect(whole.labels).toEqual(LISTS.digit);
        expect(whole.sourceIds).toEqual(LISTS.digit.map((_: number, row: number) => `${name}#${row}`));
        expect(whole.plan).toMatchObject({ samples: 150, classes: 5, labelNames: null });
      }
      const named = await readAll({ ...dataset, labels: 'colour' });
      const names = ['blue', 'green', 'red'];
      expect(named.plan.labelNames).toEqual(names);
      expect(named.labels).toEqual(LISTS.colour.map((colour: string) => names.indexOf(colour)));
    },
  );

  it('concatenates files and keeps row numbers under rows', async () => {
    const data = [`${GOLDEN}lists.parquet`, `${GOLDEN}lists-zstd.parquet`];
    const dataset = { format: 'parquet', data, column: 'x', labels: 'digit', rows: [140, 170], shardRows: 8 };
    const whole = await readAll(dataset, { batchRows: 3 });
    const twice = [...LISTS.x, ...LISTS.x];
    expect(whole.values).toEqual(twice.slice(140 * 6, 170 * 6));
    expect(whole.plan.shards.map(({ firstSample }) => firstSample)).toEqual([140, 148, 156, 164]);
    expect(whole.sourceIds.slice(9, 11)).toEqual(['lists.parquet#149', 'lists-zstd.parquet#0']);
  });

  it.each(['nested', 'fixed'])('flattens %s lists', async (column) => {
    const { values } = await readAll({
      format: 'parquet',
      data: `${GOLDEN}nested.parquet`,
      column,
      transform: { shape: [2, 3] },
    });
    expect(values).toEqual(EXPECTED['nested.parquet'].values);
  });

  it('takes every numeric column but the label when none is named', async () => {
    const { a, b, c, y } = EXPECTED['scalars.parquet'];
    const whole = await readAll({
      format: 'parquet',
      data: `${GOLDEN}scalars.parquet`,
      labels: 'y',
      shardRows: 9,
    });
    expect(whole.values).toEqual(a.flatMap((value: number, row: number) => [value, b[row], c[row]]));
    expect([whole.labels, whole.plan.sampleShape]).toEqual([y, [3]]);
    const one = await readAll({ format: 'parquet', data: `${GOLDEN}scalars.parquet`, column: 'b' });
    expect([one.values, one.labels]).toEqual([b, null]);
  });

  it.each(['image', 'raw'])('decodes the PNG bytes of column %s', async (column) => {
    const dataset = {
      format: 'parquet',
      data: `${GOLDEN}images.parquet`,
      column,
      labels: 'label',
      shardRows: 3,
    };
    const whole = await readAll(
      { ...dataset, transform: { shape: [4, 5, 3], layout: 'nhwc' } },
      { batchRows: 2 },
    );
    expect(whole.values).toEqual(PIXELS);
    expect(whole.labels).toEqual([0, 1, 2, 3]);
    const grey = await readAll({ ...dataset, transform: { shape: [4, 5] } });
    expect(grey.values).toEqual(EXPECTED.grey);
    expect((await readAll(dataset)).plan.sampleShape).toEqual([3, 4, 5]);
  });

  it('reads a file whose name looks like a pattern', async () => {
    const data = join(folder, "it's [1]*?.parquet");
    copyFileSync(`${GOLDEN}lists.parquet`, data);
    expect((await readAll({ format: 'parquet', data, column: 'x' })).values).toEqual(LISTS.x);
  });

  it('takes no column from the names of folders', async () => {
    mkdirSync(join(folder, 'seed=3'), { recursive: true });
    const data = join(folder, 'seed=3', 'scalars.parquet');
    copyFileSync(`${GOLDEN}scalars.parquet`, data);
    const whole = await readAll({ format: 'parquet', data, labels: 'y' });
    expect(whole.values).toEqual(
      (await readAll({ format: 'parquet', data: `${GOLDEN}scalars.parquet`, labels: 'y' })).values,
    );
    expect(whole.plan.sampleShape).toEqual([3]);
  });
});

describe('bad parquet data', () => {
  it('names file and row of a null among the numbers', async () => {
    const data = `${GOLDEN}holes.parquet`;
    expect(await faultFrom({ format: 'parquet', data })).toMatchObject({
      kind: 'non-finite-input',
      where: `${data} row 1`,
    });
  });

  it('names a file that is no Parquet, and one that is cut', async () => {
    const bytes = readFileSync(`${GOLDEN}lists.parquet`);
    for (const [name, content] of [
      ['text.parquet', Buffer.from('hello')],
      ['cut.parquet', bytes.subarray(0, 3000)],
    ] as const) {
      const data = write(join(folder, name), content);
      expect(await faultFrom({ format: 'parquet', data, column: 'x' })).toMatchObject({
        kind: 'data-invalid',
        where: data,
      });
    }
  });

  it('names a file whose batches would fit no memory', async () => {
    const data = `${GOLDEN}lists.parquet`;
    const reader = await openDataset(datasetConfig({ format: 'parquet', data, column: 'x' }));
    const plan = await reader.plan({ batchRows: 5 });
    const vast = { ...plan.shards[0]!, samples: 2 ** 40 };
    const reading = reader.read(vast, { plan, batchRows: 2 ** 40, fromBatch: 0 })[Symbol.asyncIterator]();
    await expect(reading.next()).rejects.toMatchObject({ fault: { kind: 'data-invalid', where: data } });
    await reader.close();
  });

  it('leaves a bad file out when asked to', async () => {
    const bad = write(join(folder, 'bad.parquet'), 'PAR1 nothing PAR1');
    const data = [bad, `${GOLDEN}lists.parquet`];
    const whole = await readAll({ format: 'parquet', data, column: 'x', onError: 'skip' });
    expect(whole.values).toEqual(LISTS.x);
    expect(whole.plan.skipped.map(({ file }) => file)).toEqual([bad]);
  });

  it('takes the shape from the first image that can be read where bad ones are left out', async () => {
    const data = join(folder, 'first-bad.parquet');
    const bad = "SELECT 'junk'::BLOB AS raw UNION ALL SELECT NULL";
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (${bad} UNION ALL SELECT raw FROM '${GOLDEN}images.parquet') TO '${data}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const dataset = { format: 'parquet', data, column: 'raw', transform: { layout: 'nhwc' } };
    expect(await faultFrom(dataset)).toMatchObject({ kind: 'data-invalid', where: `${data} row 0` });
    const whole = await readAll({ ...dataset, onError: 'skip' });
    expect(whole.plan.sampleShape).toEqual([4, 5, 3]);
    expect(whole.values).toEqual([...new Array(2 * 60).fill(0), ...PIXELS]);
    expect(whole.skips.map(({ sample }) => sample)).toEqual([0, 1]);
  });

  it.each([
    [
      'an unknown column',
      { column: 'nothing' },
      { kind: 'config-invalid', where: 'dataset.column', value: 'nothing' },
    ],
    [
      'an unknown label',
      { column: 'x', labels: 'nothing' },
      { kind: 'config-invalid', where: 'dataset.labels' },
    ],
    [
      'a column of words',
      { column: 'colour' },
      { kind: 'config-invalid', where: 'dataset.column', value: 'VARCHAR' },
    ],
    [
      'lists of another length',
      { column: 'x', transform: { shape: [5] } },
      { kind: 'shape-mismatch', where: `${GOLDEN}lists.parquet row 0` },
    ],
    [
      'lists as labels',
      { column: 'digit', labels: 'x' },
      { kind: 'config-invalid', where: 'dataset.labels' },
    ],
  ])('names %s', async (_, dataset, fault) => {
    expect(await faultFrom({ format: 'parquet', data: `${GOLDEN}lists.parquet`, ...dataset })).toMatchObject(
      fault,
    );
  });
});
