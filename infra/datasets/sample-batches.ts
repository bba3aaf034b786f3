// Batches out of samples that are decoded one by one, several at a time.

import { describeFault } from '#schemas/errors.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { InputBatch, SkippedSample } from '../../activities/ports.ts';
import { elementsOf } from './array-header.ts';
import { isBadFile } from './faults.ts';
import type { ImageDecoder } from './image-decoder.ts';
import type { ReadOptions } from './reader-options.ts';
import { batchRanges } from './shards.ts';

/** A sample whose bytes are fetched when its turn comes. */
export interface PendingSample {
  readonly sourceId: string;
  /** File and member or row, for messages. */
  readonly where: string;
  readonly label: number;
  fetch(): Promise<Uint8Array>;
}

export interface BatchOptions extends ReadOptions {
  readonly decoder: ImageDecoder;
  /** False where the data set has no labels. */
  readonly labelled: boolean;
  readonly onError: 'fail' | 'skip';
}

/** libuv has four threads by default, and sharp decodes on them. */
const DECODING_AT_ONCE = 4;

/**
 * Yields the shard's batches; the next batch decodes while the caller works on this one.
 * An image that does not decode throws, or with `onError: skip` stays zero with label -1 and is listed as
 * the batch's `skipped`.
 * @param samples - the shard's samples from `fromBatch * batchRows` on, in order.
 */
export async function* decodedBatches(
  shard: ShardSpec,
  samples: AsyncGenerator<PendingSample>,
  options: BatchOptions,
): AsyncGenerator<InputBatch> {
  const ranges = [...batchRanges(shard, options)];
  const rows = Math.min(options.batchRows, shard.samples);
  const rowLength = elementsOf(options.plan.sampleShape);
  const buffers = [0, 1].map(() => ({
    out: new Float32Array(rows * rowLength),
    labels: new Int32Array(rows),
  }));
  const make = (turn: number) =>
    nextBatch(shard, samples, { ...options, ...pick(ranges, turn), ...pick(buffers, turn & 1) });
  let next = ranges.length > 0 ? make(0) : null;
  try {
    for (let turn = 0; next !== null; turn++) {
      const batch: InputBatch = await next;
      options.signal?.throwIfAborted();
      next = turn + 1 < ranges.length ? make(turn + 1) : null;
      // A failure of the batch ahead is reported when its turn comes.
      next?.catch(() => {});
      yield batch;
    }
  } finally {
    await next?.catch(() => {});
    await samples.return(undefined);
  }
}

interface BatchJob extends BatchOptions {
  readonly batch: number;
  readonly first: number;
  readonly samples: number;
  readonly out: Float32Array;
  readonly labels: Int32Array;
}

async function nextBatch(
  shard: ShardSpec,
  source: AsyncGenerator<PendingSample>,
  job: BatchJob,
): Promise<InputBatch> {
  const { batch, first, samples, out, labels, plan, labelled } = job;
  const rowLength = elementsOf(plan.sampleShape);
  const pending: PendingSample[] = [];
  while (pending.length < samples) {
    const { value, done } = await source.next();
    if (done)
      throw new Error(
        `shard ${shard.shardId} ends after ${first + pending.length} of ${shard.samples} samples`,
      );
    pending.push(value);
  }
  const skipped: SkippedSample[] = [];
  await inParallel(pending, DECODING_AT_ONCE, (sample, index) =>
    decodeInto(sample, { ...job, index, rowLength, skipped }),
  );
  return {
    batch,
    firstSample: shard.firstSample + first,
    samples,
    input: {
      type: 'float32',
      data: out.subarray(0, samples * rowLength),
      dims: [samples, ...plan.sampleShape],
    },
    labels: labelled ? labels.subarray(0, samples) : null,
    sourceIds: pending.map(({ sourceId }) => sourceId),
    tokens: null,
    ...(skipped.length === 0 ? {} : { skipped: skipped.sort((a, b) => a.index - b.index) }),
  };
}

async function decodeInto(
  sample: PendingSample,
  job: BatchJob & { readonly index: number; readonly rowLength: number; readonly skipped: SkippedSample[] },
): Promise<void> {
  const { decoder, out, labels, index, rowLength, onError, skipped } = job;
  labels[index] = sample.label;
  try {
    await decoder.decode(await sample.fetch(), sample.where, out, index * rowLength);
  } catch (error) {
    if (onError === 'fail' || !isBadFile(error)) throw error;
    labels[index] = -1;
    out.fill(0, index * rowLength, (index + 1) * rowLength);
    skipped.push({ index, where: sample.where, why: describeFault(error.fault) });
  }
}

/**
 * Runs `work` on every item, at most `limit` at a time; the first failure is thrown after those under way
 * have ended.
 */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  async function lane(): Promise<void> {
    while (next < items.length && !failed) {
      const index = next++;
      await work(items[index] as T, index).catch((error) => {
        failed = true;
        throw error;
      });
    }
  }
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

function pick<T>(items: readonly T[], index: number): T {
  return items[index] as T;
}
