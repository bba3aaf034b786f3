// A reader gets the rows that an encoder had: from messages of this layout, and from those that release 0.1.0 left on a log
// (test/golden/messages-1, by its own encoder).

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultOf } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { digestRows, spanSeed } from '../../../activities/polytope/digest.ts';
import { pointColumns } from '../../../infra/aggregate/plan-tables.ts';
import { cellsOfColumn } from '../../../infra/arrow/cells.ts';
import { CodeRowsReader } from '../../../infra/arrow/code-rows.ts';
import type { ColumnBlock, ColumnValues } from '../../../infra/arrow/column-block.ts';
import { messageDecoder, type MessageDecoder } from '../../../infra/arrow/decode-message.ts';
import { skippedMessages } from '../../../infra/arrow/encode-batch.ts';
import { pointMessageColumns } from '../../../infra/arrow/message-schemas.ts';
import { syntheticMessages, syntheticPlan, syntheticRows } from '../aggregate/synthetic-log.ts';

const OPTIONS = {
  rows: 12,
  shardRows: 8,
  batchRows: 8,
  partitions: 2,
  tapBits: [10, 40],
  keep: 'words',
  wideSpan: 1,
} as const;
const plan = syntheticPlan(OPTIONS);

interface Recorded {
  readonly partition: number;
  readonly kind: string;
  readonly value: Uint8Array;
}

function recorded(): Recorded[] {
  const file = new URL('../../golden/messages-1/messages.json', import.meta.url);
  const messages = JSON.parse(readFileSync(file, 'utf8')) as (Omit<Recorded, 'value'> & { value: string })[];
  return messages.map((message) => ({
    ...message,
    value: new Uint8Array(Buffer.from(message.value, 'base64')),
  }));
}

function written(): Recorded[] {
  return [...syntheticMessages(plan, OPTIONS)]
    .flat()
    .map(({ partition, value, headers: { kind } }) => ({ partition, kind, value }));
}

/** Everything that a message says, as plain values. */
function saidBy({ kind, value }: Recorded, decoder: MessageDecoder): unknown {
  if (kind === 'units') return decoder.units(value, 'here').map((unit) => ({ ...unit, on: [...unit.on] }));
  if (kind === 'points') return pointsOf(decoder.points(value, 'here')!);
  const { rows, span, pointId, label, digest, words, wordOffsets } = decoder.codes(value, 'here')!;
  return Array.from({ length: rows }, (_, row) => ({
    span: span[row],
    pointId: pointId[row],
    label: label[row],
    digest: [...digest.subarray(row * 4, row * 4 + 4)],
    words: [...words.subarray(wordOffsets[row], wordOffsets[row + 1])],
  }));
}

function pointsOf(block: ColumnBlock): unknown {
  return pointColumns(plan).map((column) => [column.name, cellsOfColumn(block, column)]);
}

describe('messageDecoder', () => {
  it('gives the rows that were encoded, by span and point, with their digests', () => {
    const decoder = messageDecoder(plan);
    const rows = written()
      .filter(({ kind }) => kind === 'codes')
      .flatMap((message) => saidBy(message, decoder) as { span: number; pointId: number }[])
      .sort((a, b) => a.span - b.span || a.pointId - b.pointId);
    const { words, labels } = syntheticRows(plan, OPTIONS, 0, OPTIONS.rows);
    const joined = [words[0]!, words[1]!, joinedWords(words)];
    const expected = plan.spans.flatMap((span, number) =>
      Array.from({ length: OPTIONS.rows }, (_, row) => {
        const width = span.codeBytes >> 2;
        const own = joined[number]!.slice(row * width, (row + 1) * width);
        const digest = new Uint32Array(4);
        digestRows(own, { rows: 1, wordsPerRow: width, seed: spanSeed(span.name), out: digest });
        const bytes = span.digestOnly ? [] : [...new Uint8Array(own.buffer)];
        return { span: number, pointId: row, label: labels[row], digest: [...digest], words: bytes };
      }),
    );
    expect(rows).toEqual(expected);
  });

  it('reads what release 0.1.0 wrote of the same rows as the same', () => {
    const [older, newer] = [messageDecoder(plan), messageDecoder(plan)];
    const [before, now] = [recorded(), written()];
    expect(now.map(({ partition, kind }) => `${kind} ${partition}`)).toEqual(
      before.map(({ partition, kind }) => `${kind} ${partition}`),
    );
    before.forEach((message, i) => {
      expect(saidBy(now[i]!, newer)).toEqual(saidBy(message, older));
      expect(now[i]!.value).not.toEqual(message.value);
    });
  });

  it('reads both layouts from one log', () => {
    const decoder = messageDecoder(plan);
    const said = recorded().map((message) => saidBy(message, decoder));
    const mixed = recorded().map((message, i) => saidBy(i % 2 === 0 ? message : written()[i]!, decoder));
    expect(mixed).toEqual(said);
  });

  it('has nothing for a skipped batch', () => {
    const decoder = messageDecoder(plan);
    const [codes] = skippedMessages(plan, 0, 0);
    expect(decoder.codes(codes!.value, 'here')).toBeNull();
    expect(decoder.points(codes!.value, 'here')).toBeNull();
    expect(decoder.units(codes!.value, 'here')).toEqual([]);
  });
});

function joinedWords([first, second]: readonly Uint32Array[]): Uint32Array {
  return Uint32Array.from({ length: first!.length * 3 }, (_, i) =>
    i % 3 === 0 ? first![i / 3]! : second![Math.floor(i / 3) * 2 + (i % 3) - 1]!,
  );
}

describe('CodeRowsReader', () => {
  const column = (values: ColumnValues, offsets: number[] | null = null) => ({
    values,
    offsets: offsets === null ? null : Int32Array.from(offsets),
    validity: null,
  });
  /** Two rows of span 0 (a word each) and one of span 1 (digests alone). */
  const lists = {
    span: column(Int16Array.of(0, 1)),
    point_id: column(Int32Array.of(4, 5, 4), [0, 2, 3]),
    label: column(Int32Array.of(1, 2, 1), [0, 2, 3]),
    words: column(new Uint8Array(8), [0, 8, 8]),
    digest: column(new Uint8Array(16), [0, 0, 16]),
  };
  const read = (changes: Partial<typeof lists>) => {
    const block = { rows: 2, columns: new Map(Object.entries({ ...lists, ...changes })) };
    return new CodeRowsReader(plan).read(block, 'here');
  };

  it.each([
    ['fewer words than points', { words: column(new Uint8Array(4), [0, 4, 4]) }, 'code-width-mismatch'],
    ['words of a span without', { words: column(new Uint8Array(16), [0, 8, 16]) }, 'code-width-mismatch'],
    ['a span that was not planned', { span: column(Int16Array.of(0, 9)) }, 'code-width-mismatch'],
    ['fewer labels than points', { label: column(Int32Array.of(1, 2), [0, 1, 2]) }, 'internal'],
    ['more digests than points', { digest: column(new Uint8Array(32), [0, 0, 32]) }, 'internal'],
  ])('refuses %s', (_, changes, kind) => {
    expect(read({}).rows).toBe(3);
    let fault: unknown = null;
    try {
      read(changes as Partial<typeof lists>);
    } catch (error) {
      fault = faultOf(error).kind;
    }
    expect(fault).toBe(kind);
  });
});

describe('pointMessageColumns', () => {
  const names = (dataset: object, codes: object) => {
    const config = {
      ...plan.config,
      dataset: { ...plan.config.dataset, ...dataset },
      codes: { ...plan.config.codes, ...codes },
    } as SweepPlan['config'];
    return pointMessageColumns({ ...plan, config }).map(({ name }) => name);
  };
  const always = ['point_id', 'source_id', 'label', 'pred_class', 'pred_prob'];
  const kept = ['words_layer0', 'digest_layer1', 'words_network'];

  it.each([
    ['images', {}, {}, ['norm_start']],
    ['positions', {}, { granularity: 'position' }, ['norm_start', 'position_x', 'position_y']],
    ['tokens', { tokenizer: 'tokenizer.json' }, {}, ['token_index', 'token_id', 'context']],
    ['ambiguous bits', {}, { countAmbiguous: true }, ['norm_start', 'n_ambiguous']],
  ])('are those that a run of %s has', (_, dataset, codes, own) => {
    expect(names(dataset, codes).sort()).toEqual([...always, ...kept, ...own].sort());
  });
});
