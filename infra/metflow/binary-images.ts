// A few images of a data file, as pixels that are 0 or 1.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import { dataset } from '#schemas/config.ts';
import { openDataset } from '../datasets/open.ts';

/**
 * Reads rows of an IDX file; a pixel is 1 where it is above half of its range.
 * @returns `[rows][pixels]` and the SHA-256, hex, of the pixels.
 * @throws PipelineError `data-missing` or `data-invalid`, also for a row that is not there.
 */
export async function readBinaryImages(
  file: string,
  rows: readonly number[],
): Promise<{ readonly images: readonly Uint8Array[]; readonly sha256: string }> {
  const images: Uint8Array[] = [];
  for (const row of rows) images.push(await readImage(file, row));
  const hash = createHash('sha256');
  for (const image of images) hash.update(image);
  return { images, sha256: hash.digest('hex') };
}

async function readImage(file: string, row: number): Promise<Uint8Array> {
  const reader = await openDataset(
    dataset.parse({ format: 'idx', data: file, rows: [row, row + 1], transform: { scale: 1 / 255 } }),
  );
  try {
    const plan = await reader.plan({ batchRows: 1 });
    for (const shard of plan.shards)
      for await (const { input } of reader.read(shard, { plan, batchRows: 1, fromBatch: 0 }))
        return Uint8Array.from(input.data as Float32Array, (pixel) => (pixel > 0.5 ? 1 : 0));
  } finally {
    await reader.close();
  }
  throw new PipelineError({
    kind: 'data-invalid',
    where: 'target.images',
    what: 'the file has no such row',
    value: `row ${row} of ${file}`,
  });
}
