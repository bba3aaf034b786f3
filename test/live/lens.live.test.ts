// The invariant of sweeps holds for experiments: one config gives one set of bytes, whoever computes it and whatever is
// killed on the way; a run can be watched, held, cancelled and taken up again.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SHARED_TABLES } from '../../activities/experiments/experiments.ts';
import { paths } from '../../activities/experiments/paths.ts';
import { idxLabels } from '../oracle/idx-files.ts';
import { type LiveHome, makeHome, MNIST, startHome } from './live-home.ts';
import { killAll, whileWorkersStand, workersOf } from './process-table.ts';
import { activitiesUnderWay, askProgress, doneSamplesOf, servicesOf } from './progress-query.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { filesBelow, halfWritten, manifestOf, tableHashes } from './run-files.ts';
import { parquetRows } from './table-rows.ts';
import type { CommandEnd } from './tessera-command.ts';

const CONFIG = join(EXAMPLES, 'mnist-mlp/paths.yaml');
const PAIRS = 12;
const MODELS = ['trained', 'random_init:1', 'weight_permuted:1'];
const SMALL = {
  run: 'small',
  'dataset.rows': [100, 400],
  'paths.pairs': { intra: PAIRS / 2, inter: PAIRS / 2 },
  controls: { randomInit: 1, weightPermuted: 1 },
};
/** Enough work to be disturbed in: about ten seconds on one core. */
const LONG_PATHS = 2000;
const LONG = {
  run: 'long',
  'dataset.rows': [0, 2000],
  'paths.pairs': { any: LONG_PATHS },
  'paths.bins': 4,
  'paths.steps': 2,
  controls: { randomInit: 0, weightPermuted: 0 },
};

function args(
  home: LiveHome,
  sets: Readonly<Record<string, unknown>>,
  out: string,
  ...more: string[]
): string[] {
  return ['run', CONFIG, '--out', join(home.runs, out), '--json', ...setOptions(sets), ...more];
}

describe('paths between digits', () => {
  let home: LiveHome;
  let first: CommandEnd;

  beforeAll(async () => {
    home = await startHome('lens', { workers: 0 });
    first = await home.tessera(args(home, SMALL, 'first'));
  });

  afterAll(() => home.close());

  const folder = (out: string, run = 'small') => join(home.runs, out, run);

  it('leave every table of the experiment, and nothing else', () => {
    expect(first.code, first.stderr).toBe(0);
    const rows = { paths: PAIRS * MODELS.length, path_layers: 2 * PAIRS * MODELS.length, runs: 3, layers: 6 };
    expect(first.json).toMatchObject({ run: 'small', status: 'done', exitCode: 0, rows });
    const tables = [...SHARED_TABLES, ...paths.tables].map(({ path }) => path.replace(/\/$/, ''));
    const found = filesBelow(folder('first')).filter((file) => file.endsWith('.parquet'));
    expect(new Set(found.map((file) => file.split('/')[0]))).toEqual(new Set(tables));
    expect(halfWritten(folder('first'))).toEqual([]);
    expect(filesBelow(folder('first')).filter((file) => file.startsWith('segments'))).toEqual([]);
  });

  it('describe the codes of the samples, layer by layer, in every model', async () => {
    const layers = await parquetRows(join(folder('first'), 'layers.parquet'));
    expect(layers.map(({ model, layer_id }) => [model, layer_id])).toEqual(
      MODELS.flatMap((model) => [0, 1].map((layer) => [model, layer])),
    );
    for (const { occupancy, dead_units, h_ind_bits, soft_fraction } of layers) {
      expect(Number(occupancy)).toBeGreaterThan(0.5);
      expect(Number(dead_units)).toBeLessThan(128);
      expect(Number(h_ind_bits)).toBeGreaterThan(1);
      expect(soft_fraction).toBeNull();
    }
  });

  it('describe the samples that they join by file, row and label, once per model', async () => {
    const rows = await parquetRows(join(folder('first'), 'points.parquet'));
    const labels = idxLabels(join(MNIST, 't10k-labels-idx1-ubyte'), 100, 300);
    expect(rows.length % MODELS.length).toBe(0);
    expect([...new Set(rows.map(({ model }) => model))]).toEqual(MODELS);
    for (const { point_id, source_id, label } of rows) {
      expect(source_id).toBe(`t10k-images-idx3-ubyte#${100 + Number(point_id)}`);
      expect(label).toBe(labels[Number(point_id)]);
    }
    const ends = await parquetRows(join(folder('first'), 'paths.parquet'));
    const used = new Set(ends.flatMap(({ point_a, point_b }) => [Number(point_a), Number(point_b)]));
    expect([...new Set(rows.map(({ point_id }) => Number(point_id)))]).toEqual(
      [...used].sort((a, b) => a - b),
    );
    const agree = rows.filter(({ model, label, pred_class }) => model === 'trained' && label === pred_class);
    expect(agree.length).toBeGreaterThan(0.8 * used.size);
  });

  it('say in run.json what was run on what', () => {
    const manifest = manifestOf(folder('first'));
    expect(manifest).toMatchObject({ runId: 'small', kind: 'lens', status: 'done' });
    // All layers together and each of two, in three models, and the trained one against two kinds of control.
    expect(manifest.claims).toHaveLength(3 * 3 + 2 * 3);
    expect(manifest.config).toMatchObject({ experiment: 'paths', paths: { curve: 'lerp' } });
    expect(manifest.model!.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(manifest.data!.files.map(({ file }) => file)).toEqual([
      join(MNIST, 't10k-images-idx3-ubyte'),
      join(MNIST, 't10k-labels-idx1-ubyte'),
    ]);
  });

  it('say that they are finished when run again, refuse another config, and change nothing', async () => {
    const before = tableHashes(folder('first'));
    const again = await home.tessera(args(home, SMALL, 'first'));
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('run small is finished already');
    expect(again.json).toMatchObject({ status: 'done', rows: first.json!.rows });
    const other = await home.tessera(args(home, { ...SMALL, seed: 7 }, 'first'));
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('seed: 0 → 7');
    expect(tableHashes(folder('first'))).toEqual(before);
  });

  it('give the same bytes with two processes and another number of partitions', async () => {
    const sets = { ...SMALL, 'stream.partitions': 3 };
    const end = await home.tessera(args(home, sets, 'cut', '--processes', '2'));
    expect(end.code, end.stderr).toBe(0);
    expect(tableHashes(folder('cut'))).toEqual(tableHashes(folder('first')));
  });

  it.each([
    [{ 'paths.pairs': [[0, 300]] }, 2, /300/],
    [{ 'paths.pairs': [[4, 4]] }, 2, /4/],
    [{ 'paths.space': 'nowhere' }, 2, /paths\.space: .*\(nowhere\)/],
    [{ 'paths.chords': 1 }, 2, /paths\.chords: .*from 2 to 4096/],
    [{ 'model.control': 'random_init' }, 2, /model\.control/],
    [{ 'dataset.transform.shape': [28, 27] }, 3, /28|shape/],
  ] as const)('refuse %j with exit %i', async (sets, code, message) => {
    const end = await home.tessera(args(home, { ...SMALL, run: 'bad', ...sets }, 'bad'));
    expect(end.stderr).toMatch(message);
    expect(end.code).toBe(code);
    expect(end.json).toMatchObject({ status: 'failed', exitCode: code });
  });

  it('stand still while paused, go on when resumed, and can be cancelled and taken up', async () => {
    const running = home.start(args(home, LONG, 'held'));
    const done = () => doneSamplesOf(home, 'long');
    await expect.poll(done, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(await askProgress(home, 'long')).toMatchObject({
      phase: 'computing',
      unit: 'paths',
      points: LONG_PATHS,
    });
    const pause = await whileWorkersStand(running.pid, () => home.tessera(['pause', 'long', '--json']));
    expect(pause.json).toMatchObject({ sent: 'pause' });
    await expect.poll(() => activitiesUnderWay(home, 'long', 'runLensTask'), { timeout: 30_000 }).toBe(0);
    const held = await askProgress(home, 'long');
    expect(held.paused).toBe(true);
    expect(held.doneSamples).toBeLessThan(LONG_PATHS);
    expect((await home.tessera(['status', 'long', '--json'])).json).toMatchObject({
      status: 'paused',
      rows: LONG_PATHS,
      doneRows: held.doneSamples,
    });
    expect((await home.tessera(['cancel', 'long'])).code).toBe(0);
    const cancelled = await running.end;
    expect(cancelled.code).toBe(130);
    expect(manifestOf(folder('held', 'long')).status).toBe('cancelled');
    expect(filesBelow(folder('held', 'long'))).not.toContain('paths.parquet');
    const again = await home.tessera(args(home, LONG, 'held'));
    expect(again.code, again.stderr).toBe(0);
    expect(again.json).toMatchObject({ rows: { paths: LONG_PATHS } });
  });
});

describe('an experiment under kill -9', () => {
  let home: LiveHome;

  beforeAll(() => {
    home = makeHome('lens-chaos');
  });

  afterAll(() => home.close());

  it('ends with the bytes of a calm run when worker and broker are killed in the middle', async () => {
    const calm = await home.start(args(home, LONG, 'calm', '--processes', '1')).end;
    expect(calm.code, calm.stderr).toBe(0);
    const running = home.start(args(home, LONG, 'wild', '--processes', '1'));
    const done = () => doneSamplesOf(home, 'long');
    await expect.poll(done, { timeout: 90_000 }).toBeGreaterThan(0);
    await killAll(workersOf(running.pid));
    await expect.poll(done, { timeout: 90_000 }).toBeGreaterThan(LONG_PATHS / 3);
    await killAll([servicesOf(home).kafka!.process!.pid]);
    const end = await running.end;
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.restarts).toBeGreaterThan(0);
    expect(halfWritten(join(home.runs, 'wild', 'long'))).toEqual([]);
    expect(tableHashes(join(home.runs, 'wild', 'long'))).toEqual(
      tableHashes(join(home.runs, 'calm', 'long')),
    );
  });
});
