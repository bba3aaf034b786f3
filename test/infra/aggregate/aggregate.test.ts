// From messages to tables: counts equal a brute-force count, and the bytes do not depend on what happened on the way.

import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TABLES } from '#schemas/columns/tables.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { ReceivedMessage } from '../../../activities/ports.ts';
import { commitRun } from '../../../infra/aggregate/commit-run.ts';
import type { CommitOptions } from '../../../infra/aggregate/commit-run.ts';
import { PartitionAggregator } from '../../../infra/aggregate/partition-aggregator.ts';
import { listSegments } from '../../../infra/aggregate/segment-files.ts';
import { summariseRun } from '../../../infra/aggregate/summarise-run.ts';
import { received, syntheticMessages, syntheticPlan, syntheticRows } from './synthetic-log.ts';
import type { SyntheticOptions } from './synthetic-log.ts';

const OPTIONS: SyntheticOptions = { rows: 900, inputs: 150 };
const PLAN = syntheticPlan(OPTIONS);
const LOG = [...syntheticMessages(PLAN, OPTIONS)].flat();

let root = '';
let runs = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'aggregate-'));
});
afterAll(() => rm(root, { recursive: true }));

async function freshRun(): Promise<string> {
  const runDir = join(root, `run-${runs++}`);
  await mkdir(runDir);
  return runDir;
}

interface Feed {
  readonly plan?: SweepPlan;
  /** Messages of each partition. */
  readonly partitions: readonly (readonly ReceivedMessage[])[];
  /** Segments are cut and the aggregator reopened before these places. */
  readonly cuts?: readonly number[];
  readonly segmentBytes?: number;
}

async function aggregate(runDir: string, { plan = PLAN, partitions, cuts = [], segmentBytes = 2 ** 27 }: Feed): Promise<void> {
  for (const [partition, messages] of partitions.entries()) {
    const open = () => PartitionAggregator.open({ dir: join(runDir, 'segments'), partition, plan, segmentBytes });
    let aggregator = await open();
    let from = 0;
    for (const cut of [...cuts, messages.length].sort((a, b) => a - b)) {
      await aggregator.add(messages.slice(from, cut));
      await aggregator.flush();
      aggregator = await open();
      // Less than the cut where the last messages were repeated ones: they are not worth a segment.
      expect(aggregator.nextOffset).toBeLessThanOrEqual(BigInt(cut));
      from = Number(aggregator.nextOffset);
    }
    expect(aggregator.missing()).toEqual([]);
    expect(aggregator.complete).toBe(true);
  }
}

async function tableHashes(runDir: string): Promise<Record<string, string>> {
  const names = await readdir(runDir, { recursive: true });
  const files = names.filter((name) => name.endsWith('.parquet') && !name.startsWith('segments')).sort();
  const hashes = await Promise.all(files.map(async (name) => createHash('sha256').update(await readFile(join(runDir, name))).digest('hex')));
  return Object.fromEntries(files.map((name, i) => [name, hashes[i]!]));
}

const commit = (runDir: string, more: Partial<CommitOptions> = {}) => commitRun({ runDir, plan: PLAN, codeVersion: '1', ...more });

const inOrder = (plan = PLAN, log = LOG) =>
  Array.from({ length: plan.config.stream.partitions }, (_, partition) => received(log, partition));

async function undisturbed(): Promise<Record<string, string>> {
  const runDir = await freshRun();
  await aggregate(runDir, { partitions: inOrder() });
  await commit(runDir);
  return tableHashes(runDir);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
  connection.closeSync();
  instance.closeSync();
  return rows as Record<string, unknown>[];
}

describe('aggregation and commit', () => {
  test('count every code of every span as a brute-force count does', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    expect((await commit(runDir)).rows).toMatchObject({ points: 900, layers: 3, units: 50, runs: 1 });
    const { words, labels } = syntheticRows(PLAN, OPTIONS, 0, 900);
    const expected = new Map<string, { count: number; first: number; classes: Map<number, number> }>();
    for (let row = 0; row < 900; row++) {
      const codes = words.map((tap) => Buffer.from(tap.slice((row * tap.length) / 900, ((row + 1) * tap.length) / 900).buffer).toString('hex').toUpperCase());
      for (const [span, code] of [['layer0', codes[0]], ['layer1', codes[1]], ['network', codes.join('')]]) {
        const region = expected.get(`${span} ${code}`) ?? { count: 0, first: row, classes: new Map() };
        expected.set(`${span} ${code}`, region);
        region.count++;
        region.classes.set(labels[row]!, (region.classes.get(labels[row]!) ?? 0) + 1);
      }
    }
    const found = await query(`SELECT span, hex(words) AS words, "count", first_point_id, class_ids, class_counts, purity, entropy_bits, hex(digest) AS digest FROM '${runDir}/regions/*.parquet'`);
    expect(found.length).toBe(expected.size);
    for (const row of found) {
      const region = expected.get(`${row['span']} ${row['words']}`)!;
      const classes = [...region.classes].sort(([a], [b]) => a - b);
      expect(row).toMatchObject({ count: region.count, first_point_id: region.first });
      expect(row['class_ids']).toEqual(classes.map(([id]) => id));
      expect(row['class_counts']).toEqual(classes.map(([, count]) => count));
      const shares = classes.map(([, count]) => count / region.count);
      expect(row['purity']).toBeCloseTo(Math.max(...shares), 6);
      expect(row['entropy_bits']).toBeCloseTo(shares.reduce((sum, p) => sum - p * Math.log2(p), 0), 5);
    }
    const key = (row: Record<string, unknown>) => [row['span'], String(1e6 - Number(row['count'])).padStart(7, '0'), row['digest']].join(' ');
    expect(found.map(key)).toEqual(found.map(key).sort());
  });

  test('write the points in order with labels, names and the digests that the regions have', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    await commit(runDir);
    const points = await query(`SELECT * EXCLUDE (digest_layer0, digest_layer1, digest_network) FROM '${runDir}/points/*.parquet'`);
    const { labels } = syntheticRows(PLAN, OPTIONS, 0, 900);
    expect(points.map((row) => [row['point_id'], row['source_id'], row['label'], row['label_name'], row['context'], row['run_id']])).toEqual(
      Array.from(labels, (label, row) => [row, `synthetic.npy:${row}`, label, `class ${label}`, null, 'synthetic']),
    );
    const unmatched = await query(`
      SELECT count(*) AS n FROM '${runDir}/points/*.parquet' p ANTI JOIN '${runDir}/regions/*.parquet' r
      ON r.span = 'network' AND r.digest = p.digest_network`);
    expect(unmatched).toEqual([{ n: '0' }]);
    const exemplars = await query(`
      SELECT count(*) AS n, count(*) FILTER (p.digest_layer1 != r.digest) AS wrong
      FROM (SELECT digest, unnest(exemplar_point_ids) AS id FROM '${runDir}/regions/*.parquet' WHERE span = 'layer1') r
      JOIN '${runDir}/points/*.parquet' p ON p.point_id = r.id`);
    expect(exemplars[0]!['wrong']).toBe('0');
    expect(Number(exemplars[0]!['n'])).toBeGreaterThan(150);
  });

  test('give the same bytes for any order, repetition and segmentation of the messages', async () => {
    const expected = await undisturbed();
    expect(Object.keys(expected).length).toBeGreaterThanOrEqual(TABLES.length);
    const messages = LOG.length;
    const disturbance = fc.record({
      order: fc.shuffledSubarray([...Array(messages).keys()], { minLength: messages }),
      repeats: fc.array(fc.nat(messages - 1), { maxLength: 60 }),
      cuts: fc.array(fc.nat(30), { maxLength: 6 }),
      segmentBytes: fc.constantFrom(2 ** 12, 2 ** 15, 2 ** 27),
      stretchRows: fc.constantFrom(7, 50, 1e6),
      memoryBytes: fc.constantFrom(0, 2000, 2 ** 26),
    });
    await fc.assert(
      fc.asyncProperty(disturbance, async ({ order, repeats, cuts, segmentBytes, stretchRows, memoryBytes }) => {
        const runDir = await freshRun();
        const log = [...order, ...repeats].map((i) => LOG[i]!);
        repeats.forEach((at, i) => log.splice(at, 0, LOG[repeats[repeats.length - 1 - i]!]!));
        await aggregate(runDir, { partitions: inOrder(PLAN, log), cuts, segmentBytes });
        await commit(runDir, { merge: { stretchRows, memoryBytes } });
        expect(await tableHashes(runDir)).toEqual(expected);
        await rm(runDir, { recursive: true });
      }),
      { numRuns: 10, endOnFailure: true },
    );
  });

  test('give the same regions and points for any number of partitions', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    const plan = syntheticPlan({ ...OPTIONS, partitions: 5 });
    const log = [...syntheticMessages(plan, { ...OPTIONS, partitions: 5 })].flat();
    await aggregate(runDir, { plan, partitions: inOrder(plan, log) });
    await commit(runDir, { plan });
    expect(await tableHashes(runDir)).toEqual(expected);
  });

  test('survive a crash between any two files of a segment or a commit', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    const segments = join(runDir, 'segments');
    await aggregate(runDir, { partitions: inOrder(), cuts: [10] });
    // A segment without its regions file never happened; half-written files are cleaned away.
    const [, last] = await listSegments(segments, 0, PLAN);
    const names = (await readdir(segments)).filter((name) => name.includes('-p0000-') && name.endsWith(`${String(last!.note.to).padStart(15, '0')}.parquet`));
    await rm(join(segments, names.find((name) => name.startsWith('regions'))!));
    await writeFile(join(segments, 'regions-p0000-000000000000010-000000000000099.parquet.x.tmp'), 'half');
    await expect(commit(runDir)).rejects.toThrow('do not hold every batch');
    await mkdir(join(runDir, '.commit-killed'));
    const again = await PartitionAggregator.open({ dir: segments, partition: 0, plan: PLAN });
    expect(again.nextOffset).toBe(10n);
    expect(again.missing(1)).not.toEqual([]);
    expect((await readdir(segments)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await again.add(inOrder()[0]!.slice(10));
    await again.flush();
    await mkdir(join(runDir, 'regions'));
    await writeFile(join(runDir, 'regions', 'stale.parquet'), 'from a commit that was killed while renaming');
    await commit(runDir);
    expect(await tableHashes(runDir)).toEqual(expected);
    expect((await readdir(runDir)).sort()).toEqual(['.commit.json', 'layers.parquet', 'points', 'regions', 'runs.parquet', 'units.parquet']);
  });

  test('count once what two aggregators of one partition cut differently', async () => {
    const expected = await undisturbed();
    const [one, two] = [await freshRun(), await freshRun()];
    await aggregate(one, { partitions: inOrder(), cuts: [4, 20] });
    await aggregate(two, { partitions: inOrder(), cuts: [9] });
    await cp(join(two, 'segments'), join(one, 'segments'), { recursive: true });
    await commit(one);
    expect(await tableHashes(one)).toEqual(expected);
  });

  test('give the same summary when repeated after they finished', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    const first = await commit(runDir);
    const hashes = await tableHashes(runDir);
    expect(await commit(runDir)).toEqual(first);
    expect(await tableHashes(runDir)).toEqual(hashes);
  });

  test('may run their tasks at once', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    const { runCommitTask } = await import('../../../infra/aggregate/commit-task.ts');
    await commit(runDir, { runTask: async (options) => structuredClone(await runCommitTask(options)) });
    expect(await tableHashes(runDir)).toEqual(expected);
  });

  test('leave out skipped batches and store wide spans as digests only', async () => {
    const options: SyntheticOptions = { ...OPTIONS, keep: 'words', wideSpan: 2, classes: 0 };
    const plan = syntheticPlan(options);
    const log = [...syntheticMessages(plan, options)].flat();
    const skipped = log.map((message) => {
      const { shard, batch } = message.headers;
      return shard === 1 && batch === 2 ? { ...message, value: new Uint8Array(0) } : message;
    });
    const runDir = await freshRun();
    await aggregate(runDir, { plan, partitions: inOrder(plan, skipped) });
    const { rows } = await commit(runDir, { plan });
    expect(rows.points).toBe(900 - 64);
    const spans = await query(`
      SELECT span, sum("count") AS points, bool_and(words IS NULL) AS wide, bool_and(purity IS NULL AND len(class_ids) = 0) AS unlabelled
      FROM '${runDir}/regions/*.parquet' GROUP BY span ORDER BY span`);
    expect(spans).toEqual([
      { span: 'layer0', points: '836', wide: false, unlabelled: true },
      { span: 'layer1', points: '836', wide: false, unlabelled: true },
      { span: 'network', points: '836', wide: true, unlabelled: true },
    ]);
    const [columns] = await query(`SELECT * FROM '${runDir}/points/*.parquet' WHERE point_id = 899`);
    expect(Object.keys(columns!)).toEqual(expect.arrayContaining(['words_layer0', 'words_layer1', 'digest_network']));
    expect(columns).toMatchObject({ label: null, label_name: null, split: null });
    const layers = await query(`SELECT name, participation_ratio IS NULL AS no_sample, h_code_bits > 5 AS entropy FROM '${runDir}/layers.parquet' ORDER BY layer_id`);
    expect(layers.map((row) => row['no_sample'])).toEqual([false, false, true]);
    expect(layers.map((row) => row['entropy'])).toEqual([true, true, true]);
  });
});

describe('PartitionAggregator', () => {
  test('refuses segments of another config', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    const other = { ...PLAN, configSha256: 'another' };
    const open = PartitionAggregator.open({ dir: join(runDir, 'segments'), partition: 0, plan: other });
    await expect(open).rejects.toMatchObject({ fault: { kind: 'run-config-mismatch' } });
  });

  test('names the messages that it still waits for, in plan order', async () => {
    const aggregator = await PartitionAggregator.open({ dir: join(root, 'none'), partition: 1, plan: PLAN });
    const own = inOrder()[1]!;
    await aggregator.add(own.filter(({ headers: { shard, batch } }) => shard !== 1 || batch !== 3));
    expect(aggregator.complete).toBe(false);
    expect(aggregator.missing()).toEqual([
      { kind: 'codes', shard: 1, batch: 3 },
      { kind: 'points', shard: 1, batch: 3 },
      { kind: 'units', shard: 1, batch: 3 },
    ]);
    expect(aggregator.missing(1)).toHaveLength(1);
  });

  test('drops what it has seen, before and after a restart', async () => {
    const runDir = await freshRun();
    const open = () => PartitionAggregator.open({ dir: join(runDir, 'segments'), partition: 0, plan: PLAN });
    const messages = inOrder()[0]!;
    const first = await open();
    expect((await first.add([...messages, ...messages])).dropped).toBe(messages.length);
    await first.flush();
    const second = await open();
    expect(await second.add(messages)).toEqual({ codeRows: 0, points: 0, dropped: messages.length, segments: 0 });
    expect(await second.flush()).toBe(false);
  });

  test('says which message is damaged', async () => {
    const aggregator = await PartitionAggregator.open({ dir: join(root, 'none'), partition: 0, plan: PLAN });
    const [message] = inOrder()[0]!;
    const cut = { ...message!, value: message!.value.slice(0, -400) };
    await expect(aggregator.add([cut])).rejects.toThrow('codes message of shard 0, batch 0');
  });
});

describe('summariseRun', () => {
  test('gives regions, purity and chance level per span from the files', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    await commit(runDir);
    const summary = await summariseRun(runDir);
    expect(summary).toMatchObject({ runId: 'synthetic', points: 900 });
    expect(summary.spans.map(({ span }) => span)).toEqual(['layer0', 'layer1', 'network']);
    const network = summary.spans[2]!;
    const { words, labels } = syntheticRows(PLAN, OPTIONS, 0, 900);
    const groups = new Map<string, number[]>();
    for (let row = 0; row < 900; row++) {
      const key = words.map((tap) => tap.slice((row * tap.length) / 900, ((row + 1) * tap.length) / 900).join()).join();
      groups.set(key, [...(groups.get(key) ?? []), labels[row]!]);
    }
    const big = [...groups.values()].filter((group) => group.length > 1);
    const most = (group: readonly number[]) => Math.max(...[0, 1, 2].map((id) => group.filter((label) => label === id).length));
    const points = big.reduce((sum, group) => sum + group.length, 0);
    expect(network).toMatchObject({ points: 900, regions: groups.size, singletons: groups.size - big.length, units: 50 });
    expect(network.purity).toBeCloseTo(big.reduce((sum, group) => sum + most(group), 0) / points, 6);
    // Three equal classes dealt at random: regions of two points alone would give 2/3, large ones tend to 1/3.
    expect(network.chancePurity).toBeGreaterThan(1 / 3);
    expect(network.chancePurity).toBeLessThan(2 / 3);
    expect(network.purity! - network.chancePurity!).toBeGreaterThan(0.2);
  });
});
