// Batches without the samples that could not be read: what is left has no trace of them but gaps in its numbers.

import type { InputBatch } from '../ports.ts';

export interface KeptSamples {
  /** The batch of what is left; it may be empty. */
  readonly batch: InputBatch;
  /** `[samples]` number of each within the whole batch; null where nothing was left out. */
  readonly numbers: Int32Array | null;
}

/** Closes the gaps of skipped samples, in the batch's own buffers. Images and rows only: texts skip whole files. */
export function keptSamples(whole: InputBatch): KeptSamples {
  const { skipped = [], samples, input, labels, sourceIds } = whole;
  if (skipped.length === 0) return { batch: whole, numbers: null };
  const gone = new Set(skipped.map(({ index }) => index));
  const numbers = Int32Array.from({ length: samples }, (_, index) => index).filter(
    (index) => !gone.has(index),
  );
  const size = input.data.length / samples;
  for (const [row, from] of numbers.entries()) {
    input.data.copyWithin(row * size, from * size, (from + 1) * size);
    if (labels !== null) labels[row] = labels[from]!;
  }
  const left = numbers.length;
  const batch: InputBatch = {
    ...whole,
    samples: left,
    input: {
      ...input,
      data: input.data.subarray(0, left * size) as typeof input.data,
      dims: [left, ...input.dims.slice(1)],
    },
    labels: labels === null ? null : labels.subarray(0, left),
    sourceIds: Array.from(numbers, (index) => sourceIds[index]!),
  };
  return { batch, numbers };
}
