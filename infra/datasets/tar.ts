// WebDataset tar files: members grouped into samples, an image and its label in each.

import { basename } from 'node:path';
import { z } from 'zod';
import type { DatasetConfig } from '#schemas/config.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { DatasetPlan, DatasetReader } from '../../activities/ports.ts';
import type { DataFile, OpenDataFile } from './data-file.ts';
import { dataFileSchema, fileSummary, identifyFile, openDataFile } from './data-file.ts';
import { isBadFile } from './faults.ts';
import { findFiles } from './globs.ts';
import { makeImageDecoder } from './image-decoder.ts';
import type { LabelSummary } from './labels.ts';
import { LabelCodes, LabelTally, NO_LABELS } from './labels.ts';
import type { PlanOptions, ReadOptions } from './reader-options.ts';
import type { PendingSample } from './sample-batches.ts';
import { decodedBatches } from './sample-batches.ts';
import type { RowRange } from './shards.ts';
import { cutShards, rowRange } from './shards.ts';
import type { Skipped } from './skipping.ts';
import { keepGood } from './skipping.ts';
import type { TarMember } from './tar-members.ts';
import { firstImageShape, tarSamples } from './tar-samples.ts';

/** Samples of one tar file: `skip` samples after the header at `offset`, then `samples` of them. */
const locatorSchema = z.object({
  parts: z.array(
    z.object({
      file: dataFileSchema,
      offset: z.number(),
      skip: z.number(),
      firstRow: z.number(),
      samples: z.number(),
    }),
  ),
});

interface TarPart {
  readonly file: DataFile;
  readonly samples: number;
  /** Header offset of every {@link STRIDE}-th sample. */
  readonly offsets: readonly number[];
  readonly labels: LabelSummary;
  readonly incomplete: readonly Skipped[];
  readonly shape: readonly number[] | null;
}

/** Offsets kept while planning: one in so many samples, the rest are walked to. */
const STRIDE = 256;

/**
 * Reader of WebDataset tar files (.tar, or gzipped). `dataset.column` is the suffix of the image member (else
 * the only member
 * with an image's suffix); `dataset.labels` the suffix of the label: `cls`, `txt`, or `json` / `json.field`
 * (field `label`).
 * @throws PipelineError (from plan) `data-missing`, `data-invalid` naming the file and sample.
 */
export async function openTar(config: DatasetConfig): Promise<DatasetReader> {
  return {
    plan: (options) => planTar(config, options),
    read: (shard, options) => readTar(config, shard, options),
    close: async () => {},
  };
}

async function planTar(config: DatasetConfig, options: PlanOptions): Promise<DatasetPlan> {
  const paths = await findFiles(config.data, { key: 'data' });
  const { kept, skipped } = await keepGood(paths, config, (path) => planFile(path, config, options));
  const total = kept.reduce((sum, { samples }) => sum + samples, 0);
  const range = rowRange(config, { total, unit: 'samples' });
  const sampleShape = config.transform.shape ?? kept.find(({ shape }) => shape !== null)?.shape ?? [];
  if (total > 0) makeImageDecoder({ transform: config.transform, sampleShape });
  const tally = new LabelTally();
  for (const { labels, file } of kept) tally.merge(labels, file.path);
  const shards = cutShards(range, {
    shardRows: config.shardRows,
    batchRows: options.batchRows,
    locate: (rows) => ({ parts: locate(kept, rows) }),
  });
  return {
    shards,
    samples: range.to - range.from,
    points: range.to - range.from,
    ...(config.labels === undefined ? NO_LABELS : tally.finish()),
    files: kept.map(({ file }) => fileSummary(file)),
    skipped: [...skipped, ...kept.flatMap(({ incomplete }) => incomplete)],
    sampleShape,
  };
}

async function planFile(path: string, config: DatasetConfig, options: PlanOptions): Promise<TarPart> {
  const file = await identifyFile(path, options);
  await using open = await openDataFile(file, options);
  const tally = new LabelTally();
  const offsets: number[] = [];
  const incomplete: Skipped[] = [];
  let samples = 0;
  let shape: readonly number[] | null = null;
  let badImage: Error | null = null;
  const walk = tarSamples(open, config, { from: 0, onIncomplete: (skipped) => incomplete.push(skipped) });
  for await (const { headerOffset, label, where, image } of walk) {
    options.signal?.throwIfAborted();
    if (samples % STRIDE === 0) offsets.push(headerOffset);
    if (samples % (STRIDE * 16) === 0) options.onProgress?.(`${basename(path)}: ${samples} samples`);
    tally.add(await label(), where);
    if (shape === null && config.transform.shape === undefined)
      shape = await firstImageShape(open, image, config).catch((error: unknown) => {
        if (config.onError === 'fail' || !isBadFile(error)) throw error;
        badImage ??= error;
        return null;
      });
    samples++;
  }
  // No image of the file tells how large its images are.
  if (shape === null && badImage !== null) throw badImage;
  return { file, samples, offsets, labels: tally.finish(), incomplete, shape };
}

function locate(files: readonly TarPart[], { from, to }: RowRange): z.infer<typeof locatorSchema>['parts'] {
  let start = 0;
  return files.flatMap(({ file, samples, offsets }) => {
    const firstRow = Math.max(from, start) - start;
    const end = Math.min(to, start + samples) - start;
    start += samples;
    if (firstRow >= end) return [];
    const offset = offsets[Math.floor(firstRow / STRIDE)] as number;
    return [{ file, offset, skip: firstRow % STRIDE, firstRow, samples: end - firstRow }];
  });
}

async function* readTar(config: DatasetConfig, shard: ShardSpec, options: ReadOptions) {
  const { transform, onError } = config;
  const { parts } = locatorSchema.parse(shard.locator);
  const decoder = makeImageDecoder({ transform, sampleShape: options.plan.sampleShape });
  const labelled = config.labels !== undefined;
  const open: OpenPart[] = [];
  try {
    // All stay open until the last batch, since a batch may span files and its bytes are fetched late.
    for (const part of parts) open.push({ part, file: await openDataFile(part.file, options) });
    const samples = shardSamples(config, open, options);
    yield* decodedBatches(shard, samples, { ...options, decoder, onError, labelled });
  } finally {
    await Promise.all(open.map(({ file }) => file[Symbol.asyncDispose]()));
  }
}

interface OpenPart {
  readonly part: z.infer<typeof locatorSchema>['parts'][number];
  readonly file: OpenDataFile;
}

async function* shardSamples(
  config: DatasetConfig,
  open: readonly OpenPart[],
  { plan, fromBatch, batchRows }: ReadOptions,
): AsyncGenerator<PendingSample> {
  const codes = new LabelCodes(plan.labelNames);
  let skip = fromBatch * batchRows;
  for (const { part, file } of open) {
    const name = basename(part.file.path);
    // Counts from the sample at `offset`, so that row 0 is the shard's first one in this file.
    let row = -part.skip;
    const samples = tarSamples(file, config, { from: part.offset, onIncomplete: () => {} });
    for await (const { key, label, where, image } of samples) {
      if (row === part.samples) break;
      if (row++ < skip) continue;
      const fetch = () => readMember(file, image);
      yield { sourceId: `${name}#${key}`, where, label: codes.idOf(await label(), () => where), fetch };
    }
    skip = Math.max(0, skip - part.samples);
  }
}

async function readMember(file: OpenDataFile, { offset, size }: TarMember): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  await file.readAt(offset, bytes);
  return bytes;
}
