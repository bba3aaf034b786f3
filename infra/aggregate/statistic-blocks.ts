// Samples and unit counts as column blocks of a segment, and back.

import { PipelineError } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CodeSample } from '../../activities/polytope/code-sample.ts';
import type { UnitCounts } from '../../activities/polytope/unit-table.ts';
import { columnOf, int32Of } from '../arrow/column-block.ts';
import type { ColumnBlock, ColumnData } from '../arrow/column-block.ts';
import { wordsOf } from '../arrow/code-rows.ts';

/** Every span's sample, span by span. */
export function sampleBlock(sample: CodeSample, { spans }: Pick<SweepPlan, 'spans'>): ColumnBlock {
  const parts = spans.map((_, span) => sample.sampled(span));
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const span = new Int16Array(rows);
  const pointId = new Int32Array(rows);
  const chunks: Uint8Array[] = [];
  let at = 0;
  parts.forEach((part, number) => {
    const bytesPerRow = part.rows === 0 ? 0 : part.words.byteLength / part.rows;
    for (let row = 0; row < part.rows; row++, at++) {
      span[at] = number;
      pointId[at] = part.pointId[row]!;
      chunks.push(new Uint8Array(part.words.buffer, part.words.byteOffset + row * bytesPerRow, bytesPerRow));
    }
  });
  return {
    rows,
    columns: new Map([
      ['span', plain(span)],
      ['point_id', plain(pointId)],
      ['words', binary(chunks)],
    ]),
  };
}

/** Adds the samples of a block with the columns of {@link sampleBlock}. */
export function addSampleBlock(sample: CodeSample, block: ColumnBlock): void {
  const span = columnOf(block, 'span').values as Int16Array;
  const { values, offsets } = columnOf(block, 'words');
  const words = wordsOf(values);
  for (let from = 0, to = 0; from < block.rows; from = to) {
    while (to < block.rows && span[to] === span[from]) to++;
    const rows = to - from;
    const pointId = int32Of(block, 'point_id').subarray(from, to);
    sample.addSample(span[from]!, {
      rows,
      pointId,
      words: words.subarray(offsets![from]! >> 2, offsets![to]! >> 2),
    });
  }
}

export function unitBlock(units: readonly UnitCounts[]): ColumnBlock {
  const on = units.map((unit) => new Uint8Array(unit.on.buffer, unit.on.byteOffset, unit.on.byteLength));
  return {
    rows: units.length,
    columns: new Map([
      ['tap', plain(Int16Array.from(units, ({ tap }) => tap))],
      ['class', plain(Int32Array.from(units, ({ classId }) => classId))],
      ['rows', plain(Int32Array.from(units, ({ rows }) => rows))],
      ['on', binary(on)],
      ['soft', plain(Float64Array.from(units, ({ soft }) => soft))],
    ]),
  };
}

/** Sums of a tap must have one count per bit. */
export function checkUnits({ tap, on }: UnitCounts, { taps }: Pick<SweepPlan, 'taps'>): void {
  const expected = taps[tap]?.codeBits;
  if (on.length === expected) return;
  throw new PipelineError({
    kind: 'code-width-mismatch',
    what: `unit counts of tap ${tap} have ${on.length} units`,
    value: `${expected} expected`,
  });
}

function plain(values: ColumnData['values']): ColumnData {
  return { values, offsets: null, validity: null };
}

function binary(chunks: readonly Uint8Array[]): ColumnData {
  const offsets = new Int32Array(chunks.length + 1);
  chunks.forEach((chunk, i) => {
    offsets[i + 1] = offsets[i]! + chunk.byteLength;
  });
  return { values: new Uint8Array(Buffer.concat(chunks)), offsets, validity: null };
}
