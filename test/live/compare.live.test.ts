// Checkpoint against checkpoint: two sweeps and two sets of paths of one net at two steps of its training, compared; every count is
// held against plain loops over the tables that were compared.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LiveHome, startHome } from './live-home.ts';
import { EXAMPLES, finishedSweep } from './recorded-codes.ts';
import { parquetRows } from './table-rows.ts';

const STEPS = [10, 1000] as const;
type Row = Awaited<ReturnType<typeof parquetRows>>[number];

let home: LiveHome;

beforeAll(async () => {
  home = await startHome('compare', { workers: 1 });
});

afterAll(() => home.close());

/** Runs a config of examples/two-moons on both checkpoints, then compares. */
async function compared(kind: 'sweep' | 'paths'): Promise<{ folder: string; runs: string[] }> {
  const runs = await Promise.all(
    STEPS.map((step) => {
      const file = join(EXAMPLES, `two-moons/step-${step}.onnx`);
      const sets = { 'model.file': file, run: `${kind}-${step}` };
      return finishedSweep(home, join(EXAMPLES, `two-moons/${kind}.yaml`), sets);
    }),
  );
  const folder = await finishedSweep(home, join(EXAMPLES, 'two-moons/compare.yaml'), {
    run: `compare-${kind}`,
    runs,
  });
  return { folder, runs };
}

describe.concurrent('two checkpoints', () => {
  it('differ in regions gained, lost and split, and in purity', async () => {
    const { folder, runs } = await compared('sweep');
    const changes = await parquetRows(join(folder, 'span_changes.parquet'));
    expect(changes.map(({ span }) => span)).toEqual(['z1', 'z2', 'network']);
    const points = await Promise.all(runs.map((run) => parquetRows(join(run, 'points/*.parquet'))));
    for (const change of changes) {
      const column = `digest_${change['span']}`;
      const [before, after] = points.map((rows) =>
        rows.map((row) => Buffer.from(row[column] as Uint8Array).toString('hex')),
      );
      const [old, young] = [grouped(before!), grouped(after!)];
      const kept = [...old.keys()].filter((name) => young.has(name)).length;
      const shared = [...old.values()].filter((members) => members.length > 1);
      expect(change).toMatchObject({
        n_points: 2000,
        regions_a: old.size,
        regions_b: young.size,
        kept,
        gained: young.size - kept,
        lost: old.size - kept,
        split: shared.filter((members) => new Set(members.map((point) => after![point])).size > 1).length,
      });
      expect(change['purity_change']).toBeCloseTo(purity(young, points[0]!) - purity(old, points[0]!), 6);
    }
    expect(changes.every(({ gained, split }) => Number(gained) > 0 && Number(split) > 0)).toBe(true);
  });

  it('differ in the density of their boundaries, layer by layer', async () => {
    const { folder, runs } = await compared('paths');
    const changes = await parquetRows(join(folder, 'density_changes.parquet'));
    expect(changes.map(({ layer_id, n_paths }) => [layer_id, n_paths])).toEqual([
      [0, 400],
      [1, 400],
    ]);
    const means = await Promise.all(runs.map(meanDensities));
    for (const { layer_id, rho_x_a, rho_x_b, log_ratio } of changes) {
      expect(rho_x_a).toBeCloseTo(means[0]![Number(layer_id)]!, 6);
      expect(rho_x_b).toBeCloseTo(means[1]![Number(layer_id)]!, 6);
      expect(Number.isFinite(log_ratio)).toBe(true);
    }
  });
});

function grouped(names: readonly string[]): Map<string, number[]> {
  const members = new Map<string, number[]>();
  for (const [point, name] of names.entries()) members.set(name, [...(members.get(name) ?? []), point]);
  return members;
}

/** Share of the most frequent label in regions of two points or more, weighted by points. */
function purity(regions: ReadonlyMap<string, readonly number[]>, points: readonly Row[]): number {
  const shared = [...regions.values()].filter((members) => members.length > 1);
  const ofMost = shared.map((members) => {
    const ones = members.filter((point) => points[point]!['label'] === 1).length;
    return Math.max(ones, members.length - ones);
  });
  return sum(ofMost) / sum(shared.map((members) => members.length));
}

/** Crossings per length, by layer. */
async function meanDensities(run: string): Promise<number[]> {
  const paths = await parquetRows(join(run, 'paths.parquet'));
  const lengthOf = new Map(paths.map(({ path_id, length }) => [path_id, Number(length)]));
  const layers = await parquetRows(join(run, 'path_layers.parquet'));
  return [0, 1].map((layer) => {
    const own = layers.filter(({ layer_id }) => layer_id === layer);
    return sum(own.map(({ path_id, crossings }) => Number(crossings) / lengthOf.get(path_id)!)) / own.length;
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
