// Folders of image files: the name of a file's folder is its label.

import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { DatasetConfig } from '#schemas/config.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { DatasetPlan, DatasetReader } from '../../activities/ports.ts';
import { cachePath, writeCached } from './cache-folder.ts';
import { configInvalid, dataInvalid, dataMissing } from './faults.ts';
import { makeImageDecoder } from './image-decoder.ts';
import type { CheckedImages } from './image-files.ts';
import { checkImages, findImages } from './image-files.ts';
import type { PlanOptions, ReadOptions } from './reader-options.ts';
import type { PendingSample } from './sample-batches.ts';
import { decodedBatches } from './sample-batches.ts';
import { cutShards, rowRange } from './shards.ts';

/** A slice of the index of images, which lies in the cache under the hash of its content. */
const locatorSchema = z.object({ index: z.string(), offset: z.number(), bytes: z.number() });

/** One line of the index: path, path relative to the data root, label, bytes of the file. */
const lineSchema = z.tuple([z.string(), z.string(), z.number(), z.number()]);

/**
 * Reader of image folders. `data` is a folder (searched at every depth) or image files; the order is by code
 * unit.
 * Images that lie directly in the given folder have no label. Sample ids are paths relative to that folder.
 * @throws PipelineError (from plan) `data-missing`, `data-invalid` naming the file whose header is no
 * image's.
 */
export async function openImages(config: DatasetConfig): Promise<DatasetReader> {
  return {
    plan: (options) => planImages(config, options),
    read: (shard, options) => readImages(config, shard, options),
    close: async () => {},
  };
}

async function planImages(config: DatasetConfig, options: PlanOptions): Promise<DatasetPlan> {
  if (config.labels !== undefined) {
    throw configInvalid('dataset.labels', "an image's label is the name of its folder", {
      value: String(config.labels),
      remedy: 'Leave the key out, or put labels beside images in a tar or a Parquet file',
    });
  }
  const images = await checkImages(await findImages(config), config, options);
  makeImageDecoder({ transform: config.transform, sampleShape: images.sampleShape });
  const { index, offsets } = await writeIndex(images);
  const range = rowRange(config, { total: images.kept.length, unit: 'images' });
  const shards = cutShards(range, {
    shardRows: config.shardRows,
    batchRows: options.batchRows,
    locate: ({ from, to }) => {
      const offset = offsets[from] as number;
      return { index, offset, bytes: (offsets[to] as number) - offset };
    },
  });
  const samples = range.to - range.from;
  const { labelNames, files, skipped, sampleShape } = images;
  return {
    shards,
    samples,
    points: samples,
    labelNames,
    classes: labelNames?.length ?? null,
    files,
    skipped,
    sampleShape,
  };
}

async function* readImages(config: DatasetConfig, shard: ShardSpec, options: ReadOptions) {
  const { transform, onError } = config;
  const decoder = makeImageDecoder({ transform, sampleShape: options.plan.sampleShape });
  const skip = options.fromBatch * options.batchRows;
  const samples = imagesOf(config, shard, skip);
  yield* decodedBatches(shard, samples, {
    ...options,
    decoder,
    onError,
    labelled: options.plan.labelNames !== null,
  });
}

async function* imagesOf(
  config: DatasetConfig,
  shard: ShardSpec,
  skip: number,
): AsyncGenerator<PendingSample> {
  const locator = locatorSchema.parse(shard.locator);
  const text = await readIndex(locator).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await rebuildIndex(config, locator.index);
    return readIndex(locator);
  });
  for (const line of text.trimEnd().split('\n').slice(skip)) {
    const [path, sourceId, label, bytes] = lineSchema.parse(JSON.parse(line));
    yield { sourceId, where: path, label, fetch: () => fetchImage(path, bytes) };
  }
}

async function fetchImage(path: string, bytes: number): Promise<Uint8Array> {
  const content = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw dataMissing(path, 'cannot be opened', { value: cause.code, cause });
  });
  if (content.length === bytes) return content;
  const value = `${content.length} bytes, planned with ${bytes}`;
  throw dataInvalid(path, 'the file changed since the run was planned', { value, remedy: 'Start a new run' });
}

/** @returns the index's hash and the byte of every line, with one entry more than there are lines. */
async function writeIndex({
  kept,
}: Pick<CheckedImages, 'kept'>): Promise<{ index: string; offsets: Float64Array }> {
  const offsets = new Float64Array(kept.length + 1);
  const hash = createHash('sha256');
  const lines = kept.map(({ path, relative, label, bytes }, row) => {
    const line = Buffer.from(`${JSON.stringify([path, relative, label, bytes])}\n`);
    offsets[row + 1] = (offsets[row] as number) + line.length;
    hash.update(line);
    return line;
  });
  const index = hash.digest('hex');
  await writeCached(`images/${index}`, (file) => file.writeFile(Buffer.concat(lines)));
  return { index, offsets };
}

async function readIndex({ index, offset, bytes }: z.infer<typeof locatorSchema>): Promise<string> {
  const file = await open(cachePath(`images/${index}`), 'r');
  try {
    const target = Buffer.alloc(bytes);
    await file.read(target, 0, bytes, offset);
    return target.toString('utf8');
  } finally {
    await file.close();
  }
}

/** Another machine, or a cleaned cache: the index is made again and must come out the same. */
async function rebuildIndex(config: DatasetConfig, wanted: string): Promise<void> {
  const { index } = await writeIndex(await checkImages(await findImages(config), config, {}));
  if (index === wanted) return;
  throw dataInvalid(String(config.data), 'the image files changed since the run was planned', {
    remedy: 'Start a new run',
  });
}
