// Temporary data files and whole-data-set reads for the reader tests.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { DatasetPlan, DatasetReader } from '../../../activities/ports.ts';
import { openDataset } from '../../../infra/datasets/open.ts';
import type { DatasetConfig } from '#schemas/config.ts';
import { sweepConfig } from '#schemas/config.ts';
import type { PipelineFault } from '#schemas/errors.ts';
import { faultOf } from '#schemas/errors.ts';

/** Folder of the files that numpy, pyarrow, Pillow and tarfile wrote. */
export const GOLDEN = new URL('../../golden/datasets/', import.meta.url).pathname;

export const EXPECTED = JSON.parse(readFileSync(`${GOLDEN}expected.json`, 'utf8'));

/** A folder of this test file's own, also the cache; removed at the end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-datasets-'));
  process.env['TESSERA_CACHE'] = join(folder, 'cache');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function datasetConfig(dataset: Record<string, unknown>): DatasetConfig {
  return sweepConfig.parse({ kind: 'sweep', model: { file: 'unused.onnx' }, dataset }).dataset;
}

export interface WholeDataset {
  readonly plan: DatasetPlan;
  readonly values: number[];
  readonly labels: number[] | null;
  readonly sourceIds: string[];
  readonly contexts: string[];
  /** `[firstSample, samples]` of every batch. */
  readonly batches: [number, number][];
  readonly skips: { sample: number; where: string; why: string }[];
  readonly tokenStarts: number[];
}

/**
 * Plans, then reads every shard through JSON-round-tripped specs and a second reader, as another process
 * would.
 */
export async function readAll(
  dataset: Record<string, unknown>,
  { batchRows = 16 } = {},
): Promise<WholeDataset> {
  const config = datasetConfig(dataset);
  const planner = await openDataset(config);
  const plan = await planner.plan({ batchRows });
  await planner.close();
  const reader = await openDataset(config);
  const whole: WholeDataset = {
    plan,
    values: [],
    labels: plan.classes === null ? null : [],
    sourceIds: [],
    contexts: [],
    batches: [],
    skips: [],
    tokenStarts: [],
  };
  try {
    for (const shard of structuredClone(plan.shards))
      await readShard(reader, JSON.parse(JSON.stringify(shard)), whole, batchRows);
  } finally {
    await reader.close();
  }
  return whole;
}

async function readShard(
  reader: DatasetReader,
  shard: DatasetPlan['shards'][number],
  whole: WholeDataset,
  batchRows: number,
) {
  for await (const batch of reader.read(shard, { plan: whole.plan, batchRows, fromBatch: 0 })) {
    for (const { index, ...skip } of batch.skipped ?? [])
      whole.skips.push({ sample: batch.firstSample + index, ...skip });
    for (const value of batch.input.data) whole.values.push(Number(value));
    if (batch.labels !== null) whole.labels?.push(...batch.labels);
    whole.sourceIds.push(...batch.sourceIds);
    whole.contexts.push(...(batch.tokens?.contexts ?? []));
    whole.tokenStarts.push(...(batch.tokens?.firstTokenIndex ?? []));
    whole.batches.push([batch.firstSample, batch.samples]);
  }
}

/** The fault that planning or reading the data set ends in. */
export async function faultFrom(dataset: Record<string, unknown>): Promise<PipelineFault> {
  try {
    await readAll(dataset);
  } catch (error) {
    return faultOf(error);
  }
  throw new Error('the data set was read without a fault');
}

/** An IDX file: magic, element type, big-endian sizes, data as given. */
export function idxBytes({
  type,
  shape,
  data,
}: {
  type: number;
  shape: readonly number[];
  data: Uint8Array;
}): Buffer {
  const sizes = Buffer.alloc(4 * shape.length);
  for (const [axis, size] of shape.entries()) sizes.writeUInt32BE(size, 4 * axis);
  return Buffer.concat([Buffer.from([0, 0, type, shape.length]), sizes, data]);
}

/** A version 1 npy file. */
export function npyHeader(descr: string, shape: readonly number[]): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padded = text.padEnd(64 * Math.ceil((text.length + 11) / 64) - 11) + '\n';
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded, 'latin1')]);
}

export function write(path: string, bytes: Uint8Array | string): string {
  writeFileSync(path, bytes);
  return path;
}
