// IDX files read and written by hand.

import { readFileSync, writeFileSync } from 'node:fs';

const PIXELS = 784;

/** `[count, 784]` pixels from row `from` on. */
export function idxImages(file: string, from: number, count: number): Uint8Array {
  return readFileSync(file).subarray(16 + from * PIXELS, 16 + (from + count) * PIXELS);
}

/** `[count]` labels from row `from` on. */
export function idxLabels(file: string, from: number, count: number): Uint8Array {
  return readFileSync(file).subarray(8 + from, 8 + from + count);
}

/** Writes images of 28 x 28. */
export function writeIdxImages(file: string, pixels: Uint8Array): void {
  const header = Buffer.from([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28]);
  header.writeUInt32BE(pixels.length / PIXELS, 4);
  writeFileSync(file, Buffer.concat([header, pixels]));
}

export function writeIdxLabels(file: string, labels: Uint8Array): void {
  const header = Buffer.from([0, 0, 8, 1, 0, 0, 0, 0]);
  header.writeUInt32BE(labels.length, 4);
  writeFileSync(file, Buffer.concat([header, labels]));
}
