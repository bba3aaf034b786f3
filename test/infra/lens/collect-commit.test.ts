// The bytes of every table depend on the rows of the tasks only, not on what happened on their way.

import { access, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Experiment } from '../../../activities/experiments/experiment.ts';
import { type CommitSummary, commitExperiment } from '../../../infra/lens/commit-experiment.ts';
import { measuredTables } from '../../../infra/lens/lens-plan.ts';
import { PartitionCollector } from '../../../infra/lens/partition-collector.ts';
import { readRunTable } from '../../../infra/lens/read-table.ts';
import { tableHashes } from '../../live/run-files.ts';
import { plainManifest } from '../plain-manifest.ts';
import {
  allMessages,
  chunksOf,
  collectAll,
  EXPERIMENT,
  fakeExperiment,
  freshRun,
  lensPlan,
  logs,
  rowsOf,
  SMALL,
} from './lens-fixture.ts';

const TASKS = 17;
const PLAN = lensPlan({ tasks: TASKS, partitions: 3 });

function commit(runDir: string, experiment: Experiment = EXPERIMENT): Promise<CommitSummary> {
  const signal = new AbortController().signal;
  return commitExperiment({ runDir, plan: PLAN, experiment, codeVersion: '1', signal });
}

async function calmRun(): Promise<string> {
  const runDir = await freshRun();
  await collectAll(runDir, { plan: PLAN, parts: logs(PLAN, await allMessages(PLAN)) });
  return runDir;
}

/** Rows as the tasks made them, in the order that the tables promise. */
function expectedRows(): { task: number; chunk: number; row: number; half: number | null }[] {
  const rows = [];
  for (let task = 0; task < TASKS; task++)
    for (let chunk = 0; chunk < chunksOf(task); chunk++)
      for (let copy = 0; copy < 2; copy++)
        for (let row = 0; row < rowsOf(task, chunk); row++)
          rows.push({ task, chunk, row, half: row % 3 === 0 ? null : row / 2 });
  return rows;
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
  }
}

describe('collecting and committing rows', () => {
  it('keeps every row in the order of task, chunk and row, with the run behind it', async () => {
    const runDir = await calmRun();
    const { rows, notices } = await commit(runDir);
    const expected = expectedRows();
    expect(expected.length).toBeGreaterThan(300);
    expect(rows).toEqual({
      small_table: expected.length,
      // Of each four tasks one has two rows, one two, one four: 17 tasks have 4 x 8.
      parts: 32,
      points: 0,
      sums: 1,
      runs: 1,
      layers: 0,
      claims: 0,
    });
    expect(notices).toEqual(['concluded']);
    const path = join(runDir, SMALL.path);
    expect(await query(`SELECT task, chunk, "row", half FROM '${path}'`)).toEqual(expected);
    expect(await query(`SELECT DISTINCT run_id, even = ("row" % 2 = 0) AS ok FROM '${path}'`)).toEqual([
      { run_id: 'fake', ok: true },
    ]);
    expect(await query(`SELECT rows FROM '${join(runDir, 'sums.parquet')}'`)).toEqual([
      { rows: BigInt(expected.length) },
    ]);
    const lists = await query(`SELECT task, xs FROM '${join(runDir, 'parts/*.parquet')}' WHERE task < 2`);
    expect(lists).toEqual([
      { task: 1, xs: [1, 0] },
      { task: 1, xs: null },
    ]);
    expect((await readdir(runDir)).sort()).not.toContain('segments');
  });

  it('gives the same bytes for any order, repetition, segmentation and crash', async () => {
    const calm = await calmRun();
    await commit(calm);
    const expected = tableHashes(calm);
    expect(Object.keys(expected)).toHaveLength(7);
    const log = await allMessages(PLAN);
    const disturbance = fc.record({
      order: fc.shuffledSubarray([...log.keys()], { minLength: log.length }),
      repeats: fc.array(fc.nat(log.length - 1), { maxLength: 40 }),
      cuts: fc.array(fc.nat(40), { maxLength: 6 }),
      crashes: fc.array(fc.nat(40), { maxLength: 4 }),
      segmentBytes: fc.constantFrom(1, 2 ** 13, 2 ** 27),
    });
    await fc.assert(
      fc.asyncProperty(disturbance, async ({ order, repeats, ...how }) => {
        const runDir = await freshRun();
        const messages = [...order, ...repeats].map((i) => log[i]!);
        for (const [i, at] of repeats.entries())
          messages.splice(at, 0, log[repeats[(i + 1) % repeats.length]!]!);
        await collectAll(runDir, { plan: PLAN, parts: logs(PLAN, messages), ...how });
        await commit(runDir);
        expect(tableHashes(runDir)).toEqual(expected);
        await rm(runDir, { recursive: true });
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });

  it('survives a commit that was killed, and gives the same when it is repeated', async () => {
    const runDir = await calmRun();
    await mkdir(join(runDir, '.commit-killed'));
    await writeFile(join(runDir, '.commit-killed', SMALL.path), 'half');
    await writeFile(join(runDir, SMALL.path), 'published before the kill');
    const summary = await commit(runDir);
    const hashes = tableHashes(runDir);
    expect(await commit(runDir)).toEqual(summary);
    expect(tableHashes(runDir)).toEqual(hashes);
    await expect(access(join(runDir, '.commit-killed'))).rejects.toThrow();
  });

  it('does not count a segment without its index, and names the tasks that are missing', async () => {
    const runDir = await freshRun();
    const parts = logs(PLAN, await allMessages(PLAN));
    await collectAll(runDir, { plan: PLAN, parts, cuts: [3] });
    const segments = join(runDir, 'segments');
    const index = (await readdir(segments)).filter((name) => name.startsWith('index-p0001')).sort();
    expect(index).toHaveLength(2);
    await rm(join(segments, index[1]!));
    await expect(commit(runDir)).rejects.toThrow(/the segments do not hold every row/);
    const tables = measuredTables(EXPERIMENT);
    const collector = await PartitionCollector.open({ dir: segments, partition: 1, plan: PLAN, tables });
    expect(collector.nextOffset).toBe(4n);
    const whole = new Set(
      parts[1]!
        .slice(0, 4)
        .filter(({ headers }) => headers.kind === 'end')
        .map(({ headers }) => headers.shard),
    );
    expect(collector.missing()).toEqual([1, 4, 7, 10, 13, 16].filter((task) => !whole.has(task)));
  });

  it('misses a task whose end came without all of its rows', async () => {
    const runDir = await freshRun();
    const tables = measuredTables(EXPERIMENT);
    const collector = await PartitionCollector.open({
      dir: join(runDir, 'segments'),
      partition: 0,
      plan: PLAN,
      tables,
    });
    const own = logs(PLAN, await allMessages(PLAN))[0]!;
    const first = own.findIndex(({ headers }) => headers.kind !== 'end');
    await collector.add(own.filter((_, i) => i !== first));
    expect(collector.missing()).toEqual([own[first]!.headers.shard]);
    await collector.add([own[first]!]);
    expect(collector.missing()).toEqual([]);
  });

  it('refuses segments of another config', async () => {
    const runDir = await calmRun();
    const other = { ...PLAN, configSha256: 'other' };
    const tables = measuredTables(EXPERIMENT);
    await expect(
      PartitionCollector.open({ dir: join(runDir, 'segments'), partition: 0, plan: other, tables }),
    ).rejects.toMatchObject({ fault: { kind: 'run-config-mismatch' } });
  });

  it('lets the experiment read what its tasks wrote, missing values as null', async () => {
    const watched = { read: null as ArrayLike<unknown> | null, conclusion: {} };
    await commit(await calmRun(), fakeExperiment(watched as Parameters<typeof fakeExperiment>[0]));
    expect(Array.from(watched.read!)).toEqual(expectedRows().map(({ half }) => half));
  });

  it('refuses a conclusion that writes into a measured table, and claims keep their columns', async () => {
    const row = { table: 'parts', rows: 1, columns: { model: ['m'], task: [1], xs: [null] } };
    const twice = fakeExperiment({ read: null, conclusion: { rows: [row] } });
    await expect(commit(await calmRun(), twice)).rejects.toThrow('a table that tasks have written');
    const claim = {
      claim: 'c',
      experiment: 'paths',
      model: 'trained',
      span: 'network',
      effect: 0.5,
      ciLow: 0.25,
      ciHigh: 0.75,
      nullEffect: 0,
      pValue: null,
      verdict: 'too few',
      n: 3,
    } as const;
    const runDir = await calmRun();
    const { claims } = await commit(runDir, fakeExperiment({ read: null, conclusion: { claims: [claim] } }));
    const record = {
      claim: 'c',
      experiment: 'paths',
      model: 'trained',
      span: 'network',
      effect: 0.5,
      ci_low: 0.25,
      ci_high: 0.75,
      null_effect: 0,
      p_value: null,
      verdict: 'too few',
      n: 3,
    };
    expect(claims).toEqual([record]);
    const rows = await query(`SELECT * FROM '${join(runDir, 'claims.parquet')}'`);
    expect(rows).toEqual([{ ...record, run_id: 'fake' }]);
  });

  it('reads a finished run again by its folder, and no unfinished one', async () => {
    const runDir = await calmRun();
    await commit(runDir);
    await expect(readRunTable(runDir, 'parts', ['task'])).rejects.toMatchObject({
      fault: { kind: 'data-missing', where: 'runs' },
    });
    await writeFile(join(runDir, 'run.json'), JSON.stringify(plainManifest('fake', 'done')));
    const { rows, columns } = await readRunTable(runDir, 'small_table', ['task', 'digest', 'run_id']);
    const expected = expectedRows();
    expect(rows).toBe(expected.length);
    expect(columns['task']).toEqual(Int32Array.from(expected, ({ task }) => task));
    expect(columns['digest']![5]).toEqual(new Uint8Array(16).fill(expected[5]!.row));
    expect(columns['run_id']![0]).toBe('fake');
    await expect(readRunTable(runDir, 'small_table', ['none'])).rejects.toThrow('no column none');
    await expect(readRunTable(runDir, 'none', [])).rejects.toThrow('no such table (none)');
  });
});
