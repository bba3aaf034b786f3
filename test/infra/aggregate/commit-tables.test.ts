// From messages to tables: what the tables say equals a brute-force count.

import { describe, expect, test } from 'vitest';
import { summariseRun } from '../../../infra/aggregate/summarise-run.ts';
import { aggregate, commit, freshRun, inOrder, makeRoot, OPTIONS, PLAN, query } from './run-fixture.ts';
import type { SyntheticOptions } from './synthetic-log.ts';
import { syntheticMessages, syntheticPlan, syntheticRows } from './synthetic-log.ts';

makeRoot();

describe('aggregation and commit', () => {
  test('count every code of every span as a brute-force count does', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    expect((await commit(runDir)).rows).toMatchObject({ points: 900, layers: 3, units: 50, runs: 1 });
    const { words, labels } = syntheticRows(PLAN, OPTIONS, 0, 900);
    const expected = new Map<string, { count: number; first: number; classes: Map<number, number> }>();
    for (let row = 0; row < 900; row++) {
      const codes = words.map((tap) =>
        Buffer.from(tap.slice((row * tap.length) / 900, ((row + 1) * tap.length) / 900).buffer)
          .toString('hex')
          .toUpperCase(),
      );
      for (const [span, code] of [
        ['layer0', codes[0]],
        ['layer1', codes[1]],
        ['network', codes.join('')],
      ]) {
        const region = expected.get(`${span} ${code}`) ?? { count: 0, first: row, classes: new Map() };
        expected.set(`${span} ${code}`, region);
        region.count++;
        region.classes.set(labels[row]!, (region.classes.get(labels[row]!) ?? 0) + 1);
      }
    }
    const found = await query(
      `SELECT span, hex(words) AS words, "count", first_point_id, class_ids, class_counts, purity, entropy_bits, hex(digest) AS digest FROM '${runDir}/regions/*.parquet'`,
    );
    expect(found.length).toBe(expected.size);
    for (const row of found) {
      const region = expected.get(`${row.span} ${row.words}`)!;
      const classes = [...region.classes].sort(([a], [b]) => a - b);
      expect(row).toMatchObject({ count: region.count, first_point_id: region.first });
      expect(row.class_ids).toEqual(classes.map(([id]) => id));
      expect(row.class_counts).toEqual(classes.map(([, count]) => count));
      const shares = classes.map(([, count]) => count / region.count);
      expect(row.purity).toBeCloseTo(Math.max(...shares), 6);
      expect(row.entropy_bits).toBeCloseTo(
        shares.reduce((sum, p) => sum - p * Math.log2(p), 0),
        5,
      );
    }
    const key = (row: Record<string, unknown>) =>
      [row.span, String(1e6 - Number(row.count)).padStart(7, '0'), row.digest].join(' ');
    expect(found.map(key)).toEqual(found.map(key).sort());
  });

  test('write the points in order with labels, names and the digests that the regions have', async () => {
    const runDir = await freshRun();
    await aggregate(runDir, { partitions: inOrder() });
    await commit(runDir);
    const points = await query(
      `SELECT * EXCLUDE (digest_layer0, digest_layer1, digest_network) FROM '${runDir}/points/*.parquet'`,
    );
    const { labels } = syntheticRows(PLAN, OPTIONS, 0, 900);
    expect(
      points.map((row) => [row.point_id, row.source_id, row.label, row.label_name, row.context, row.run_id]),
    ).toEqual(
      Array.from(labels, (label, row) => [
        row,
        `synthetic.npy:${row}`,
        label,
        `class ${label}`,
        null,
        'synthetic',
      ]),
    );
    const unmatched = await query(`
      SELECT count(*) AS n FROM '${runDir}/points/*.parquet' p ANTI JOIN '${runDir}/regions/*.parquet' r
      ON r.span = 'network' AND r.digest = p.digest_network`);
    expect(unmatched).toEqual([{ n: '0' }]);
    const exemplars = await query(`
      SELECT count(*) AS n, count(*) FILTER (p.digest_layer1 != r.digest) AS wrong
      FROM (SELECT digest, unnest(exemplar_point_ids) AS id FROM '${runDir}/regions/*.parquet' WHERE span = 'layer1') r
      JOIN '${runDir}/points/*.parquet' p ON p.point_id = r.id`);
    expect(exemplars[0]!.wrong).toBe('0');
    expect(Number(exemplars[0]!.n)).toBeGreaterThan(150);
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
    expect(Object.keys(columns!)).toEqual(
      expect.arrayContaining(['words_layer0', 'words_layer1', 'digest_network']),
    );
    expect(columns).toMatchObject({ label: null, label_name: null, split: null });
    const layers = await query(
      `SELECT name, participation_ratio IS NULL AS no_sample, h_code_bits > 5 AS entropy FROM '${runDir}/layers.parquet' ORDER BY layer_id`,
    );
    expect(layers.map((row) => row.no_sample)).toEqual([false, false, true]);
    expect(layers.map((row) => row.entropy)).toEqual([true, true, true]);
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
      const key = words
        .map((tap) => tap.slice((row * tap.length) / 900, ((row + 1) * tap.length) / 900).join())
        .join();
      groups.set(key, [...(groups.get(key) ?? []), labels[row]!]);
    }
    const big = [...groups.values()].filter((group) => group.length > 1);
    const most = (group: readonly number[]) =>
      Math.max(...[0, 1, 2].map((id) => group.filter((label) => label === id).length));
    const points = big.reduce((sum, group) => sum + group.length, 0);
    expect(network).toMatchObject({
      points: 900,
      regions: groups.size,
      singletons: groups.size - big.length,
      units: 50,
    });
    expect(network.purity).toBeCloseTo(big.reduce((sum, group) => sum + most(group), 0) / points, 6);
    // Three equal classes dealt at random: regions of two points alone would give 2/3, large ones tend to
    // 1/3.
    expect(network.chancePurity).toBeGreaterThan(1 / 3);
    expect(network.chancePurity).toBeLessThan(2 / 3);
    expect(network.purity! - network.chancePurity!).toBeGreaterThan(0.2);
  });
});
