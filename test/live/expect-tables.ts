// Final tables against codes that an oracle computed: every region, every point, every unit.

import { expect } from 'vitest';
import {
  type CodedPoint,
  codeKey,
  entropyOf,
  type ExpectedRegion,
  expectedRegions,
  mutualInformation,
} from '../oracle/expected-codes.ts';
import { fnv1a, murmur3x86x128 } from '../oracle/murmur3-x86-128.ts';
import { type Cell, tableRows } from './table-rows.ts';

export interface ExpectedSpan {
  readonly name: string;
  /** Its points in order, with their codes. */
  readonly points: readonly CodedPoint[];
  /** Wide spans keep digests only. */
  readonly digestOnly?: boolean;
}

type Row = Readonly<Record<string, Cell>>;

/** The 16 bytes that name a code within its span. */
export function expectedDigest(span: string, code: Uint8Array): Uint8Array {
  return murmur3x86x128(code, fnv1a(span));
}

/** All regions of all spans, in file order, with nothing missing and nothing more. */
export async function expectRegions(
  runDir: string,
  spans: readonly ExpectedSpan[],
  exemplars: number,
): Promise<void> {
  const rows = await tableRows(runDir, 'regions');
  expect([...new Set(rows.map(({ span }) => span))]).toEqual(spans.map(({ name }) => name));
  for (const span of spans) {
    const regions = expectedRegions(span.points);
    const byDigest = new Map(
      [...regions.values()].map((region) => [hex(expectedDigest(span.name, region.code)), region]),
    );
    const recorded = rows.filter((row) => row['span'] === span.name);
    expect(recorded.length, `regions of ${span.name}`).toBe(regions.size);
    expect(recorded.map(orderKey), `order of ${span.name}`).toEqual(recorded.map(orderKey).sort());
    const wrong = recorded.flatMap((row) =>
      differences(row, byDigest.get(hex(row['digest'])), { exemplars, ...span }),
    );
    expect(wrong.slice(0, 5), `regions of ${span.name}`).toEqual([]);
  }
}

/** Sorts as the contract says within a span: count descending, then digest bytewise. */
function orderKey(row: Row): string {
  return `${String(1e9 - Number(row['count'])).padStart(10, '0')} ${hex(row['digest'])}`;
}

function differences(
  row: Row,
  region: ExpectedRegion | undefined,
  { exemplars, digestOnly = false }: { readonly exemplars: number; readonly digestOnly?: boolean },
): string[] {
  if (region === undefined) return [`a code that no point has: ${hex(row['digest'])}`];
  const { pointIds, classIds, classCounts } = region;
  const shown = row['exemplar_point_ids'] as number[];
  const members = new Set(pointIds);
  const checks: Record<string, boolean> = {
    words: digestOnly ? row['words'] === null : hex(row['words']) === hex(region.code),
    count: row['count'] === pointIds.length,
    first_point_id: row['first_point_id'] === region.firstPointId,
    class_ids: same(row['class_ids'] as number[], classIds),
    class_counts: same(row['class_counts'] as number[], classCounts),
    entropy_bits:
      classIds.length === 0 ? row['entropy_bits'] === null : near(row['entropy_bits'], region.entropyBits),
    purity: classIds.length === 0 ? row['purity'] === null : near(row['purity'], region.purity),
    exemplars: shown.length === Math.min(exemplars, pointIds.length) && shown.every((id) => members.has(id)),
    distinct: new Set(shown).size === shown.length,
  };
  const wrong = Object.keys(checks).filter((name) => !checks[name]);
  return wrong.length === 0 ? [] : [`${hex(row['digest'])}: ${wrong.join(', ')}`];
}

/** Points carry, span by span, the digest (or the words) of their code, which is a region's. */
export async function expectPointCodes(
  runDir: string,
  spans: readonly ExpectedSpan[],
  keep: 'digests' | 'words',
): Promise<void> {
  const rows = await tableRows(runDir, 'points');
  expect(rows.map((row) => row['point_id'])).toEqual(rows.map((_, i) => i));
  for (const { name, points, digestOnly = false } of spans) {
    const words = keep === 'words' && !digestOnly;
    const column = `${words ? 'words' : 'digest'}_${name}`;
    const digests = new Map<string, Uint8Array>();
    const expected = points.map(({ pointId, label, code }) => {
      const key = codeKey(code);
      if (!words && !digests.has(key)) digests.set(key, expectedDigest(name, code));
      return `${pointId} ${label} ${hex(words ? code : digests.get(key)!)}`;
    });
    const recorded = rows
      .filter((row) => row[column] !== null)
      .map((row) => `${row['point_id']} ${row['label']} ${hex(row[column])}`);
    expect(recorded.length, column).toBe(points.length);
    expect(
      recorded.findIndex((text, i) => text !== expected[i]),
      column,
    ).toBe(-1);
  }
}

/** Rates of all units of the layer spans, mutual information of every `stride`th. */
export async function expectUnits(
  runDir: string,
  spans: readonly ExpectedSpan[],
  stride: number,
): Promise<void> {
  const rows = await tableRows(runDir, 'units');
  const layers = await tableRows(runDir, 'layers');
  for (const { name, points } of spans.filter((span) => span.name !== 'network')) {
    const layer = layers.find((row) => row['name'] === name)!;
    const units = rows.filter((row) => row['layer_id'] === layer['layer_id']);
    expect(units.map((row) => row['unit'])).toEqual(
      Array.from({ length: Number(layer['n_bits']) }, (_, unit) => unit),
    );
    const on = (unit: number, point: CodedPoint) => ((point.code[unit >> 3]! >> (unit & 7)) & 1) === 1;
    const wrong = units.filter((row, unit) => {
      let rate = 0;
      for (const point of points) if (on(unit, point)) rate += 1 / points.length;
      const flags = row['dead'] === rate < 1e-9 && row['always_on'] === rate > 1 - 1e-9;
      return !flags || Math.abs(Number(row['rate']) - rate) > 1e-6 || Number(row['n']) !== points.length;
    });
    expect(wrong.slice(0, 3), `rates of ${name}`).toEqual([]);
    const labelled = points.filter(({ label }) => label !== null);
    for (let unit = 0; unit < units.length; unit += stride) {
      const pairs = labelled.map((point) => ({ on: on(unit, point), label: point.label! }));
      expect(units[unit]!['mutual_information_bits'], `${name} unit ${unit}`).toBeCloseTo(
        mutualInformation(pairs),
        5,
      );
    }
  }
}

/** Entropies and sizes of the layers table. */
export async function expectLayers(runDir: string, spans: readonly ExpectedSpan[]): Promise<void> {
  const layers = await tableRows(runDir, 'layers');
  expect(layers.map((row) => row['name'])).toEqual(spans.map(({ name }) => name));
  for (const [i, { name, points }] of spans.entries()) {
    const counts = [...expectedRegions(points).values()].map(({ pointIds }) => pointIds.length);
    expect(layers[i]!['h_code_bits'], name).toBeCloseTo(entropyOf(counts), 9);
    expect(layers[i]!['h_code_corrected_bits'], name).toBeCloseTo(
      entropyOf(counts) + (counts.length - 1) / (2 * Math.LN2 * points.length),
      9,
    );
    expect(layers[i]!['occupancy'], name).toBeCloseTo(counts.length / points.length, 6);
  }
}

function hex(bytes: unknown): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : String(bytes);
}

function near(value: unknown, expected: number): boolean {
  return typeof value === 'number' && Math.abs(value - expected) < 1e-5;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
