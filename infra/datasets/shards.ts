// Cutting a data set into shards: contiguous ranges of samples, numbered as in the whole data set.

import type { DatasetConfig } from '#schemas/config.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import { configInvalid } from './faults.ts';

export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The range of samples that `dataset.rows` leaves.
 * @throws PipelineError `config-invalid` where it reaches past the end.
 */
export function rowRange(
  { rows }: Pick<DatasetConfig, 'rows'>,
  { total, unit }: { total: number; unit: string },
): RowRange {
  if (rows === undefined) return { from: 0, to: total };
  const [from, to] = rows;
  if (to > total) {
    throw configInvalid('dataset.rows', `the data set has ${total} ${unit}`, { value: `[${from}, ${to}]` });
  }
  return { from, to };
}

/** Rows of one of several parts that make up a whole. */
export interface PartSlice<P> {
  readonly part: P;
  readonly index: number;
  /** Counted as the part counts its own rows. */
  readonly firstRow: number;
  readonly rows: number;
}

/** The slices of the parts that hold rows [from, to) of all parts together. */
export function sliceParts<P extends { readonly firstRow: number; readonly rows: number }>(
  parts: readonly P[],
  { from, to }: RowRange,
): PartSlice<P>[] {
  const found: PartSlice<P>[] = [];
  let start = 0;
  for (const [index, part] of parts.entries()) {
    const first = Math.max(from, start);
    const end = Math.min(to, start + part.rows);
    if (first < end) found.push({ part, index, firstRow: part.firstRow + first - start, rows: end - first });
    start += part.rows;
  }
  return found;
}

/** Shards of images or records, where every sample is one point until the model says otherwise. */
export function cutShards(
  { from, to }: RowRange,
  {
    shardRows,
    batchRows,
    locate,
  }: { shardRows: number; batchRows: number; locate: (range: RowRange) => unknown },
): ShardSpec[] {
  const shards: ShardSpec[] = [];
  for (let first = from; first < to; first += shardRows) {
    const samples = Math.min(shardRows, to - first);
    shards.push({
      shardId: shards.length,
      firstSample: first,
      samples,
      firstPoint: first,
      points: samples,
      batches: Math.ceil(samples / batchRows),
      locator: locate({ from: first, to: first + samples }),
    });
  }
  return shards;
}

/** Range of samples of each batch of a shard from `fromBatch` on, relative to the shard's first sample. */
export function* batchRanges(
  shard: Pick<ShardSpec, 'samples'>,
  { batchRows, fromBatch }: { batchRows: number; fromBatch: number },
): Generator<{ batch: number; first: number; samples: number }> {
  for (let batch = fromBatch; batch * batchRows < shard.samples; batch++) {
    const first = batch * batchRows;
    yield { batch, first, samples: Math.min(batchRows, shard.samples - first) };
  }
}
