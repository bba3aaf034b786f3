// The bytes of every table depend on the run's rows only, not on what happened on the way.

import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SEGMENT_REGION_COLUMNS } from '#schemas/columns/segments.ts';
import { TABLES } from '#schemas/columns/tables.ts';
import { compactSegments } from '../../../infra/aggregate/compact-segments.ts';
import { runCommitTask } from '../../../infra/aggregate/commit-task.ts';
import { PartitionAggregator } from '../../../infra/aggregate/partition-aggregator.ts';
import { listSegments, segmentPath } from '../../../infra/aggregate/segment-files.ts';
import type { ColumnBlock } from '../../../infra/arrow/column-block.ts';
import { openParquet, readBlocks, writeParquet } from '../../../infra/parquet/parquet-file.ts';
import {
  aggregate,
  commit,
  freshRun,
  inOrder,
  LOG,
  makeRoot,
  OPTIONS,
  PLAN,
  tableHashes,
  undisturbed,
} from './run-fixture.ts';
import { syntheticMessages, syntheticPlan } from './synthetic-log.ts';

makeRoot();

describe('aggregation and commit', () => {
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
      mostSegments: fc.constantFrom(1, 1000),
    });
    await fc.assert(
      fc.asyncProperty(
        disturbance,
        async ({ order, repeats, cuts, segmentBytes, stretchRows, memoryBytes, mostSegments }) => {
          const runDir = await freshRun();
          const log = [...order, ...repeats].map((i) => LOG[i]!);
          for (const [i, at] of repeats.toReversed().entries()) log.splice(repeats[i]!, 0, LOG[at]!);
          await aggregate(runDir, { partitions: inOrder(PLAN, log), cuts, segmentBytes });
          await commit(runDir, { mostSegments, merge: { stretchRows, memoryBytes } });
          expect(await tableHashes(runDir)).toEqual(expected);
          await rm(runDir, { recursive: true });
        },
      ),
      { numRuns: 6, endOnFailure: true },
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

  test('merge very many segments in passes, whichever of them an interrupted commit had merged', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    const dir = join(runDir, 'segments');
    const everyThird = LOG.flatMap((_, i) => (i % 3 === 0 ? [i] : []));
    await aggregate(runDir, { partitions: inOrder(), cuts: everyThird });
    const before = await listSegments(dir, 0, PLAN);
    expect(before.length).toBeGreaterThan(10);
    // Of one merged segment only the parts before its regions are there: it does not count yet.
    await compactSegments({ dir, plan: PLAN, most: 4, fanIn: 7 });
    const [first] = await listSegments(dir, 0, PLAN);
    expect(first!.note.to).toBeGreaterThan(before[0]!.note.to);
    await rm(segmentPath(dir, 'regions', first!.note));
    expect(await listSegments(dir, 0, PLAN)).not.toContainEqual(first);
    await commit(runDir, { mostSegments: 2 });
    expect(await tableHashes(runDir)).toEqual(expected);
  });

  test('read segments whose row groups have another size, as an older version left them', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    const dir = join(runDir, 'segments');
    await aggregate(runDir, { partitions: inOrder(), cuts: [10] });
    for (const { note } of (await Promise.all([0, 1].map((each) => listSegments(dir, each, PLAN)))).flat()) {
      const path = segmentPath(dir, 'regions', note);
      await using reader = await openParquet(path, SEGMENT_REGION_COLUMNS);
      const metadata = { 'tessera:segment': reader.metadata.get('tessera:segment')! };
      const blocks: ColumnBlock[] = [];
      for await (const block of readBlocks(path, SEGMENT_REGION_COLUMNS)) blocks.push(block);
      await writeParquet(path, {
        columns: SEGMENT_REGION_COLUMNS,
        blocks,
        metadata,
        use: 'segment',
        groupRows: 7,
      });
    }
    await commit(runDir);
    expect(await tableHashes(runDir)).toEqual(expected);
  });

  test('cut wide codes into smaller row groups, and give the same bytes however they were cut and spilled', async () => {
    const options = { ...OPTIONS, tapBits: [65_536], rows: 500, inputs: 450, keep: 'words' } as const;
    const whole = syntheticPlan(options);
    const plan = { ...whole, spans: whole.spans.slice(0, 1) };
    const log = [...syntheticMessages(plan, options)].flat();
    const hashes = [];
    for (const [cuts, merge] of [
      [[], {}],
      [[3, 5], { stretchRows: 40, memoryBytes: 0 }],
    ] as const) {
      const runDir = await freshRun();
      await aggregate(runDir, { plan, partitions: inOrder(plan, log), cuts });
      const [first] = await listSegments(join(runDir, 'segments'), 0, plan);
      for (const part of ['regions', 'points'] as const) {
        const path = segmentPath(join(runDir, 'segments'), part, first!.note);
        await using reader = await openParquet(path, []);
        expect(reader.groupRows).toBeLessThanOrEqual(128);
        if (cuts.length === 0) expect(reader.rowGroups).toBeGreaterThan(1);
      }
      await commit(runDir, { plan, merge });
      hashes.push(await tableHashes(runDir));
    }
    expect(hashes[1]).toEqual(hashes[0]);
  });

  test('go on behind a gap in the log, and know what was in it', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    const dir = join(runDir, 'segments');
    const [first, second] = inOrder();
    const aggregator = await PartitionAggregator.open({ dir, partition: 0, plan: PLAN });
    await aggregator.add(first!.slice(0, 4));
    await aggregator.skipTo(9n);
    const again = await PartitionAggregator.open({ dir, partition: 0, plan: PLAN });
    expect(again.nextOffset).toBe(9n);
    await again.add(first!.slice(9));
    const lost = new Set(first!.slice(4, 9).map(({ headers }) => headers.shard));
    expect(again.missing()).toEqual([...lost].sort((a, b) => a - b));
    // Sent once more, behind the end of the log.
    const end = BigInt(first!.length);
    await again.add(first!.slice(4, 9).map((message, i) => ({ ...message, offset: end + BigInt(i) })));
    expect(again.complete).toBe(true);
    await again.flush();
    const other = await PartitionAggregator.open({ dir, partition: 1, plan: PLAN });
    await other.add(second!);
    await other.flush();
    await commit(runDir);
    expect(await tableHashes(runDir)).toEqual(expected);
  });

  test('survive a crash between any two files of a segment or a commit', async () => {
    const expected = await undisturbed();
    const runDir = await freshRun();
    const segments = join(runDir, 'segments');
    await aggregate(runDir, { partitions: inOrder(), cuts: [10] });
    // A segment without its regions file never happened; half-written files are cleaned away.
    const [, last] = await listSegments(segments, 0, PLAN);
    const names = (await readdir(segments)).filter(
      (name) =>
        name.includes('-p0000-') && name.endsWith(`${String(last!.note.to).padStart(15, '0')}.parquet`),
    );
    await rm(join(segments, names.find((name) => name.startsWith('regions'))!));
    await writeFile(join(segments, 'regions-p0000-000000000000010-000000000000099.parquet.x.tmp'), 'half');
    await expect(commit(runDir)).rejects.toThrow('do not hold every batch');
    await mkdir(join(runDir, '.commit-killed'));
    const again = await PartitionAggregator.open({ dir: segments, partition: 0, plan: PLAN });
    expect(again.nextOffset).toBe(10n);
    expect(again.missingBatches(1)).not.toEqual([]);
    expect((await readdir(segments)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await again.add(inOrder()[0]!.slice(10));
    await again.flush();
    await mkdir(join(runDir, 'regions'));
    await writeFile(join(runDir, 'regions', 'stale.parquet'), 'from a commit that was killed while renaming');
    await commit(runDir);
    expect(await tableHashes(runDir)).toEqual(expected);
    expect((await readdir(runDir)).sort()).toEqual([
      '.commit.json',
      'layers.parquet',
      'points',
      'regions',
      'runs.parquet',
      'units.parquet',
    ]);
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
    await commit(runDir, { runTask: async (options) => structuredClone(await runCommitTask(options)) });
    expect(await tableHashes(runDir)).toEqual(expected);
  });
});
