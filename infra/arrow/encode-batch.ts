// One encoded batch as messages of the code log (columns: schemas/columns/code-message.ts).

import { Binary, type Data, Float32, Float64, Int16, Int32, makeData } from 'apache-arrow';
import { CODES_COLUMNS, UNITS_COLUMNS } from '#schemas/columns/code-message.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import {
  type BatchPoints,
  gridOfTap,
  type GridRows,
  rowsByPartition,
  type SpanRows,
  spanRows,
  tapWords,
} from '../../activities/polytope/batch-rows.ts';
import { countUnits } from '../../activities/polytope/unit-counts.ts';
import { predictions } from '../../activities/polytope/predictions.ts';
import type { CodeMessage, EncodedBatch, InputBatch } from '../../activities/ports.ts';
import { asBytes, binaryColumn, DIGEST, int32Lists, ipc, optional, utf8Column } from './columns.ts';
import { storedCodeBytes } from '../sweep-geometry.ts';
import { keptColumns, messageSchema, pointMessageColumns } from './message-schemas.ts';

const CODES_SCHEMA = messageSchema(CODES_COLUMNS);
const UNITS_SCHEMA = messageSchema(UNITS_COLUMNS);

export interface BatchSource {
  readonly plan: SweepPlan;
  readonly shard: number;
  readonly input: InputBatch;
  readonly points: BatchPoints;
  readonly encoded: EncodedBatch;
}

/** All messages of one batch: `codes` to every partition, `points` and `units` to partition `shard mod P`. */
export function batchMessages(source: BatchSource): CodeMessage[] {
  const { plan, shard, input, points, encoded } = source;
  const { partitions } = plan.config.stream;
  const home = shard % partitions;
  const header = { run: plan.runId, shard, batch: input.batch };
  const key = `${shard}:${input.batch}`;
  const words = tapWords(plan, points, encoded.codes);
  const spans = spanRows(plan, points, words);
  const groups = spans.map((rows) => rowsByPartition(rows, partitions));
  const messages: CodeMessage[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const picked = spans.map((rows, i) => ({ rows, chosen: groups[i]![partition]! }));
    messages.push({ partition, key, value: codesValue(plan, picked), headers: { kind: 'codes', ...header } });
  }
  messages.push({
    partition: home,
    key,
    value: pointsValue(source, spans),
    headers: { kind: 'points', ...header },
  });
  messages.push({
    partition: home,
    key,
    value: unitsValue(source, words),
    headers: { kind: 'units', ...header },
  });
  return messages;
}

/** A batch that was skipped: empty messages under its number, so that every reader of the log can tell it is done. */
export function skippedMessages(plan: SweepPlan, shard: number, batch: number): CodeMessage[] {
  const { partitions } = plan.config.stream;
  const header = { run: plan.runId, shard, batch };
  const empty = new Uint8Array(0);
  const home = shard % partitions;
  const key = `${shard}:${batch}`;
  const codes = Array.from({ length: partitions }, (_, partition): CodeMessage => {
    return { partition, key, value: empty, headers: { kind: 'codes', ...header } };
  });
  return [
    ...codes,
    { partition: home, key, value: empty, headers: { kind: 'points', ...header } },
    { partition: home, key, value: empty, headers: { kind: 'units', ...header } },
  ];
}

function codesValue(plan: SweepPlan, picked: readonly { rows: SpanRows; chosen: Int32Array }[]): Uint8Array {
  const total = picked.reduce((sum, { chosen }) => sum + chosen.length, 0);
  const pointId = new Int32Array(total);
  const label = new Int32Array(total);
  const rowOffsets = new Int32Array(picked.length + 1);
  let at = 0;
  picked.forEach(({ rows, chosen }, i) => {
    for (const row of chosen) {
      pointId[at] = rows.pointId[row]!;
      label[at++] = rows.label[row]!;
    }
    rowOffsets[i + 1] = at;
  });
  const storedWords = picked.map(({ rows }) => storedCodeBytes(plan.spans[rows.span]!) >> 2);
  return ipc(CODES_SCHEMA, picked.length, [
    makeData({ type: new Int16(), data: Int16Array.from(picked, ({ rows }) => rows.span) }),
    int32Lists(rowOffsets, pointId),
    // Of its own: offsets that two columns share would be written once.
    int32Lists(rowOffsets.slice(), label),
    chosenRows(picked.map(({ rows, chosen }, i) => ({ words: rows.words, width: storedWords[i]!, chosen }))),
    chosenRows(
      picked.map(({ rows, chosen }, i) => ({
        words: rows.digest,
        width: storedWords[i] === 0 ? 4 : 0,
        chosen,
      })),
    ),
  ]);
}

/** For each span the chosen ones of its rows of `width` words, one behind the other. */
function chosenRows(
  spans: readonly { readonly words: Uint32Array; readonly width: number; readonly chosen: Int32Array }[],
): Data<Binary> {
  const total = spans.reduce((sum, { width, chosen }) => sum + chosen.length * width, 0);
  const data = new Uint32Array(total);
  const valueOffsets = new Int32Array(spans.length + 1);
  let at = 0;
  spans.forEach(({ words, width, chosen }, i) => {
    for (const row of chosen) {
      const from = row * width;
      for (let word = 0; word < width; word++) data[at++] = words[from + word]!;
    }
    valueOffsets[i + 1] = at * 4;
  });
  return makeData({
    type: new Binary(),
    length: spans.length,
    nullCount: 0,
    valueOffsets,
    data: asBytes(data),
  });
}

function unitsValue({ plan, points, encoded }: BatchSource, words: readonly Uint32Array[]): Uint8Array {
  const classes = points.grids.map((grid) => denseClasses(grid, plan.countClasses));
  const rows = plan.taps.flatMap(({ codeBits }, tap) => {
    const grid = gridOfTap(plan, tap);
    const { ids, classOf, rowsOf } = classes[grid]!;
    const shape = {
      rows: points.grids[grid]!.rows,
      wordsPerRow: (codeBits + 31) >>> 5,
      codeBits,
      classes: ids.length,
    };
    const counts = countUnits(words[tap]!, classOf, shape);
    return ids.map((id, i) => ({
      tap,
      class: id,
      rows: rowsOf[i]!,
      on: asBytes(counts.subarray(i * codeBits, (i + 1) * codeBits)),
      soft: i === 0 ? softCount(encoded, tap, points.grids[grid]!) : 0,
    }));
  });
  return ipc(UNITS_SCHEMA, rows.length, [
    makeData({ type: new Int16(), data: Int16Array.from(rows, (row) => row.tap) }),
    makeData({ type: new Int32(), data: Int32Array.from(rows, (row) => row.class) }),
    makeData({ type: new Int32(), data: Int32Array.from(rows, (row) => row.rows) }),
    binaryColumn(rows.map((row) => row.on)),
    makeData({ type: new Float64(), data: Float64Array.from(rows, (row) => row.soft) }),
  ]);
}

/** Near-zero pre-activations of a tap over the batch's points; padding tokens do not count. */
function softCount({ soft, softCounts }: EncodedBatch, tap: number, { rows, codeRow }: GridRows): number {
  const perRow = soft?.[tap];
  if (perRow === undefined || perRow === null) return softCounts[tap]!;
  let sum = 0;
  for (let row = 0; row < rows; row++) sum += perRow[codeRow === null ? row : codeRow[row]!]!;
  return sum;
}

/** The classes that occur on a grid, ascending, and each row's index among them. */
function denseClasses(
  { rows, label }: GridRows,
  separate: boolean,
): { ids: number[]; classOf: Int32Array; rowsOf: Int32Array } {
  if (!separate) return { ids: [-1], classOf: new Int32Array(rows), rowsOf: Int32Array.of(rows) };
  const ids = [...new Set(label)].sort((a, b) => a - b);
  const lowest = ids[0] ?? 0;
  const index = new Int32Array((ids.at(-1) ?? 0) - lowest + 1);
  ids.forEach((id, i) => {
    index[id - lowest] = i;
  });
  const classOf = new Int32Array(rows);
  const rowsOf = new Int32Array(ids.length);
  for (let row = 0; row < rows; row++) {
    const klass = index[label[row]! - lowest]!;
    classOf[row] = klass;
    rowsOf[klass]!++;
  }
  return { ids, classOf, rowsOf };
}

function pointsValue(source: BatchSource, spans: readonly SpanRows[]): Uint8Array {
  const columns = new Map([...pointColumns(source), ...keptCodes(source, spans)]);
  const sent = pointMessageColumns(source.plan);
  return ipc(
    messageSchema(sent),
    source.points.points,
    sent.map(({ name }) => columns.get(name)!),
  );
}

type NamedData = readonly [name: string, data: Data];

function pointColumns(source: BatchSource): NamedData[] {
  const { plan, input, points, encoded } = source;
  const count = points.points;
  const { sample, pointId, label } = points;
  const predicted = predictions(encoded, points, contextTokensOf(input));
  const norms = encoded.inputNorms;
  const norm = norms === null ? null : new Float32Array(count);
  for (let i = 0; norm !== null && i < count; i++) norm[i] = norms![sample[i]!]!;
  const sourceIds = new Array<string>(count);
  for (let i = 0; i < count; i++) sourceIds[i] = input.sourceIds[sample[i]!]!;
  return [
    ['point_id', makeData({ type: new Int32(), data: pointId })],
    ['source_id', utf8Column(sourceIds)],
    ['label', makeData({ type: new Int32(), data: label })],
    ...(input.tokens === null ? positionColumns(source) : tokenColumns(source)),
    ['pred_class', optional(new Int32(), count, predicted?.classes ?? null)],
    ['pred_prob', optional(new Float32(), count, predicted?.probabilities ?? null)],
    ['norm_start', optional(new Float32(), count, norm)],
    ['n_ambiguous', optional(new Int32(), count, ambiguousCounts(plan, points, encoded))],
  ];
}

function positionColumns({ plan, points: { points, cell, grid } }: BatchSource): NamedData[] {
  if (plan.config.codes.granularity !== 'position') return [];
  const width = plan.grids.map((g) => g.width);
  const y = new Int16Array(points);
  const x = new Int16Array(points);
  for (let i = 0; i < points; i++) {
    y[i] = Math.floor(cell[i]! / width[grid[i]!]!);
    x[i] = cell[i]! % width[grid[i]!]!;
  }
  return [
    ['position_y', makeData({ type: new Int16(), data: y })],
    ['position_x', makeData({ type: new Int16(), data: x })],
  ];
}

function tokenColumns({ input, points: { points, sample, cell } }: BatchSource): NamedData[] {
  const { firstTokenIndex, contexts } = input.tokens!;
  const contextTokens = contextTokensOf(input);
  const index = new Int32Array(points);
  const id = new Int32Array(points);
  for (let i = 0; i < points; i++) {
    index[i] = firstTokenIndex[sample[i]!]! + cell[i]!;
    id[i] = Number(input.input.data[sample[i]! * contextTokens + cell[i]!]!);
  }
  return [
    ['token_index', makeData({ type: new Int32(), data: index })],
    ['token_id', makeData({ type: new Int32(), data: id })],
    ['context', utf8Column(contexts)],
  ];
}

function contextTokensOf({ tokens, input }: InputBatch): number {
  return tokens === null ? 1 : input.dims[1]!;
}

/** The per-row codes that `codes.keep` asks for, one column per span. */
function keptCodes({ plan, points }: BatchSource, spans: readonly SpanRows[]): NamedData[] {
  return keptColumns(plan).map(({ name, type }, number) => {
    const rows = spans[number]!;
    const words = type === 'binary';
    const bytesPerRow = words ? plan.spans[number]!.codeBytes : 16;
    const from = asBytes(words ? rows.words : rows.digest);
    const all = rows.rows === points.points;
    const data = all ? from.slice(0, rows.rows * bytesPerRow) : new Uint8Array(points.points * bytesPerRow);
    const valid = new Uint8Array((points.points + 7) >> 3).fill(all ? 255 : 0);
    for (let row = 0; !all && row < rows.rows; row++) {
      const point = rows.point[row]!;
      data.set(from.subarray(row * bytesPerRow, (row + 1) * bytesPerRow), point * bytesPerRow);
      valid[point >> 3]! |= 1 << (point & 7);
    }
    const base = { length: points.points, nullCount: points.points - rows.rows, nullBitmap: valid, data };
    if (!words) return [name, makeData({ type: DIGEST, ...base })];
    const valueOffsets = Int32Array.from({ length: points.points + 1 }, (_, i) => i * bytesPerRow);
    return [name, makeData({ type: new Binary(), ...base, valueOffsets })];
  });
}

/** Ambiguous bits per point over the taps of its grid, or null where they were not counted. */
function ambiguousCounts(plan: SweepPlan, points: BatchPoints, encoded: EncodedBatch): Int32Array | null {
  if (encoded.ambiguous === null) return null;
  const counts = new Int32Array(points.points);
  encoded.ambiguous.forEach((perRow, tap) => {
    const { rows, point, codeRow } = points.grids[gridOfTap(plan, tap)]!;
    for (let row = 0; row < rows; row++) {
      counts[point[row]!]! += perRow[codeRow === null ? row : codeRow[row]!]!;
    }
  });
  return counts;
}
