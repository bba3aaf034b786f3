// From the codes of one batch to rows of the code log: points, spans, digests, partitions.

import type { SweepPlan } from '#schemas/sweep.ts';
import { digestRows, partitionOf, spanSeed } from './digest.ts';

/** The rows of one grid of code positions within a batch. */
export interface GridRows {
  readonly rows: number;
  /** Place of each point in the batch. */
  readonly point: Int32Array;
  readonly pointId: Int32Array;
  /** Row of the tap's code array that belongs to each point; null where it is the row's own number. */
  readonly codeRow: Int32Array | null;
  /** Class id, -1 for none. */
  readonly label: Int32Array;
}

/** The points of one batch. Point order is sample by sample, grid by grid, row by row. */
export interface BatchPoints {
  readonly points: number;
  /** `[points]`, ascending; with gaps where samples were left out. */
  readonly pointId: Int32Array;
  /** `[points]` sample (or sequence) within the batch. */
  readonly sample: Int32Array;
  /** `[points]` cell within the grid (y * width + x), or token within its sequence. */
  readonly cell: Int32Array;
  /** `[points]` grid index within the plan. */
  readonly grid: Uint8Array;
  /** `[points]` class id, -1 for none. */
  readonly label: Int32Array;
  readonly grids: readonly GridRows[];
}

/** Rows of one span: parallel arrays in point order. */
export interface SpanRows extends GridRows {
  readonly span: number;
  /** `[rows, wordsPerRow]`. */
  readonly words: Uint32Array;
  readonly wordsPerRow: number;
  /** `[rows, 4]`. */
  readonly digest: Uint32Array;
}

interface ImageBatch {
  readonly samples: number;
  /** Point of the whole batch's first sample. */
  readonly firstPoint: number;
  readonly labels: Int32Array | null;
  /** `[samples]` number of each within the whole batch. @default all of them, in order */
  readonly numbers?: Int32Array | null;
}

/** Enumerates the points of a batch of images. */
export function imagePoints(
  plan: Pick<SweepPlan, 'grids'>,
  { samples, firstPoint, labels, numbers = null }: ImageBatch,
): BatchPoints {
  const perSample = pointsPerSample(plan);
  const points = samples * perSample;
  const pointId = new Int32Array(points);
  const sample = new Int32Array(points);
  const cell = new Int32Array(points);
  const grid = new Uint8Array(points);
  const label = new Int32Array(points).fill(-1);
  const cells = plan.grids.map((g) => g.height * g.width);
  let at = 0;
  for (let s = 0; s < samples; s++) {
    // From a place in the batch to the number that its point has.
    const ahead = firstPoint + (numbers === null ? 0 : (numbers[s]! - s) * perSample);
    for (let g = 0; g < cells.length; g++) {
      for (let c = 0; c < cells[g]!; c++, at++) {
        pointId[at] = ahead + at;
        sample[at] = s;
        cell[at] = c;
        grid[at] = g;
        if (labels !== null) label[at] = labels[s]!;
      }
    }
  }
  const grids = cells.map((count, g) =>
    gridRows({ pointId, sample, cell, grid, label }, { grid: g, cells: count }),
  );
  return { points, pointId, sample, cell, grid, label, grids };
}

/** Enumerates the valid tokens of a batch of right-padded sequences; their codes form one grid. */
export function tokenPoints({
  lengths,
  contextTokens,
  firstPoint,
  labels,
}: {
  lengths: Int32Array;
  contextTokens: number;
  firstPoint: number;
  labels: Int32Array | null;
}): BatchPoints {
  const points = lengths.reduce((sum, length) => sum + length, 0);
  const pointId = Int32Array.from({ length: points }, (_, point) => firstPoint + point);
  const sample = new Int32Array(points);
  const cell = new Int32Array(points);
  const grid = new Uint8Array(points);
  const label = labels ?? new Int32Array(points).fill(-1);
  let at = 0;
  lengths.forEach((length, s) => {
    for (let token = 0; token < length; token++, at++) {
      sample[at] = s;
      cell[at] = token;
    }
  });
  const grids = [gridRows({ pointId, sample, cell, grid, label }, { grid: 0, cells: contextTokens })];
  return { points, pointId, sample, cell, grid, label, grids };
}

/** Code rows that one image makes: the sum of its grids' cells. */
export function pointsPerSample(plan: Pick<SweepPlan, 'grids'>): number {
  return plan.grids.reduce((sum, grid) => sum + grid.height * grid.width, 0);
}

/**
 * Code words of each tap, one row per point of the tap's grid.
 * @param codes - per tap `[rows, 4 * ceil(codeBits / 32)]` bytes, 4-byte aligned; may be padded with further rows.
 */
export function tapWords(plan: SweepPlan, points: BatchPoints, codes: readonly Uint8Array[]): Uint32Array[] {
  return codes.map((bytes, tap) => {
    const all = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
    const width = (plan.taps[tap]!.codeBits + 31) >>> 5;
    const { rows, codeRow } = points.grids[gridOfTap(plan, tap)]!;
    if (codeRow === null) return all.subarray(0, rows * width);
    const picked = new Uint32Array(rows * width);
    for (let row = 0; row < rows; row++) {
      const from = codeRow[row]! * width;
      for (let word = 0; word < width; word++) picked[row * width + word] = all[from + word]!;
    }
    return picked;
  });
}

/** Joins the taps of each span and digests its rows. */
export function spanRows(plan: SweepPlan, points: BatchPoints, words: readonly Uint32Array[]): SpanRows[] {
  return plan.spans.map((span, index) => {
    const grid = points.grids[gridOfTap(plan, span.taps[0]!)]!;
    const wordsPerRow = span.codeBytes >> 2;
    const joined =
      span.taps.length === 1 ? words[span.taps[0]!]! : joinTaps(plan, span.taps, words, grid.rows);
    const digest = new Uint32Array(grid.rows * 4);
    digestRows(joined, { rows: grid.rows, wordsPerRow, seed: spanSeed(span.name), out: digest });
    return { ...grid, span: index, words: joined, wordsPerRow, digest };
  });
}

/** Row numbers of a span's rows, grouped by the partition that owns their digest. */
export function rowsByPartition({ rows, digest }: SpanRows, partitions: number): Int32Array[] {
  const counts = new Int32Array(partitions);
  for (let row = 0; row < rows; row++) counts[partitionOf(digest[row * 4]!, partitions)]!++;
  const groups = Array.from(counts, (count) => new Int32Array(count));
  const filled = new Int32Array(partitions);
  for (let row = 0; row < rows; row++) {
    const partition = partitionOf(digest[row * 4]!, partitions);
    groups[partition]![filled[partition]!++] = row;
  }
  return groups;
}

/** The grid that a tap's codes lie on. */
export function gridOfTap(plan: Pick<SweepPlan, 'grids'>, tap: number): number {
  return plan.grids.findIndex((grid) => grid.taps.includes(tap));
}

function gridRows(
  points: Pick<BatchPoints, 'pointId' | 'sample' | 'cell' | 'grid' | 'label'>,
  { grid, cells }: { grid: number; cells: number },
): GridRows {
  let rows = 0;
  for (const g of points.grid) if (g === grid) rows++;
  const places = new Int32Array(rows);
  const pointId = new Int32Array(rows);
  const codeRow = new Int32Array(rows);
  const label = new Int32Array(rows);
  let own = true;
  for (let point = 0, row = 0; point < points.grid.length; point++) {
    if (points.grid[point] !== grid) continue;
    places[row] = point;
    pointId[row] = points.pointId[point]!;
    codeRow[row] = points.sample[point]! * cells + points.cell[point]!;
    label[row] = points.label[point]!;
    own &&= codeRow[row] === row;
    row++;
  }
  return { rows, point: places, pointId, codeRow: own ? null : codeRow, label };
}

function joinTaps(
  plan: SweepPlan,
  taps: readonly number[],
  words: readonly Uint32Array[],
  rows: number,
): Uint32Array {
  const widths = taps.map((tap) => (plan.taps[tap]!.codeBits + 31) >>> 5);
  const wordsPerRow = widths.reduce((sum, width) => sum + width, 0);
  const joined = new Uint32Array(rows * wordsPerRow);
  let column = 0;
  taps.forEach((tap, i) => {
    const from = words[tap]!;
    const width = widths[i]!;
    for (let row = 0; row < rows; row++) {
      for (let word = 0; word < width; word++)
        joined[row * wordsPerRow + column + word] = from[row * width + word]!;
    }
    column += width;
  });
  return joined;
}
