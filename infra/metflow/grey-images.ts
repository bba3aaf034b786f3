// A data set of images as one array of grey values.

import { createHash } from 'node:crypto';
import type { DatasetConfig } from '#schemas/config.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { DataRecord } from '#schemas/messages.ts';
import type { GreyImages } from '../../activities/metflow/vae/image-batches.ts';
import { keptSamples } from '../../activities/polytope/kept-samples.ts';
import { openDataset } from '../datasets/open.ts';

export interface GreyDataset extends GreyImages {
  /** SHA-256 of the values, hex. */
  readonly sha256: string;
  readonly files: DataRecord['files'];
}

const BATCH_ROWS = 1024;

/**
 * Reads a data set of images whole.
 * @param key - where the config names it, for faults.
 * @throws PipelineError as {@link readInputs} does, `data-invalid` for a value outside [0, 1].
 */
export async function readGreyImages(
  key: string,
  config: DatasetConfig,
  options: { readonly signal: AbortSignal },
): Promise<GreyDataset> {
  const { inputs, width, ...read } = await readInputs(key, config, options);
  checkRange(key, inputs, width);
  return { ...read, pixels: width, grey: inputs };
}

/** A data set as a model takes it. */
export interface InputRows {
  readonly rows: number;
  readonly width: number;
  /** `[rows, width]`. */
  readonly inputs: Float32Array;
  /** SHA-256 of the values, hex. */
  readonly sha256: string;
  readonly files: DataRecord['files'];
}

/**
 * Reads a data set of numbers whole.
 * @throws PipelineError as reading does, `config-invalid` for text.
 */
export async function readInputs(
  key: string,
  config: DatasetConfig,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<InputRows> {
  if (config.tokenizer !== undefined)
    throw new PipelineError({ kind: 'config-invalid', where: key, what: 'images are wanted, this is text' });
  const reader = await openDataset(config);
  try {
    const stop = signal === undefined ? {} : { signal };
    const plan = await reader.plan({ batchRows: BATCH_ROWS, ...stop });
    const width = plan.sampleShape.reduce((product, side) => product * side, 1);
    const inputs = new Float32Array(plan.samples * width);
    let at = 0;
    for (const shard of plan.shards)
      for await (const whole of reader.read(shard, { plan, batchRows: BATCH_ROWS, fromBatch: 0, ...stop })) {
        const { input, samples } = keptSamples(whole).batch;
        inputs.set((input.data as Float32Array).subarray(0, samples * width), at);
        at += samples * width;
      }
    const read = inputs.subarray(0, at);
    const sha256 = createHash('sha256').update(read).digest('hex');
    return { rows: at / width, width, inputs: read, sha256, files: plan.files };
  } finally {
    await reader.close();
  }
}

function checkRange(key: string, grey: Float32Array, pixels: number): void {
  const bad = grey.findIndex((value) => !(value >= 0 && value <= 1));
  if (bad === -1) return;
  throw new PipelineError({
    kind: 'data-invalid',
    where: `${key}, row ${Math.floor(bad / pixels)}`,
    what: 'a pixel is no probability from 0 to 1',
    value: String(grey[bad]),
    remedy: 'Scale it: bytes need transform: { scale: 0.00392156862745098 }.',
  });
}
