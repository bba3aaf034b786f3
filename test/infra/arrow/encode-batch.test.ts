// Every code row of a batch is in exactly one partition's message, with its point, label, digest and words.

import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import type { SweepPlan } from '#schemas/sweep.ts';
import { imagePoints, tokenPoints } from '../../../activities/polytope/batch-rows.ts';
import { digestRows, spanSeed } from '../../../activities/polytope/digest.ts';
import { keptSamples } from '../../../activities/polytope/kept-samples.ts';
import type { CodeMessage, EncodedBatch, InputBatch } from '../../../activities/ports.ts';
import { batchMessages, skippedMessages } from '../../../infra/arrow/encode-batch.ts';

const ROWS = 50;

function planWith(changes: { keep: 'none' | 'digests' | 'words'; position?: boolean }): SweepPlan {
  const [height, width] = changes.position ? [2, 3] : [1, 1];
  const tap = { kind: 'conv', activation: 'Relu', channels: 40, height, width, codeBits: 40, exact: true };
  const taps = [
    { ...tap, name: 'a' },
    { ...tap, name: 'b', codeBits: 32, channels: 32 },
  ];
  return {
    runId: 'test',
    taps,
    spans: [
      { name: 'a', taps: [0], codeBytes: 8, digestOnly: false },
      { name: 'network', taps: [0, 1], codeBytes: 12, digestOnly: true },
    ],
    grids: [{ height, width, taps: [0, 1] }],
    countClasses: true,
    config: {
      dataset: {},
      stream: { partitions: 3, batchRows: 64 },
      codes: { keep: changes.keep, granularity: changes.position ? 'position' : 'image' },
    },
  } as unknown as SweepPlan;
}

function randomCodes(rows: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: rows * bytes }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255);
}

function batchOf(samples: number, labels: Int32Array | null): InputBatch {
  return {
    batch: 2,
    firstSample: 1000,
    samples,
    input: { type: 'float32', data: new Float32Array(samples), dims: [samples, 1] },
    labels,
    sourceIds: Array.from({ length: samples }, (_, i) => `file#${i}`),
    tokens: null,
  };
}

function encodedOf(codes: Uint8Array[], samples: number): EncodedBatch {
  const logits = Float32Array.from({ length: samples * 3 }, (_, i) =>
    i % 3 === Math.floor(i / 3) % 3 ? 2 : 0,
  );
  return {
    codes,
    logits: { data: logits, classes: 3 },
    softCounts: Float64Array.of(Number.NaN, Number.NaN),
    inputNorms: new Float32Array(samples).fill(1.5),
    ambiguous: null,
  };
}

interface CodeRow {
  readonly span: number;
  readonly pointId: number;
  readonly label: number;
  readonly words: Buffer;
  readonly digest: Buffer;
}

/** Rows of a `codes` message as another reader of Arrow sees them; digests follow from words where there are any. */
function codeRows(plan: SweepPlan, { value }: CodeMessage): CodeRow[] {
  return [...tableFromIPC(value)].flatMap(({ span, point_id, label, words, digest }) => {
    const { name, codeBytes, digestOnly } = plan.spans[span]!;
    const width = digestOnly ? 0 : codeBytes;
    const [points, labels] = [[...point_id], [...label]];
    expect([labels.length, words.length]).toEqual([points.length, points.length * width]);
    expect(digest.length).toBe(digestOnly ? points.length * 16 : 0);
    return points.map((pointId, row) => {
      const own = Uint8Array.from(words.subarray(row * width, (row + 1) * width));
      const given = digest.subarray(row * 16, row * 16 + 16);
      return {
        span,
        pointId,
        label: labels[row],
        words: Buffer.from(own),
        digest: Buffer.from(digestOnly ? given : digestOf(own, name)),
      };
    });
  });
}

function digestOf(code: Uint8Array, span: string): Uint8Array {
  const out = new Uint32Array(4);
  const words = new Uint32Array(code.buffer);
  digestRows(words, { rows: 1, wordsPerRow: words.length, seed: spanSeed(span), out });
  return new Uint8Array(out.buffer);
}

describe('batchMessages', () => {
  const labels = Int32Array.from({ length: ROWS }, (_, i) => i % 4);
  const codes = [randomCodes(ROWS, 8), randomCodes(ROWS, 4)];

  it('sends every row of every span to one partition, whole', () => {
    const plan = planWith({ keep: 'digests' });
    const points = imagePoints(plan, { samples: ROWS, firstPoint: 700, labels });
    const source = { plan, shard: 4, input: batchOf(ROWS, labels), points, encoded: encodedOf(codes, ROWS) };
    const messages = batchMessages(source);
    const seen = new Map<string, { words: string; label: number; digest: string }>();
    for (const message of messages.filter((m) => m.headers.kind === 'codes')) {
      for (const { span, pointId, words, label, digest } of codeRows(plan, message)) {
        const key = `${span} ${pointId}`;
        expect(seen.has(key)).toBe(false);
        expect(digest.readUInt32LE(0) % 3).toBe(message.partition);
        seen.set(key, { words: words.toString('hex'), label, digest: digest.toString('hex') });
      }
    }
    expect(seen.size).toBe(2 * ROWS);
    for (let row = 0; row < ROWS; row++) {
      const layer = seen.get(`0 ${700 + row}`)!;
      expect(layer.words).toBe(Buffer.from(codes[0]!.subarray(row * 8, row * 8 + 8)).toString('hex'));
      expect(layer.label).toBe(row % 4);
      // The network span is digest-only here.
      expect(seen.get(`1 ${700 + row}`)!.words).toBe('');
    }
  });

  it('puts points and units on the partition of the shard', () => {
    const plan = planWith({ keep: 'words' });
    const points = imagePoints(plan, { samples: ROWS, firstPoint: 700, labels });
    const source = { plan, shard: 4, input: batchOf(ROWS, labels), points, encoded: encodedOf(codes, ROWS) };
    const [pointsMessage, unitsMessage] = batchMessages(source).slice(-2);
    expect(pointsMessage!.partition).toBe(1);
    const table = tableFromIPC(pointsMessage!.value);
    expect(table.numRows).toBe(ROWS);
    expect(table.schema.fields.map((field) => field.name).slice(-2)).toEqual(['words_a', 'digest_network']);
    const seventh = table.get(7)!;
    expect(seventh.point_id).toBe(707);
    expect(seventh.source_id).toBe('file#7');
    expect(seventh.pred_class).toBe(1);
    expect(seventh.pred_prob).toBeCloseTo(Math.exp(2) / (Math.exp(2) + 2), 6);
    // Columns that this run does not have.
    expect(table.schema.names).not.toContain('position_y');
    expect(table.schema.names).not.toContain('token_id');
    expect(Buffer.from(seventh.words_a).equals(Buffer.from(codes[0]!.subarray(56, 64)))).toBe(true);
    const units = tableFromIPC(unitsMessage!.value);
    expect(units.numRows).toBe(8);
    const rows = [...units].reduce((sum, row) => sum + (row.tap === 0 ? row.rows : 0), 0);
    expect(rows).toBe(ROWS);
  });

  it('numbers positions sample by sample and row by row', () => {
    const plan = planWith({ keep: 'none', position: true });
    const samples = 4;
    const points = imagePoints(plan, { samples, firstPoint: 60, labels: null });
    const cells = [randomCodes(samples * 6, 8), randomCodes(samples * 6, 4)];
    const source = {
      plan,
      shard: 0,
      input: batchOf(samples, null),
      points,
      encoded: encodedOf(cells, samples),
    };
    const table = tableFromIPC(batchMessages(source).find((m) => m.headers.kind === 'points')!.value);
    expect(table.numRows).toBe(24);
    const eleventh = table.get(11)!;
    expect([eleventh.point_id, eleventh.source_id, eleventh.position_y, eleventh.position_x]).toEqual([
      71,
      'file#1',
      1,
      2,
    ]);
    expect(eleventh.label).toBe(-1);
  });

  it.each([false, true])(
    'has no trace of samples that were left out but gaps (positions: %s)',
    (position) => {
      const plan = planWith({ keep: 'digests', position });
      const cells = position ? 6 : 1;
      const values = Float32Array.from({ length: 5 }, (_, i) => 10 * i);
      const all = Int32Array.of(3, -1, 2, -1, 1);
      const whole = { ...batchOf(5, all), input: { type: 'float32', data: values, dims: [5, 1] } as const };
      const bad = [1, 3].map((index) => ({ index, where: `file#${index}`, why: 'does not decode' }));
      const { batch, numbers } = keptSamples({ ...whole, skipped: bad });
      expect([batch.samples, batch.input.dims]).toEqual([3, [3, 1]]);
      expect([...batch.input.data]).toEqual([0, 20, 40]);
      const points = imagePoints(plan, { samples: 3, firstPoint: 60, labels: batch.labels, numbers });
      const codesOf = [randomCodes(3 * cells, 8), randomCodes(3 * cells, 4)];
      const source = { plan, shard: 0, input: batch, points, encoded: encodedOf(codesOf, 3) };
      const messages = batchMessages(source);
      const rows = [...tableFromIPC(messages.find((m) => m.headers.kind === 'points')!.value)];
      const ids = [0, 2, 4].flatMap((n) => Array.from({ length: cells }, (_, cell) => 60 + n * cells + cell));
      expect(rows.map((row) => row.point_id)).toEqual(ids);
      const every = (of: readonly unknown[]) => of.flatMap((one) => Array.from({ length: cells }, () => one));
      expect(rows.map((row) => row.source_id)).toEqual(every(['file#0', 'file#2', 'file#4']));
      expect(rows.map((row) => row.label)).toEqual(every([3, 2, 1]));
      const digests = new Map<number, string>();
      for (const message of messages.filter((m) => m.headers.kind === 'codes'))
        for (const { span, pointId, words, digest } of codeRows(plan, message)) {
          if (span !== 0) continue;
          const row = ids.indexOf(pointId);
          expect(words.equals(codesOf[0]!.subarray(row * 8, row * 8 + 8))).toBe(true);
          digests.set(pointId, digest.toString('hex'));
        }
      expect(rows.map((row) => Buffer.from(row.digest_a).toString('hex'))).toEqual(
        ids.map((id) => digests.get(id)),
      );
    },
  );

  it('leaves padding tokens out and numbers the rest without gaps', () => {
    const lengths = Int32Array.of(3, 1);
    const points = tokenPoints({
      lengths,
      contextTokens: 4,
      firstPoint: 9,
      labels: Int32Array.of(1, 1, 2, 0),
    });
    expect([...points.grids[0]!.pointId]).toEqual([9, 10, 11, 12]);
    expect([...points.grids[0]!.codeRow!]).toEqual([0, 1, 2, 4]);
    expect([...points.grids[0]!.label]).toEqual([1, 1, 2, 0]);
  });

  it('marks a skipped batch on every partition', () => {
    const messages = skippedMessages(planWith({ keep: 'none' }), 5, 0);
    expect(messages.map((m) => `${m.headers.kind} ${m.partition} ${m.value.length}`)).toEqual([
      'codes 0 0',
      'codes 1 0',
      'codes 2 0',
      'points 2 0',
      'units 2 0',
    ]);
  });
});
