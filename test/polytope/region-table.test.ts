// The region table against a Map of strings: any order, any grouping, same regions.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { orderSeed, pointHash, pointOfHash } from '../../activities/polytope/point-hash.ts';
import type { CodeRows, RegionRows } from '../../activities/polytope/region-rows.ts';
import { RegionTable } from '../../activities/polytope/region-table.ts';

interface Row {
  readonly span: number;
  readonly code: number;
  readonly pointId: number;
  readonly label: number;
}

const SPAN_WORDS = [2, 0, 3];
const SEED = orderSeed(7);

/** A digest that repeats words between codes, so that equal prefixes occur. */
function digestOf(code: number): number[] {
  return [Math.imul(code >> 2, 0x9e3779b1) >>> 0, (code * 77) >>> 0, code >>> 1, code & 1];
}

function wordsOf({ span, code }: Row): number[] {
  return Array.from({ length: SPAN_WORDS[span]! }, (_, word) => Math.imul(code + 1, word + 3) >>> 0);
}

function codeRows(rows: readonly Row[]): CodeRows {
  const words = rows.map(wordsOf);
  const wordOffsets = new Int32Array(rows.length + 1);
  words.forEach((row, i) => {
    wordOffsets[i + 1] = wordOffsets[i]! + row.length * 4;
  });
  return {
    rows: rows.length,
    span: Int16Array.from(rows, ({ span }) => span),
    pointId: Int32Array.from(rows, ({ pointId }) => pointId),
    label: Int32Array.from(rows, ({ label }) => label),
    digest: Uint32Array.from(rows.flatMap(({ code }) => digestOf(code))),
    wordOffsets,
    words: new Uint8Array(Uint32Array.from(words.flat()).buffer),
  };
}

interface Region {
  readonly key: string;
  readonly words: readonly number[];
  readonly points: number[];
  readonly classes: Map<number, number>;
}

/** What the table should hold, counted the slow way. */
function bruteForce(
  rows: readonly Row[],
  { exemplars, order }: { exemplars: number; order: 'digest' | 'count' },
): object[] {
  const regions = new Map<string, Region>();
  for (const row of rows) {
    const bytes = Buffer.from(Uint32Array.from(digestOf(row.code)).buffer).toString('hex');
    const key = `${row.span} ${bytes}`;
    const region: Region = regions.get(key) ?? { key, words: wordsOf(row), points: [], classes: new Map() };
    regions.set(key, region);
    region.points.push(row.pointId);
    if (row.label >= 0) region.classes.set(row.label, (region.classes.get(row.label) ?? 0) + 1);
  }
  const spanOf = ({ key }: Region) => Number(key.split(' ')[0]);
  const sorted = [...regions.values()].sort((a, b) => {
    const byCount = order === 'count' ? b.points.length - a.points.length : 0;
    return spanOf(a) - spanOf(b) || byCount || (a.key < b.key ? -1 : 1);
  });
  return sorted.map((region) => ({
    key: region.key,
    words: region.words,
    count: region.points.length,
    first: Math.min(...region.points),
    classes: [...region.classes].sort(([a], [b]) => a - b),
    exemplars: region.points.toSorted((a, b) => pointHash(a, SEED) - pointHash(b, SEED)).slice(0, exemplars),
  }));
}

function described(regions: RegionRows): object[] {
  const words = new Uint32Array(
    regions.words.buffer,
    regions.words.byteOffset,
    regions.words.byteLength >> 2,
  );
  return Array.from({ length: regions.rows }, (_, row) => {
    const digest = regions.digest.slice(row * 4, row * 4 + 4);
    const [from, to] = [regions.classOffsets[row]!, regions.classOffsets[row + 1]!];
    const ids = [...regions.classIds.subarray(from, to)];
    return {
      key: `${regions.span[row]} ${Buffer.from(digest.buffer).toString('hex')}`,
      words: [...words.subarray(regions.wordOffsets[row]! >> 2, regions.wordOffsets[row + 1]! >> 2)],
      count: regions.count[row],
      first: regions.firstPointId[row],
      classes: ids.map((id, i) => [id, regions.classCounts[from + i]]),
      exemplars: [
        ...regions.exemplars.subarray(regions.exemplarOffsets[row]!, regions.exemplarOffsets[row + 1]!),
      ],
    };
  });
}

function tableOf(rows: readonly Row[], exemplars: number): RegionTable {
  const table = new RegionTable({ spanWords: SPAN_WORDS, exemplars, seed: SEED });
  table.addCodes(codeRows(rows));
  return table;
}

/** Rows of distinct points; few codes, so that regions repeat. */
const someRows = fc
  .array(
    fc.record({ span: fc.constantFrom(0, 1, 2), code: fc.nat(12), label: fc.integer({ min: -1, max: 6 }) }),
    { maxLength: 120 },
  )
  .chain((rows) =>
    fc
      .shuffledSubarray([...rows.keys()], { minLength: rows.length })
      .map((ids) => rows.map((row, i) => ({ ...row, pointId: ids[i]! }))),
  );

describe('RegionTable', () => {
  test('holds what a brute-force count holds, in file order', () => {
    fc.assert(
      fc.property(
        someRows,
        fc.constantFrom(0, 1, 2, 3, 8),
        fc.constantFrom('digest' as const, 'count' as const),
        (rows, exemplars, order) => {
          expect(described(tableOf(rows, exemplars).columns(order))).toEqual(
            bruteForce(rows, { exemplars, order }),
          );
        },
      ),
    );
  });

  test('is a commutative monoid: grouping and order of merges change nothing', () => {
    fc.assert(
      fc.property(someRows, fc.nat(120), fc.nat(120), (rows, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const parts = [rows.slice(0, low), rows.slice(low, high), rows.slice(high)];
        const [first, second, third] = parts.map((part) => tableOf(part, 3));
        const left = tableOf([], 3);
        left.merge(first!);
        left.merge(second!);
        left.merge(third!);
        second!.merge(first!);
        third!.merge(second!);
        expect(third!.columns('digest')).toEqual(left.columns('digest'));
        expect(described(left.columns('digest'))).toEqual(
          bruteForce(rows, { exemplars: 3, order: 'digest' }),
        );
      }),
    );
  });

  test('sorts many regions by counting as few are sorted by comparing', () => {
    const rows = Array.from({ length: 30_000 }, (_, pointId): Row => {
      return { span: pointId % 3, code: (pointHash(pointId, 3) % 9_000) >>> 0, pointId, label: pointId % 5 };
    });
    for (const order of ['digest', 'count'] as const) {
      expect(described(tableOf(rows, 2).columns(order))).toEqual(bruteForce(rows, { exemplars: 2, order }));
    }
  });

  test('forgets everything when cleared', () => {
    const rows = [{ span: 0, code: 1, pointId: 5, label: 2 }];
    const table = tableOf(
      [
        { span: 0, code: 1, pointId: 1, label: 1 },
        { span: 2, code: 3, pointId: 2, label: 0 },
      ],
      2,
    );
    table.clear();
    table.addCodes(codeRows(rows));
    expect(described(table.columns('digest'))).toEqual(bruteForce(rows, { exemplars: 2, order: 'digest' }));
  });

  test('reports two codes with one digest', () => {
    const rows = codeRows([
      { span: 0, code: 1, pointId: 0, label: 0 },
      { span: 0, code: 1, pointId: 1, label: 0 },
    ]);
    new Uint32Array(rows.words.buffer)[3]! ^= 1;
    expect(faultOfAdding(rows)).toBe('digest-collision');
  });

  test('reports codes of another width than planned, and spans that were not planned', () => {
    const rows = codeRows([{ span: 0, code: 1, pointId: 0, label: 0 }]);
    expect(faultOfAdding({ ...rows, span: Int16Array.of(2) })).toBe('code-width-mismatch');
    expect(faultOfAdding({ ...rows, span: Int16Array.of(9) })).toBe('code-width-mismatch');
  });
});

function faultOfAdding(rows: CodeRows): string | null {
  try {
    new RegionTable({ spanWords: SPAN_WORDS, exemplars: 1, seed: 0 }).addCodes(rows);
    return null;
  } catch (error) {
    return error instanceof PipelineError ? error.fault.kind : String(error);
  }
}

describe('pointHash', () => {
  test('is a bijection with a known inverse', () => {
    fc.assert(
      fc.property(fc.nat(0x7fffffff), fc.integer({ min: 0, max: 0xffffffff }), (pointId, seed) => {
        expect(pointOfHash(pointHash(pointId, orderSeed(seed)), orderSeed(seed))).toBe(pointId);
      }),
    );
  });

  test('spreads neighbouring points and seeds evenly over sixteen bins', () => {
    for (const seed of [0, 1, 2]) {
      const bins = new Float64Array(16);
      for (let point = 0; point < 16_000; point++) bins[pointHash(point, orderSeed(seed)) >>> 28]!++;
      // Binomial with mean 1,000 and standard deviation 31: six of them are exceeded once in 10^7 seeds.
      expect(Math.max(...bins.map((count) => Math.abs(count - 1000)))).toBeLessThan(190);
    }
  });
});
