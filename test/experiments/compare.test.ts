// Comparison of runs whose tables are written by hand.

import { describe, expect, it } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { compare } from '../../activities/experiments/compare.ts';
import type { CompareConfig } from '../../activities/experiments/compared-runs.ts';
import type { Cell, MeasureContext, ReadTable, TableRows } from '../../activities/experiments/experiment.ts';

type Table = Readonly<Record<string, readonly Cell[]>>;
type Run = Readonly<Record<string, Table>>;

const config = { kind: 'lens', experiment: 'compare', seed: 2, runs: ['a', 'b'] } as unknown as CompareConfig;

function tableOf(table: Table | undefined, columns: readonly string[], name: string): ReadTable {
  if (table === undefined)
    throw new PipelineError({ kind: 'data-missing', what: 'the run has no such table', value: name });
  const missing = columns.find((column) => table[column] === undefined);
  if (missing !== undefined)
    throw new PipelineError({ kind: 'data-invalid', what: `the table has no column ${missing}` });
  return {
    rows: table[columns[0]!]!.length,
    columns: Object.fromEntries(columns.map((c) => [c, table[c]!])),
  };
}

async function compared(a: Run, b: Run) {
  const { signal } = new AbortController();
  const readRun: MeasureContext<CompareConfig, null>['readRun'] = async (dir, table, columns) =>
    tableOf((dir === 'a' ? a : b)[table], columns, table);
  const base = { config, signal, samples: null, variants: [] };
  const network = async () => {
    throw new Error('a comparison opens no model');
  };
  const plan = await compare.plan({ ...base, network });
  const rows: TableRows[] = [];
  let units = 0;
  for (const task of plan.tasks)
    for await (const chunk of compare.measure(task, { ...base, network, readRun, design: plan.design })) {
      units = chunk.units;
      rows.push(...chunk.rows);
    }
  expect(units).toBe(1);
  const table = (name: string): Record<string, Cell>[] =>
    rows
      .filter((part) => part.table === name)
      .flatMap((part) =>
        Array.from({ length: part.rows }, (_, row) =>
          Object.fromEntries(Object.entries(part.columns).map(([column, cells]) => [column, cells[row]!])),
        ),
      );
  const read = async (name: string, columns: readonly string[]): Promise<ReadTable> => {
    const found = table(name);
    return {
      rows: found.length,
      columns: Object.fromEntries(columns.map((column) => [column, found.map((row) => row[column]!)])),
    };
  };
  const conclusion = await compare.conclude({
    config,
    signal,
    design: null,
    variants: [],
    labelNames: null,
    read,
  });
  return { table, claims: conclusion.claims };
}

const runs = (experiment: string, more: Table = {}): Table => ({
  experiment: [experiment],
  dataset_sha256: ['d'],
  preprocess_json: ['{}'],
  granularity: ['image'],
  ...more,
});

const digest = (name: string) => new Uint8Array(16).fill(name.charCodeAt(0));
const digests = (names: string) => [...names].map((name) => (name === ' ' ? null : digest(name)));

/** 16 points of two classes; regions are letters. */
const LABELS = [...'0011001100110011'].map(Number);
function sweep(names: string, { bits = 8, entropy = 1, sources = 'row' } = {}): Run {
  return {
    runs: runs('sweep'),
    layers: {
      name: ['fc', 'network'],
      n_bits: [bits, bits],
      h_code_bits: [entropy, null],
      occupancy: [new Set(names).size / 16, null],
      participation_ratio: [3, null],
      two_nn_dim: [2, null],
    },
    points: {
      point_id: LABELS.map((_, i) => i),
      source_id: LABELS.map((_, i) => `${sources} ${i}`),
      label: LABELS,
      digest_fc: digests(names),
    },
  };
}

describe('compare: sweeps', () => {
  const before = sweep('aaaabbbbaaaabbbb', { entropy: 1 });
  const after = sweep('aaccddeeaaccddee', { entropy: 2 });

  it('counts regions kept, gained, lost and split, and what it does to purity, entropy and occupancy', async () => {
    const { table } = await compared(before, after);
    expect(table('span_changes')).toHaveLength(1);
    expect(table('span_changes')[0]).toMatchObject({
      span: 'fc',
      n_points: 16,
      regions_a: 2,
      regions_b: 4,
      kept: 1,
      gained: 3,
      lost: 1,
      split: 2,
      merged: 0,
      unchanged: 0,
      purity_a: 0.5,
      purity_b: 1,
      purity_change: 0.5,
      h_code_bits_change: 1,
      occupancy_change: 0.125,
      participation_ratio_a: 3,
      two_nn_dim_b: 2,
      // Of the 7 others in the old region 3 have the point's class; all 3 in the new one.
      agreement_n: 16,
    });
    expect(table('span_changes')[0]!.agreement_change as number).toBeCloseTo(1 - 3 / 7, 12);
  });

  it('names the regions that split, with the purity of their parts', async () => {
    const { table } = await compared(before, after);
    expect(table('region_changes')).toEqual([
      {
        span: 'fc',
        digest_a: digest('a'),
        count_a: 8,
        first_point_id: 0,
        parts_b: 2,
        largest_part_b: 4,
        purity_a: 0.5,
        purity_parts_b: 1,
      },
      {
        span: 'fc',
        digest_a: digest('b'),
        count_a: 8,
        first_point_id: 4,
        parts_b: 2,
        largest_part_b: 4,
        purity_a: 0.5,
        purity_parts_b: 1,
      },
    ]);
  });

  it('sees a merger in the other order, and says which run is purer', async () => {
    const { table, claims } = await compared(after, before);
    expect(table('span_changes')[0]).toMatchObject({ split: 0, merged: 2, purity_change: -0.5 });
    expect(claims).toHaveLength(1);
    expect(claims[0]).toMatchObject({ model: 'second - first', span: 'fc', verdict: 'reversed', n: 16 });
    expect((await compared(before, after)).claims[0]!.verdict).toBe('supported');
  });

  it('leaves out points that have no code on the span', async () => {
    const { table } = await compared(sweep('aaaabbbbaaaabbb '), sweep(' aaabbbbaaaabbbb'));
    expect(table('span_changes')[0]).toMatchObject({ n_points: 14, split: 0, merged: 0, unchanged: 2 });
  });

  it.each([
    ['different data', { ...after, runs: runs('sweep', { dataset_sha256: ['e'] }) }],
    [
      'transform their data differently',
      { ...after, runs: runs('sweep', { preprocess_json: ['{"scale":2}'] }) },
    ],
    ['different kinds', { ...after, runs: runs('density') }],
    ['different granularity', { ...after, runs: runs('sweep', { granularity: ['position'] }) }],
    ['different points', sweep('aaccddeeaaccddee', { sources: 'other row' })],
    ['different taps', sweep('aaccddeeaaccddee', { bits: 9 })],
  ])('refuses runs of %s', async (what, other) => {
    await expect(compared(before, other)).rejects.toThrow(what);
    await expect(compared(before, other)).rejects.toMatchObject({ fault: { kind: 'config-invalid' } });
  });

  it('says where a sweep kept no digests', async () => {
    const { digest_fc: _, ...bare } = after.points!;
    await expect(compared(before, { ...after, points: bare })).rejects.toThrow('no column digest_fc');
  });
});

/** Paths between 12 points in a ring; layer 0 has `hamming(path)` bits on paths of length 2. */
function experiment(hamming: (path: number) => number, model = 'trained'): Run {
  const paths = Array.from({ length: 12 }, (_, path) => path);
  return {
    runs: runs('density'),
    paths: {
      model: paths.map(() => model),
      path_id: paths,
      kind: paths.map(() => 'lerp'),
      point_a: paths,
      point_b: paths.map((path) => (path + 1) % 12),
      length: paths.map(() => 2),
      rho_h: paths.map((path) => hamming(path) / 2),
      hamming: paths.map(hamming),
    },
    path_layers: {
      model: paths.map(() => model),
      path_id: paths,
      layer_id: paths.map(() => 0),
      crossings: paths.map((path) => BigInt(hamming(path) + 2)),
      hamming: paths.map(hamming),
    },
  };
}

describe('compare: experiments on paths', () => {
  it('compares densities on the same paths, per model and layer', async () => {
    const { table, claims } = await compared(
      experiment((path) => 4 + (path % 3)),
      experiment((path) => 2 * (4 + (path % 3))),
    );
    expect(table('density_changes')).toHaveLength(1);
    const [row] = table('density_changes');
    expect(row).toMatchObject({
      model: 'trained',
      layer_id: 0,
      n_paths: 12,
      rho_h_a: 2.5,
      rho_h_b: 5,
      rho_x_a: 3.5,
      rho_x_b: 6,
    });
    expect(row!.log_ratio as number).toBeCloseTo(Math.log(2), 12);
    expect(row!.log_ratio_n).toBe(12);
    expect(claims[0]).toMatchObject({ span: 'layer 0', verdict: 'supported' });
  });

  it('has no ratio where a path has no bits between its ends', async () => {
    const { table } = await compared(
      experiment(() => 0),
      experiment(() => 3),
    );
    expect(table('density_changes')[0]).toMatchObject({
      log_ratio: null,
      log_ratio_n: 0,
      rho_h_a: 0,
      rho_h_b: 1.5,
    });
  });

  it('resamples the starts of paths that end in no point', async () => {
    const open = (hamming: (path: number) => number): Run => {
      const run = experiment(hamming);
      const point_a = run.paths!.path_id!.map((path) => Math.floor((path as number) / 2));
      return { ...run, paths: { ...run.paths!, point_a, point_b: point_a.map(() => null) } };
    };
    const { table } = await compared(
      open(() => 4),
      open((path) => 4 * 3 ** (path % 2)),
    );
    const [row] = table('density_changes');
    expect(row!.log_ratio as number).toBeCloseTo(Math.log(3) / 2, 12);
    // The two paths of a start go up by 0 and log 3: every resample of starts has the same mean.
    expect(row!.log_ratio_n).toBe(6);
    expect(row!.log_ratio_ci_low as number).toBeCloseTo(Math.log(3) / 2, 12);
    expect(row!.log_ratio_ci_high as number).toBeCloseTo(Math.log(3) / 2, 12);
  });

  it('refuses runs without a common model', async () => {
    const other = experiment(() => 3, 'random_init:1');
    await expect(
      compared(
        experiment(() => 3),
        other,
      ),
    ).rejects.toThrow('no path of one model in common');
  });
});
