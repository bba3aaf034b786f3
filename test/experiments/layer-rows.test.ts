// The layers table over points whose codes are known, and the codes themselves.

import { describe, expect, it } from 'vitest';
import type { TableRows } from '../../activities/experiments/experiment.ts';
import { layerChunks } from '../../activities/experiments/layer-rows.ts';
import type { Network } from '../../activities/experiments/network.ts';
import { denseNetwork } from './dense-network.ts';
import { vectorSamples } from './run-in-memory.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
/** Bits x > 0, y > 0, always on, dead; behind them x + y > 1. */
const NET = denseNetwork(
  [
    {
      weights: [
        [1, 0],
        [0, 1],
        [0, 0],
        [0, 0],
      ],
      bias: [0, 0, 1, -1],
    },
    { weights: [[1, 1, 0, 0]], bias: [-1] },
    { weights: [[1]], bias: [0] },
  ],
  TRAINED,
);
const POINTS = [
  [1, 1],
  [2, 2],
  [-1, 1],
  [1, -1],
  [-1, -1],
  [0, 0.5],
];
/** Codes of the first layer, bit by bit: a tie is off. */
const CODES = [0b111, 0b111, 0b110, 0b101, 0b100, 0b110];

async function rowsOf(network: Network, coded: Parameters<typeof layerChunks>[0]['coded']) {
  const found: TableRows[] = [];
  const samples = coded === null ? null : vectorSamples(POINTS, null);
  const { signal } = new AbortController();
  for await (const { units, rows } of layerChunks({ network, samples, coded, seed: 0, signal })) {
    expect(units).toBe(0);
    found.push(...rows);
  }
  return found;
}

const ALL = { stride: 1, points: [0, 1, 2, 3, 4, 5] };

describe('the layers table', () => {
  it('has the statistics of the codes that the points have', async () => {
    const [first, second] = await rowsOf(NET, { ...ALL, areKept: false });
    const cell = (rows: TableRows, name: string) => rows.columns[name]![0];
    expect(cell(first!, 'name')).toBe('layer1');
    expect([cell(first!, 'bit_offset'), cell(second!, 'bit_offset')]).toEqual([0, 32]);
    expect([cell(first!, 'dead_units'), cell(first!, 'always_on_units')]).toEqual([1, 1]);
    // Half of the points have x > 0, four of six y > 0.
    const third = Math.log2(3);
    expect(cell(first!, 'h_ind_bits')).toBeCloseTo(1 + third - 2 / 3, 12);
    // Four codes: two of them twice.
    expect(cell(first!, 'h_code_bits')).toBeCloseTo(third + 1 - 2 / 3, 12);
    expect(cell(first!, 'h_code_corrected_bits')).toBeCloseTo(third + 1 / 3 + 3 / (12 * Math.LN2), 12);
    expect(cell(first!, 'occupancy')).toBeCloseTo(4 / 6, 12);
    expect(cell(first!, 'soft_fraction')).toBeNull();
    // Covariance of the bits: variances 1/4 and 2/9, covariance 1/3 - 1/3 = 0.
    expect(cell(first!, 'participation_ratio')).toBeCloseTo((1 / 4 + 2 / 9) ** 2 / (1 / 16 + 4 / 81), 9);
    expect(cell(second!, 'occupancy')).toBeCloseTo(2 / 6, 12);
  });

  it('has the soft fraction and the gap to ReLU where the activation is none', async () => {
    const soft = { ...NET, taps: NET.taps.map((tap) => ({ ...tap, exact: false })) };
    const [first] = await rowsOf(soft, { ...ALL, areKept: false });
    // Of 24 pre-activations two are 2.
    expect(first!.columns.soft_fraction![0]).toBeCloseTo(22 / 24, 6);
    const gap = first!.columns.relu_gap![0] as number;
    // |z| Phi(-|z|) is 0.158655 for |z| = 1, 0.0455 for 2, 0.154269 for 0.5 and 0 for 0.
    expect(gap).toBeCloseTo((20 * 0.158655 + 2 * 0.0455 + 0.154269) / 24, 5);
  });

  it('has geometry and nothing else without points, and writes no codes', async () => {
    const rows = await rowsOf(NET, null);
    expect(rows.map(({ table }) => table)).toEqual(['layers', 'layers']);
    expect(rows[0]!.columns.n_bits![0]).toBe(4);
    expect(rows[0]!.columns.occupancy![0]).toBeNull();
  });

  it('numbers max-pools behind the taps, without statistics', async () => {
    const pool = { ...NET.taps[0]!, name: 'pool', kind: 'pool' as const };
    const rows = await rowsOf({ ...NET, pools: [pool] }, { ...ALL, areKept: false });
    const last = rows.at(-1)!.columns;
    expect([last.name![0], last.layer_id![0], last.bit_offset![0], last.dead_units![0]]).toEqual([
      'pool',
      2,
      null,
      null,
    ]);
  });
});

describe('the codes table', () => {
  it('holds the words of every point and layer, with as many bits on as they have', async () => {
    const codes = (await rowsOf(NET, { ...ALL, areKept: true })).filter(({ table }) => table === 'codes');
    const [first, second] = codes;
    expect(codes.length).toBe(2);
    expect(first!.columns.point_id).toEqual(ALL.points);
    const words = (first!.columns.words as Uint8Array[]).map((bytes) => [...bytes]);
    expect(words).toEqual(CODES.map((code) => [code, 0, 0, 0]));
    expect(first!.columns.n_on).toEqual(CODES.map((code) => code.toString(2).replaceAll('0', '').length));
    // The last point lies on the boundary of the first unit; the second layer's z is -0.5 there.
    expect(first!.columns.n_ambiguous).toEqual([0, 0, 0, 0, 0, 1]);
    expect([first!.columns.span_start![0], first!.columns.span_end![0]]).toEqual([-1, 0]);
    expect([second!.columns.span_start![0], second!.columns.span_end![0]]).toEqual([0, 1]);
    const names = (first!.columns.digest as Uint8Array[]).map((digest) => digest.join());
    const same = names.map((name) => names.indexOf(name));
    expect(same).toEqual(CODES.map((code) => CODES.indexOf(code)));
  });
});
