// The invariant: draws are a function of the config. Whatever is killed, and whenever, whichever worker goes on, and
// however the draws were asked for, the tables have the bytes of a calm run.

import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainingOf } from '../../activities/metflow/chains/training-record.ts';
import { decodeCheckpoint } from '../../activities/metflow/checkpoint.ts';
import { sha256Of } from '../../infra/metflow/checkpoint-files.ts';
import { type LiveHome, startHome } from './live-home.ts';
import { killAll, processesOf, standOnce, whileWorkersStand } from './process-table.ts';
import { askProgress } from './progress-query.ts';
import { EXAMPLES, finishedSweep } from './recorded-codes.ts';
import { makeSmallNet } from './region-targets.ts';
import { halfWritten, manifestOf, tableHashes } from './run-files.ts';
import { parquetRows } from './table-rows.ts';
import type { RunningCommand } from './tessera-command.ts';

const CHAINS = 4;
const DRAWS = 100;
const CONFIG = `
kind: metflow
run: chains
seed: 5
target: { name: ring, modes: 4, radius: 4 }
kernels:
  - { type: metflow, count: 2, hidden: 8 }
  - { type: hmc, steps: 3 }
  - { type: rwm }
train: { steps: 400, batch: 32, learningRate: 0.005, checkpointEvery: 25, evaluateEvery: 100, evaluateRows: 50 }
sample: { chains: ${CHAINS}, groups: 2, warmup: 60, draws: ${DRAWS}, checkpointEvery: 20 }
`;

describe('a run of chains', () => {
  let home: LiveHome;
  let config: string;
  let calm: Record<string, string>;

  beforeAll(async () => {
    home = await startHome('metflow', { workers: 0 });
    config = join(home.folder, 'chains.yaml');
    writeFileSync(config, CONFIG);
    const end = await start('calm').end;
    expect(end.code, end.stderr).toBe(0);
    calm = tableHashes(folderOf('calm'));
  });

  afterAll(() => home?.close());

  const folderOf = (out: string) => join(home.runs, out, 'chains');

  function start(out: string, ...more: string[]): RunningCommand {
    const place = ['--out', join(home.runs, out), '--json'];
    const processes = more.includes('--processes') ? [] : ['--processes', '1'];
    return home.start(['run', config, ...place, ...processes, ...more]);
  }

  const parts = (out: string) => {
    const folder = join(folderOf(out), 'draws');
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.parquet')) : [];
  };
  const checkpoint = (out: string, name: string) =>
    existsSync(join(folderOf(out), 'checkpoints', `${name}.ckpt`));

  it('leaves the tables of the contract, and says how the chains fared', async () => {
    const manifest = manifestOf(folderOf('calm'));
    expect(manifest).toMatchObject({ kind: 'metflow', status: 'done' });
    expect(manifest.rows).toMatchObject({ draws: CHAINS * DRAWS, kernel_health: 4, modes: 4 });
    expect(manifest.chains!.trainingSeconds).toBeGreaterThan(0);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const files = join(folderOf('calm'), 'draws', '*.parquet');
    // Every chain has every draw once; log densities are those of the ring, computed here by hand.
    const reader = await connection.runAndReadAll(`
      WITH d AS (SELECT * FROM read_parquet('${files}')),
      e AS (SELECT *, ln((SELECT sum(exp(-((z[1] - 4 * cos(k * pi() / 2)) ** 2
        + (z[2] - 4 * sin(k * pi() / 2)) ** 2) / 2)) FROM range(4) r(k)) / (4 * 2 * pi())) AS expected FROM d)
      SELECT count(*)::INT AS n, count(DISTINCT (chain, draw))::INT AS distinct_n, min(draw)::INT AS first,
        max(draw)::INT AS last, max(abs(log_density - expected)) AS error,
        bool_and(accepted = (jump > 0)) AS jumps, bool_and((direction <> 0) = accepted) AS directions
      FROM e`);
    const [row] = reader.getRowObjectsJS();
    connection.closeSync();
    instance.closeSync();
    expect(row).toMatchObject({ n: CHAINS * DRAWS, distinct_n: CHAINS * DRAWS, first: 0, last: DRAWS - 1 });
    expect(row).toMatchObject({ jumps: true, directions: true });
    expect(row!.error).toBeLessThan(1e-9);
  });

  it('has the same bytes after kill -9 in the training, in a segment and between segments', async () => {
    // A folder of its own for every try: what a failed one left is finished already.
    const wild = `wild-${Date.now()}`;
    const running = start(wild);
    await killAll(await standOnce(running.pid, () => checkpoint(wild, 'training')));
    expect(parts(wild), 'parts before the kill').toEqual([]);
    // Some parts are there and some are not: the worker dies in the middle of segments, or between two.
    for (const count of [1, 5]) {
      const workers = await standOnce(running.pid, () => parts(wild).length >= count);
      expect(parts(wild).length, 'parts before the kill').toBeLessThan(10);
      await killAll(workers);
    }
    const end = await running.end;
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.restarts).toBeGreaterThanOrEqual(1);
    expect(halfWritten(folderOf(wild))).toEqual([]);
    expect(tableHashes(folderOf(wild))).toEqual(calm);
  });

  it('has the same bytes when the command was killed and run again, by two workers', async () => {
    const running = start('twice');
    const workers = await standOnce(running.pid, () => parts('twice').length > 1);
    await killAll([running.pid, ...workers]);
    expect((await running.end).signal).toBe('SIGKILL');
    const end = await start('twice', '--processes', '2').end;
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).toContain('going on with run chains');
    expect(tableHashes(folderOf('twice'))).toEqual(calm);
  });

  it('pauses between segments, goes on, and takes more draws on its way', async () => {
    const running = start('steered', '--set', `sample.draws=60`, '--set', 'run=steered');
    const folder = join(home.runs, 'steered', 'steered');
    const place = ['--out', join(home.runs, 'steered')];
    await expect.poll(() => existsSync(join(folder, 'checkpoints')), { timeout: 120_000 }).toBe(true);
    const pause = await whileWorkersStand(running.pid, () => home.tessera(['pause', 'steered', ...place]));
    expect(pause.code, pause.stderr).toBe(0);
    await expect
      .poll(async () => (await askProgress(home, 'steered')).paused, { timeout: 30_000 })
      .toBe(true);
    const extended = await home.tessera(['extend', 'steered', '--draws', String(DRAWS - 60), ...place]);
    expect(extended.code, extended.stderr).toBe(0);
    expect((await home.tessera(['resume', 'steered', ...place])).code).toBe(0);
    const end = await running.end;
    expect(end.code, end.stderr).toBe(0);
    expect(manifestOf(folder).chains!.draws).toBe(DRAWS);
  });

  it('extended after its end, has the draws of a run that was longer from the start', async () => {
    const short = ['--set', 'sample.draws=60', '--set', 'run=chains'];
    const first = await start('short', ...short).end;
    expect(first.code, first.stderr).toBe(0);
    const folder = folderOf('short');
    const before = tableHashes(folder);
    const args = ['extend', folder, '--draws', String(DRAWS - 60), '--processes', '1', '--json'];
    const end = await home.tessera(args);
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.output).toBe(folder);
    const after = tableHashes(folder);
    for (const name of Object.keys(before).filter((file) => file.startsWith('draws/')))
      expect(after[name]).toBe(before[name]);
    // 60 is a multiple of the segment, so parts and tables are those of the longer run.
    expect(after).toEqual(calm);
    const again = await start('short', ...short).end;
    expect(again.stderr).toContain('finished already');
  });

  it('finishes what release 0.1.0 began, as that release would have', async () => {
    const recorded = fileURLToPath(new URL('../golden/release-0.1.0/', import.meta.url));
    const folder = join(home.runs, 'older', 'begun');
    cpSync(join(recorded, 'begun'), folder, { recursive: true });
    const place = ['--out', join(home.runs, 'older'), '--json', '--processes', '1'];
    const end = await home.tessera(['run', join(recorded, 'begun', 'begun.yaml'), ...place]);
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.rows).toMatchObject({ draws: 80, training: 200, bounds: 2 });
    const where = join(recorded, 'ended.ckpt');
    const { history } = trainingOf(decodeCheckpoint(readFileSync(where), { where, sha256: sha256Of }));
    const rows = await parquetRows(join(folder, 'training.parquet'), { columns: 'elbo, grad_norm' });
    expect(rows).toEqual(
      history.map((row) => ({
        elbo: expect.closeTo(row.elbo, 5),
        grad_norm: expect.closeTo(row.grad_norm, 5),
      })),
    );
  });

  it('refuses a changed config', async () => {
    const changed = await start('calm', '--set', 'sample.thin=2').end;
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain('sample.thin');
  });

  it('weighs the regions of a net that its draws pass through, and compares them with a sweep of the same data', async () => {
    const rows = [0, 2000];
    const examples = join(EXAMPLES, 'metflow');
    const sweep = await finishedSweep(home, join(examples, 'narrow-sweep.yaml'), { 'dataset.rows': rows });
    const small = { 'sample.draws': 100, 'sample.chains': 8, 'sample.checkpointEvery': 50 };
    const config = join(examples, 'latent-prior.yaml');
    const coded = await finishedSweep(home, config, { ...small, run: 'coded', 'regions.dataset.rows': rows });
    const text = readFileSync(config, 'utf8').replace(/ {2}dataset:\n(?: {4}.*\n)+/, `  sweep: ${sweep}\n`);
    const against = join(home.folder, 'against.yaml');
    writeFileSync(against, text.replaceAll(/: (vae-decoder|narrow)[.]onnx/g, `: ${examples}/$1.onnx`));
    const swept = await finishedSweep(home, against, { ...small, run: 'swept' });
    const columns = 'estimate, span, kind, hex(digest) AS digest, mass, visits, data_count';
    const table = (folder: string) => parquetRows(join(folder, 'region_mass.parquet'), { columns });
    const ofTrained = (each: Awaited<ReturnType<typeof table>>) =>
      each.filter(({ estimate }) => estimate !== 'random_init');
    const masses = await table(coded);
    // Codes of the data counted here are those that the sweep counted.
    expect(ofTrained(await table(swept))).toEqual(ofTrained(masses));
    const draws = await parquetRows(join(coded, 'draws', '*.parquet'), { columns: 'hex(digest) AS digest' });
    const counts = new Map<unknown, bigint>();
    for (const { digest } of draws) counts.set(digest, (counts.get(digest) ?? 0n) + 1n);
    const network = masses.filter(({ estimate, span }) => estimate === 'chains' && span === 'network');
    const own = network.filter(({ kind }) => kind === 'region');
    expect(own.length).toBeGreaterThan(20);
    for (const { digest, visits } of own) expect(visits).toBe(counts.get(digest) ?? 0n);
    const whole = network.filter(({ kind }) => kind !== 'unseen');
    expect(whole.reduce((sum, { mass }) => sum + (mass as number), 0)).toBeCloseTo(1, 12);
    expect(whole.reduce((sum, { data_count: count }) => sum + (count as bigint), 0n)).toBe(2000n);
    const summary = await parquetRows(join(coded, 'region_summary.parquet'), { columns: 'estimate, span' });
    expect(summary).toHaveLength(9);
  });

  it('samples inside a network: the mass of a region by levels is what draws of the Gaussian count; activations', async () => {
    const { model, point, data, expected } = makeSmallNet(home.folder, 300_000);
    const inside = join(home.folder, 'inside.yaml');
    const text = (target: object, kernels: object[]) => {
      const sample = { chains: 4, warmup: 50, draws: 800, checkpointEvery: 400 };
      const regions = { most: 20, controls: ['base_law'] };
      return JSON.stringify({
        kind: 'metflow',
        seed: 4,
        target,
        kernels,
        sample,
        model: { file: model },
        regions,
      });
    };
    const npy = (file: string) => ({ format: 'npy', data: file });
    const walled = [{ type: 'reflective' }, { type: 'hit_and_run', lines: 3 }];
    const levels = { name: 'polytope_levels', model, dataset: npy(point), unitsPerLevel: 1, leastShare: 0.2 };
    writeFileSync(inside, text(levels, walled));
    const rare = await finishedSweep(home, inside, { run: 'rare' });
    const rows = await parquetRows(join(rare, 'level_mass.parquet'), {
      columns: 'units, log_mass, log_mass_se',
    });
    for (const [units, { logMass, error }] of expected.entries()) {
      if (units === 0) continue;
      // The first level of so many units fixes them; those behind it draw further walls nearer.
      const row = rows.find((each) => each.units === units)!;
      const apart = (row.log_mass as number) - logMass;
      expect(Math.abs(apart), `${units} units`).toBeLessThan(
        4.5 * Math.hypot(error, row.log_mass_se as number),
      );
    }
    const energy = { name: 'activation_energy', model, tap: 'p0', class: 1, dataset: npy(data) };
    writeFileSync(inside, text(energy, [{ type: 'hmc', steps: 5 }]));
    const active = await finishedSweep(home, inside, { run: 'active' });
    const masses = await parquetRows(join(active, 'region_mass.parquet'), {
      columns: 'estimate, span, kind, mass',
    });
    for (const estimate of ['chains', 'base_law']) {
      const own = masses.filter(
        (row) => row.estimate === estimate && row.span === 'network' && row.kind !== 'unseen',
      );
      expect(own.length, estimate).toBeGreaterThan(5);
      expect(own.reduce((sum, { mass }) => sum + (mass as number), 0)).toBeCloseTo(1, 12);
    }
  });

  it("samples a target of the user's own in workers, whose code is a bundle", async () => {
    const config = join(EXAMPLES, 'metflow', 'own-target.yaml');
    const sets = ['train.steps=5', 'sample.warmup=5', 'sample.draws=20'].flatMap((set) => ['--set', set]);
    const end = await home.tessera(['run', config, '--out', home.runs, '--json', '--allow-code', ...sets]);
    expect(end.code, end.stderr).toBe(0);
    expect(end.json!.rows).toMatchObject({ draws: 16 * 20, bounds: 2 });
    const manifest = manifestOf(join(home.runs, 'own-target'));
    expect(manifest.files!.map(({ key }) => key)).toEqual(['target.module']);
  });

  it('leaves no process behind', async () => {
    await home.tessera(['down']);
    await expect.poll(() => processesOf(home.folder).length, { timeout: 20_000 }).toBe(0);
  });
});
