// Samples of a data set by number, over readers that stream shards: only the batches that are asked for are decoded.

import type { DatasetConfig } from '#schemas/config.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ShardSpec } from '#schemas/sweep.ts';
import type { SampleBatch, Samples } from '../../activities/experiments/experiment.ts';
import type {
  DatasetPlan,
  DatasetReader,
  InputBatch,
  InputTensor,
  SkippedSample,
} from '../../activities/ports.ts';
import { readIfThere, writeWhole } from '../blobs/storage.ts';

/** Samples that are decoded together: few, because neighbours are seldom asked for. */
const BATCH_SAMPLES = 16;
/** Batches that are read on for the sake of the next sample, rather than opening the shard again. */
const BATCHES_AHEAD = 8;
/** Text is read again from its shard's start every time, so shards are short. */
const SHARD_SAMPLES = 512;

/** The data set as experiments plan and read it. */
export function sampleDataset(config: DatasetConfig): DatasetConfig {
  return { ...config, shardRows: Math.min(config.shardRows, SHARD_SAMPLES) };
}

/** Rows per batch as readers count them: images, or tokens. */
export function sampleBatchRows(config: DatasetConfig): number {
  return config.tokenizer === undefined ? BATCH_SAMPLES : BATCH_SAMPLES * config.contextTokens;
}

export interface SamplesOptions {
  /** As {@link sampleDataset} gives it. */
  readonly config: DatasetConfig;
  readonly plan: DatasetPlan;
  readonly reader: DatasetReader;
  /** File that keeps the labels of the whole set, so that it is read once. */
  readonly labelsFile: string;
}

/**
 * Opens samples by number, from 0 within `dataset.rows`.
 * @throws PipelineError (from reading) as the reader does; `config-invalid` for a number that the set does not have.
 */
export function openSamples(options: SamplesOptions): Samples {
  const { plan, config } = options;
  let labels: Promise<Int32Array | null> | null = null;
  return {
    count: plan.samples,
    shape: plan.sampleShape,
    labelNames: plan.labelNames,
    classes: plan.classes,
    labels: () => {
      const known = config.tokenizer === undefined && plan.classes !== null;
      labels ??= known ? labelsOf(options) : Promise.resolve(null);
      return labels;
    },
    read: (numbers) => readSamples(Array.from(numbers), options),
  };
}

async function labelsOf({ plan, config, reader, labelsFile }: SamplesOptions): Promise<Int32Array> {
  const cached = await readIfThere(labelsFile);
  if (cached?.byteLength === plan.samples * 4) return new Int32Array(new Uint8Array(cached).buffer);
  const labels = new Int32Array(plan.samples).fill(-1);
  let at = 0;
  for (const shard of plan.shards) {
    const batches = reader.read(shard, { plan, batchRows: sampleBatchRows(config), fromBatch: 0 });
    for await (const batch of batches) {
      if (batch.labels !== null) labels.set(batch.labels, at);
      at += batch.samples;
    }
  }
  await writeWhole(labelsFile, new Uint8Array(labels.buffer));
  return labels;
}

/** One sample with where it goes in the answer. */
interface Wanted {
  readonly within: number;
  readonly places: number[];
}

interface Found {
  input: InputTensor['data'] | null;
  type: InputTensor['type'];
  readonly labels: (Int32Array | null)[];
  readonly sourceIds: string[];
  readonly lengths: number[];
  readonly contexts: (readonly string[])[];
}

async function readSamples(numbers: readonly number[], options: SamplesOptions): Promise<SampleBatch> {
  const { plan, config } = options;
  const found: Found = { input: null, type: 'float32', labels: [], sourceIds: [], lengths: [], contexts: [] };
  const size = plan.sampleShape.reduce((product, side) => product * side, 1);
  for (const [shard, wanted] of byShard(numbers, plan))
    await readShard(shard, wanted, {
      ...options,
      take: (batch, row, places) => take(batch, { row, places, size, found, of: numbers.length }),
    });
  const isText = config.tokenizer !== undefined;
  const labelled = found.labels.some((labels) => labels !== null);
  return {
    input: {
      type: found.type,
      data: found.input ?? new Float32Array(0),
      dims: [numbers.length, ...plan.sampleShape],
    },
    labels: labelled ? joined(found.labels) : null,
    sourceIds: found.sourceIds,
    tokens: isText ? { lengths: Int32Array.from(found.lengths), contexts: found.contexts.flat() } : null,
  };
}

/** The shards that hold the samples, each with the samples in its order. */
function byShard(numbers: readonly number[], { shards, samples }: DatasetPlan): Map<ShardSpec, Wanted[]> {
  const order = numbers.map((number, place) => ({ number, place })).sort((a, b) => a.number - b.number);
  const groups = new Map<ShardSpec, Wanted[]>();
  let [shard, start] = [0, 0];
  for (const { number, place } of order) {
    if (!Number.isInteger(number) || number < 0 || number >= samples) throw noSuchSample(number, samples);
    while (number >= start + shards[shard]!.samples) start += shards[shard++]!.samples;
    const group = groups.get(shards[shard]!) ?? [];
    const last = group.at(-1);
    if (last?.within === number - start) last.places.push(place);
    else group.push({ within: number - start, places: [place] });
    groups.set(shards[shard]!, group);
  }
  return groups;
}

async function readShard(
  shard: ShardSpec,
  wanted: readonly Wanted[],
  {
    plan,
    config,
    reader,
    take,
  }: SamplesOptions & { readonly take: (batch: InputBatch, row: number, places: readonly number[]) => void },
): Promise<void> {
  const ahead = config.tokenizer === undefined ? BATCHES_AHEAD * BATCH_SAMPLES : Number.POSITIVE_INFINITY;
  let next = 0;
  while (next < wanted.length) {
    const fromBatch = Math.floor(wanted[next]!.within / BATCH_SAMPLES);
    let first = fromBatch * BATCH_SAMPLES;
    for await (const batch of reader.read(shard, { plan, batchRows: sampleBatchRows(config), fromBatch })) {
      for (; next < wanted.length && wanted[next]!.within < first + batch.samples; next++)
        take(batch, wanted[next]!.within - first, wanted[next]!.places);
      first += batch.samples;
      if (next >= wanted.length || wanted[next]!.within >= first + ahead) break;
    }
  }
}

/** Copies one row of a batch, whose buffers the reader uses again, to its places in the answer. */
function take(
  { input, labels, sourceIds, tokens, skipped }: InputBatch,
  {
    row,
    places,
    size,
    found,
    of,
  }: { row: number; places: readonly number[]; size: number; found: Found; of: number },
): void {
  const bad = skipped?.find(({ index }) => index === row);
  if (bad !== undefined) throw unreadable(bad);
  found.type = input.type;
  found.input ??= emptyLike(input.data, of * size);
  const firstToken = sum(tokens?.lengths.subarray(0, row) ?? new Int32Array(0));
  const length = tokens?.lengths[row] ?? 1;
  const from = tokens === null ? row : firstToken;
  for (const place of places) {
    (found.input as Float32Array).set(
      input.data.subarray(row * size, (row + 1) * size) as Float32Array,
      place * size,
    );
    found.labels[place] = labels?.slice(from, from + length) ?? null;
    found.sourceIds[place] = sourceIds[row]!;
    if (tokens === null) continue;
    found.lengths[place] = length;
    found.contexts[place] = tokens.contexts.slice(from, from + length);
  }
}

function emptyLike<Data extends InputTensor['data']>(data: Data, length: number): Data {
  return new (data.constructor as new (length: number) => Data)(length);
}

function joined(parts: readonly (Int32Array | null)[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => Array.from(part ?? [-1])));
}

function sum(values: Int32Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Labelled draws never meet one, because it has no label. */
function unreadable({ where, why }: SkippedSample): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    where,
    what: 'the experiment needs a sample that cannot be read',
    value: why,
    remedy: 'Choose other rows, or take the file out of dataset.data.',
  });
}

function noSuchSample(number: number, samples: number): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    where: 'dataset',
    what: `there is no sample of this number: the data set has ${samples}, counted from 0 within dataset.rows`,
    value: String(number),
    remedy: 'Choose other rows, or a larger dataset.rows.',
  });
}
