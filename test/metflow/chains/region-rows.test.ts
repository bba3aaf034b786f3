// Rows of the region tables from codes made by hand.

import { describe, expect, it } from 'vitest';
import { digestKey } from '../../../activities/metflow/chains/coded-draws.ts';
import { regionRows } from '../../../activities/metflow/chains/region-rows.ts';
import { REGION_MASS_TABLE, REGION_SUMMARY_TABLE } from '../../../schemas/columns/metflow/region-mass.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';

const CHAINS = 4;
const DRAWS = 500;
const options = {
  estimate: 'chains',
  span: 'fc1',
  bits: 3,
  effectiveSize: 1500,
  most: 100,
  seed: 1,
} as const;

/** A digest of one byte repeated. */
function digest(byte: number): Uint8Array {
  return new Uint8Array(16).fill(byte);
}

/** Two regions of equal mass, a third that is visited twice. */
function coded() {
  const random = randomStream(2);
  const labels = Array.from({ length: CHAINS * DRAWS }, (_, at) =>
    at === 3 || at === 1003 ? 0x30 : random.below(2) === 0 ? 0x20 : 0x10,
  );
  const digests = Uint8Array.from(labels.flatMap((byte) => [...digest(byte)]));
  const ambiguous = Uint8Array.from(labels, (byte, at) => Number(byte === 0x20 && at < 10));
  return { labels, coded: { chains: CHAINS, draws: DRAWS, digests, ambiguous } };
}

const key = (byte: number) => digestKey(digest(byte), 0);

describe('rows of region_mass', () => {
  it('hold every draw once, the data beside them, and the ambiguous draws', () => {
    const { labels, coded: draws } = coded();
    const data = {
      points: 100,
      counts: new Map([
        [key(0x10), 60],
        [key(0x20), 20],
        [key(0x40), 15],
        [key(0x50), 5],
      ]),
    };
    const { rows, summary } = regionRows(draws, { ...options, data });
    const count = (byte: number) => labels.filter((each) => each === byte).length;
    const byDigest = new Map(
      rows.flatMap((row) => (row.digest === null ? [] : [[row.digest[0]!, row] as const])),
    );
    // 0x40 and 0x50 hold data and no draw; 0x30 has too few draws for a row of its own.
    expect([...byDigest.keys()].sort((a, b) => a - b)).toEqual([0x10, 0x20, 0x40, 0x50]);
    for (const byte of [0x10, 0x20]) expect(byDigest.get(byte)!.visits).toBe(BigInt(count(byte)));
    expect(byDigest.get(0x20)!.ambiguous).toBe(BigInt(labels.slice(0, 10).filter((b) => b === 0x20).length));
    expect(byDigest.get(0x40)).toMatchObject({ mass: 0, se: null, ci_high: 3 / 1500, data_count: 15n });
    expect(byDigest.get(0x40)!.difference).toBeCloseTo(-0.15, 12);
    const other = rows.find(({ kind }) => kind === 'other')!;
    expect(other).toMatchObject({ visits: 2n, data_count: 0n, digest: null });
    const masses = rows.filter(({ kind }) => kind !== 'unseen');
    expect(masses.reduce((sum, { mass }) => sum + mass, 0)).toBeCloseTo(1, 12);
    expect(masses.reduce((sum, { visits }) => sum + visits, 0n)).toBe(BigInt(labels.length));
    expect(summary).toMatchObject({ regions: 3n, reported: 4n, data_points: 100n, data_regions: 4n });
    expect(summary.data_seen).toBeCloseTo(0.8, 12);
    expect(summary.js_bits).toBeGreaterThan(0.05);
  });

  it('fit their tables, with null where there is no data', () => {
    const { rows, summary } = regionRows(coded().coded, { ...options, data: null });
    const names = ({ columns }: typeof REGION_MASS_TABLE) =>
      columns.map(({ name }) => name).filter((name) => name !== 'run_id');
    for (const row of rows) expect(Object.keys(row).sort()).toEqual(names(REGION_MASS_TABLE).sort());
    expect(Object.keys(summary).sort()).toEqual(names(REGION_SUMMARY_TABLE).sort());
    for (const row of rows) expect(row).toMatchObject({ data_count: null, p_value: null, difference: null });
    expect(summary).toMatchObject({ data_points: null, js_bits: null, g_p_value: null });
  });

  it('take one draw of each chain for the unseen mass where no effective size is known', () => {
    const { summary } = regionRows(coded().coded, { ...options, data: null, effectiveSize: Number.NaN });
    expect(summary.unseen_draws).toBe(BigInt(CHAINS));
  });
});
