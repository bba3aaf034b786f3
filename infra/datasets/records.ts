// IDX and npy: rows of fixed size, read by position. Files are concatenated in list order.

import { basename } from 'node:path';
import type { DatasetPlan, DatasetReader, InputBatch } from '../../activities/ports.ts';
import type { DatasetConfig } from '#schemas/config.ts';
import { z } from 'zod';
import { elementsOf } from './array-header.ts';
import { fileSummary } from './data-file.ts';
import { configInvalid, nonFinite, shapeMismatch } from './faults.ts';
import type { LabelSummary } from './labels.ts';
import type { Normaliser } from './normalise.ts';
import { makeNormaliser } from './normalise.ts';
import { findFiles } from './globs.ts';
import type { PlanOptions, ReadOptions } from './reader-options.ts';
import { pairLabels } from './record-labels.ts';
import type { RecordPart } from './record-parts.ts';
import { openParts, partsOf, planPart, recordPartSchema } from './record-parts.ts';
import { batchRanges, cutShards, rowRange } from './shards.ts';
import { keepGood } from './skipping.ts';

const locatorSchema = z.object({
  data: z.array(recordPartSchema),
  labels: z.array(recordPartSchema).nullable(),
});

/**
 * Reader of IDX and npy files. Labels are files of the same kinds, one per data file.
 * @throws PipelineError (from plan) `data-missing`, `data-invalid`, `label-mismatch`, `shape-mismatch`,
 * naming the file.
 */
export async function openRecords(
  config: DatasetConfig,
  { format }: { format: 'idx' | 'npy' },
): Promise<DatasetReader> {
  // One buffer for all batches: a batch is used before the next one is read, and fresh memory costs page faults.
  const reused = { values: new Float32Array(0) };
  return {
    plan: (options) => planRecords(config, { ...options, format }),
    read: (shard, options) => readRecords(config, shard, { ...options, reused }),
    close: async () => {},
  };
}

async function planRecords(
  config: DatasetConfig,
  options: PlanOptions & { format: 'idx' | 'npy' },
): Promise<DatasetPlan> {
  const dataFiles = await findFiles(config.data, { key: 'data' });
  const labelFiles = await labelFilesOf(config, dataFiles.length);
  const wanted = config.transform.shape;
  const { kept, skipped } = await keepGood(dataFiles, config, async (file, index) => {
    const part = await planPart(file, options);
    if (wanted !== undefined) checkShape(part, wanted);
    const labels = labelFiles === null ? null : await pairLabels(part, labelFiles[index] as string, options);
    return { part, labels };
  });
  const parts = kept.map(({ part }) => part);
  const labelParts = kept.flatMap(({ labels }) => (labels === null ? [] : [labels.part]));
  const sampleShape = wanted ?? sharedShape(parts);
  makeNormaliser({ transform: config.transform, sourceShape: sampleShape, sampleShape });
  const total = parts.reduce((sum, part) => sum + part.rows, 0);
  const range = rowRange(config, { total, unit: 'samples' });
  const shards = cutShards(range, {
    shardRows: config.shardRows,
    batchRows: options.batchRows,
    locate: (rows) => ({
      data: partsOf(parts, rows),
      labels: labelFiles === null ? null : partsOf(labelParts, rows),
    }),
  });
  return {
    shards,
    samples: range.to - range.from,
    points: range.to - range.from,
    ...labelsOf(kept),
    files: [...parts, ...labelParts].map(({ file }) => fileSummary(file)),
    skipped,
    sampleShape,
  };
}

async function* readRecords(
  config: DatasetConfig,
  shard: Parameters<DatasetReader['read']>[0],
  { plan, batchRows, fromBatch, signal, reused }: ReadOptions & { readonly reused: { values: Float32Array } },
): AsyncGenerator<InputBatch> {
  const locator = locatorSchema.parse(shard.locator);
  await using data = await openParts(locator.data, { signal });
  await using labels = locator.labels === null ? null : await openParts(locator.labels, { signal });
  const { sampleShape } = plan;
  const normalisers = normalisersOf(locator.data, { transform: config.transform, sampleShape });
  const rowLength = elementsOf(sampleShape);
  const values = Math.min(batchRows, shard.samples) * rowLength;
  if (reused.values.length < values) reused.values = new Float32Array(values);
  const out = reused.values;
  const classIds = labels === null ? null : new Int32Array(Math.min(batchRows, shard.samples));
  for (const { batch, first, samples } of batchRanges(shard, { batchRows, fromBatch })) {
    signal?.throwIfAborted();
    const sourceIds: string[] = [];
    for await (const { part, numbers, row, rows, at } of data.rows(first, samples)) {
      const normaliser = normalisers.get(part) as Normaliser;
      const bad = normaliser.apply(numbers, out, { rows, at: at * rowLength });
      if (bad >= 0) throw nonFinite(part.file.path, row + bad, firstNonFinite(out, (at + bad) * rowLength));
      const name = basename(part.file.path);
      for (let i = 0; i < rows; i++) sourceIds.push(`${name}#${row + i}`);
    }
    if (labels !== null && classIds !== null) {
      for await (const { numbers, at } of labels.rows(first, samples)) classIds.set(numbers, at);
    }
    yield {
      batch,
      firstSample: shard.firstSample + first,
      samples,
      input: { type: 'float32', data: out.subarray(0, samples * rowLength), dims: [samples, ...sampleShape] },
      labels: classIds === null ? null : classIds.subarray(0, samples),
      sourceIds,
      tokens: null,
    };
  }
}

async function labelFilesOf({ labels }: DatasetConfig, dataFiles: number): Promise<string[] | null> {
  if (labels === undefined) return null;
  const files = await findFiles(labels, { key: 'labels' });
  if (files.length === dataFiles) return files;
  throw configInvalid('dataset.labels', `${files.length} label files for ${dataFiles} data files`, {
    remedy: 'Give one label file per data file, in the same order',
  });
}

function normalisersOf(
  parts: readonly RecordPart[],
  { transform, sampleShape }: { transform: DatasetConfig['transform']; sampleShape: readonly number[] },
): ReadonlyMap<RecordPart, Normaliser> {
  return new Map(
    parts.map((part) => [part, makeNormaliser({ transform, sourceShape: part.shape, sampleShape })]),
  );
}

function checkShape({ file, shape }: RecordPart, wanted: readonly number[]): void {
  if (elementsOf(shape) !== elementsOf(wanted)) throw shapeMismatch(file.path, shape, wanted);
}

function sharedShape(parts: readonly RecordPart[]): readonly number[] {
  const [first, ...rest] = parts;
  const shape = first === undefined || first.shape.length === 0 ? [1] : first.shape;
  for (const part of rest) checkShape(part, shape);
  return shape;
}

function labelsOf(kept: readonly { labels: { classes: number } | null }[]): LabelSummary {
  const classes = kept.flatMap(({ labels }) => (labels === null ? [] : [labels.classes]));
  return { labelNames: null, classes: classes.length === 0 ? null : Math.max(...classes) };
}

function firstNonFinite(out: Float32Array, from: number): number {
  return out.subarray(from).find((value) => !Number.isFinite(value)) ?? NaN;
}
