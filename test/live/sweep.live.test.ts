// The invariant: one config gives one set of bytes, whoever computes it, and a run can be watched, held,
// cancelled and taken up again.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runEvent } from '#schemas/run-events.ts';
import { type LiveHome, MNIST, startHome } from './live-home.ts';
import { whileWorkersStand } from './process-table.ts';
import { askProgress, doneSamplesOf, encodersUnderWay } from './progress-query.ts';
import { EXAMPLES, setOptions } from './recorded-codes.ts';
import { filesBelow, finalTables, halfWritten, manifestOf, tableHashes } from './run-files.ts';
import { tableRows } from './table-rows.ts';
import type { CommandEnd, RunningCommand } from './tessera-command.ts';

const CONFIG = join(EXAMPLES, 'mnist-mlp/sweep.yaml');
const ROWS = 20_000;
const DIGITS = { run: 'digits', 'dataset.rows': [0, ROWS] };
/** Many small messages, so that there is time to steer. */
const SLOW_ROWS = 10_000;
const SLOW = { run: 'slow', 'dataset.rows': [0, SLOW_ROWS], 'stream.batchRows': 2, 'dataset.shardRows': 500 };

describe('a sweep of 20,000 digits', () => {
  let home: LiveHome;
  let first: CommandEnd;
  let started: number;

  beforeAll(async () => {
    home = await startHome('sweep', { workers: 0 });
    started = Date.now();
    first = await home.tessera(args(DIGITS, 'first'));
  });

  afterAll(() => home.close());

  function args(sets: Readonly<Record<string, unknown>>, out: string, ...more: string[]): string[] {
    return ['run', CONFIG, '--out', join(home.runs, out), '--json', ...setOptions(sets), ...more];
  }

  const folder = (out: string, run = 'digits') => join(home.runs, out, run);

  it('finishes with one row per digit and says so in its last line', () => {
    expect(first.code, first.stderr).toBe(0);
    expect(first.json).toMatchObject({
      run: 'digits',
      status: 'done',
      output: folder('first'),
      exitCode: 0,
      rows: { points: ROWS, layers: 3, units: 256, runs: 1 },
    });
    expect(finalTables(folder('first'))).toEqual([
      'runs.parquet',
      'layers.parquet',
      'units.parquet',
      'points',
      'regions',
    ]);
    expect(halfWritten(folder('first'))).toEqual([]);
    expect(filesBelow(folder('first')).filter((file) => file.startsWith('segments'))).toEqual([]);
  });

  it('tells programs what happens, one event a line and nothing else, up to the finished one', () => {
    const events = first.stdout
      .trimEnd()
      .split('\n')
      .map((line) => runEvent.parse(JSON.parse(line)));
    expect(events[0]).toMatchObject({ event: 'started', how: 'started', kind: 'sweep', run: 'digits' });
    expect(events.at(-1)).toMatchObject({ event: 'finished', status: 'done', rows: { points: ROWS } });
    const stages = events.flatMap((event) => (event.event === 'stage' ? [event.stage] : []));
    expect(stages.length).toBeGreaterThan(0);
    expect(new Set(stages).size).toBe(stages.length);
    const done = events.flatMap((event) => (event.event === 'progress' ? [event.done] : []));
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    const times = events.map(({ time }) => Date.parse(time));
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("names the run's page at the Temporal server", async () => {
    const [, page = ''] = /its page: (http\S+)/.exec(first.stderr) ?? [];
    expect(page).toContain(encodeURIComponent('tessera/run/digits'));
    expect((await fetch(page)).status).toBe(200);
  });

  it('keeps every digit under its number with its label', async () => {
    const rows = await tableRows(folder('first'), 'points', { columns: 'point_id, source_id, label' });
    const labels = readFileSync(join(MNIST, 'train-labels-idx1-ubyte')).subarray(8);
    expect(rows).toEqual(
      Array.from({ length: ROWS }, (_, i) => ({
        point_id: i,
        source_id: `train-images-idx3-ubyte#${i}`,
        label: labels[i],
      })),
    );
  });

  it('writes in run.json what was run, when, on what and with what', async () => {
    const manifest = manifestOf(folder('first'));
    expect(manifest).toMatchObject({ runId: 'digits', kind: 'sweep', status: 'done', skipped: [] });
    expect(manifest.config).toMatchObject({ dataset: { rows: [0, ROWS] } });
    expect(manifest.rows).toEqual(first.json!.rows);
    for (const hash of [manifest.configSha256, manifest.model!.sha256, manifest.data!.sha256])
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(manifest.data!.files.map(({ bytes }) => bytes)).toContain(47_040_016);
    expect(manifest.versions['node']).toBe(process.versions.node);
    const [created, finished] = [manifest.createdAt, manifest.finishedAt!].map((time) =>
      Date.parse(time),
    ) as [number, number];
    expect(created).toBeGreaterThanOrEqual(started);
    expect(finished).toBeGreaterThanOrEqual(created);
    expect(manifest.seconds).toBeGreaterThan(0);
    const [run] = await tableRows(folder('first'), 'runs');
    expect(run).toMatchObject({
      run_id: 'digits',
      n_points: ROWS,
      created_at: null,
      wall_ms: null,
      model_sha256: manifest.model!.sha256,
      exact: true,
    });
  });

  it('says that it is finished already when it is run again, and changes nothing', async () => {
    const before = tableHashes(folder('first'));
    const again = await home.tessera(args(DIGITS, 'first'));
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('run digits is finished already');
    expect(again.json).toMatchObject({ status: 'done', rows: first.json!.rows });
    expect(tableHashes(folder('first'))).toEqual(before);
  });

  it('refuses another config under the same id and shows the difference', async () => {
    const other = await home.tessera(args({ ...DIGITS, 'dataset.rows': [0, 19_999], seed: 7 }, 'first'));
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('dataset.rows: [0,20000] → [0,19999]');
    expect(other.stderr).toContain('seed: 0 → 7');
    expect(other.json).toMatchObject({ exitCode: 2, fault: { kind: 'run-config-mismatch' } });
  });

  it('gives the same bytes with two worker processes', async () => {
    const end = await home.tessera(args(DIGITS, 'two', '--processes', '2'));
    expect(end.code, end.stderr).toBe(0);
    expect(tableHashes(folder('two'))).toEqual(tableHashes(folder('first')));
  });

  it('gives the same bytes however the data set and the log are cut', async () => {
    const sets = { ...DIGITS, 'dataset.shardRows': 1000, 'stream.batchRows': 300, 'stream.partitions': 3 };
    const end = await home.tessera(args(sets, 'cut'));
    expect(end.code, end.stderr).toBe(0);
    expect(tableHashes(folder('cut'))).toEqual(tableHashes(folder('first')));
  });

  it('stands still while paused and goes on when resumed', async () => {
    const running = home.start(args(SLOW, 'paused'));
    await doneRowsOf(1000);
    expect(await askProgress(home, 'slow')).toMatchObject({
      runId: 'slow',
      phase: 'encoding',
      samples: SLOW_ROWS,
      points: SLOW_ROWS,
      paused: false,
    });
    const pause = await whileWorkersStand(running.pid, () => home.tessera(['pause', 'slow', '--json']));
    expect(pause.json).toMatchObject({ run: 'slow', sent: 'pause' });
    await expect.poll(() => encodersUnderWay(home, 'slow'), { timeout: 30_000 }).toBe(0);
    const held = await askProgress(home, 'slow');
    expect(held.paused).toBe(true);
    expect(held.doneSamples).toBeGreaterThan(0);
    expect(held.doneSamples).toBeLessThan(SLOW_ROWS);
    await sleep(2000);
    expect(await askProgress(home, 'slow')).toEqual(held);
    const status = await home.tessera(['status', 'slow', '--json']);
    expect(status.json).toMatchObject({ status: 'paused', rows: SLOW_ROWS, doneRows: held.doneSamples });
    expect((await home.tessera(['resume', 'slow'])).code).toBe(0);
    const end = await running.end;
    expect(end.code, end.stderr).toBe(0);
    expect(end.json).toMatchObject({ status: 'done', rows: { points: SLOW_ROWS } });
  });

  /** Resolves when that many rows are encoded. */
  function doneRowsOf(rows: number): Promise<void> {
    return expect.poll(() => doneSamplesOf(home, 'slow'), { timeout: 120_000 }).toBeGreaterThanOrEqual(rows);
  }

  it('can be cancelled, and the same command takes it up to the same bytes', async () => {
    const running: RunningCommand = home.start(args(SLOW, 'cancelled'));
    await doneRowsOf(1000);
    const cancel = await whileWorkersStand(running.pid, () => home.tessera(['cancel', 'slow', '--json']));
    expect(cancel.json).toMatchObject({ run: 'slow', sent: 'cancel' });
    const end = await running.end;
    expect(end.code).toBe(130);
    expect(end.json).toMatchObject({ status: 'cancelled', exitCode: 130 });
    expect(manifestOf(folder('cancelled', 'slow')).status).toBe('cancelled');
    expect(finalTables(folder('cancelled', 'slow'))).toEqual([]);
    expect(halfWritten(folder('cancelled', 'slow'))).toEqual([]);

    const again = await home.tessera(args(SLOW, 'cancelled'));
    expect(again.code, again.stderr).toBe(0);
    expect(tableHashes(folder('cancelled', 'slow'))).toEqual(tableHashes(folder('paused', 'slow')));
  });
});
