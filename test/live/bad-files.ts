// Data sets and models that are broken in one way each, made from real digits.

import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { idxImages, idxLabels, writeIdxImages, writeIdxLabels } from '../oracle/idx-files.ts';
import { linearModel } from '../oracle/onnx-bytes.ts';
import { MNIST } from './live-home.ts';

export const GOOD_ROWS = 2000;
/** The row whose 5th value is NaN: in the sixth batch of 256, after much good work. */
export const NAN_ROW = 1500;

/** Writes all files into a folder; gives the path of one by its name. */
export function writeBadFiles(folder: string): (name: string) => string {
  mkdirSync(folder, { recursive: true });
  const at = (name: string) => join(folder, name);
  const pixels = idxImages(join(MNIST, 'train-images-idx3-ubyte'), 0, GOOD_ROWS);
  const labels = idxLabels(join(MNIST, 'train-labels-idx1-ubyte'), 0, GOOD_ROWS);
  writeIdxImages(at('images'), pixels);
  writeIdxLabels(at('labels'), labels);
  writeIdxImages(at('truncated'), pixels);
  truncateSync(at('truncated'), 16 + 784 * 1234 + 100);
  const wrongMagic = readFileSync(at('images'));
  wrongMagic.writeUInt32BE(0x0badc0de, 0);
  writeFileSync(at('magic'), wrongMagic);
  writeIdxLabels(at('few-labels'), labels.subarray(1));
  const floats = Float32Array.from(pixels, (pixel) => pixel / 255);
  floats[NAN_ROW * 784 + 5] = Number.NaN;
  writeNpy(at('nan.npy'), { descr: '<f4', shape: `${GOOD_ROWS}, 784`, bytes: Buffer.from(floats.buffer) });
  writeNpy(at('labels.npy'), { descr: '|u1', shape: `${GOOD_ROWS},`, bytes: labels });
  writeFileSync(at('linear.onnx'), linearModel());
  writeFileSync(at('images.onnx'), pixels.subarray(0, 4096));
  return at;
}

/** A tar of grey images with a class each; those of `broken` end in the middle of their pixels. */
export async function writeImageTar(file: string, images: number, broken: readonly number[]): Promise<void> {
  const archive = pack();
  for (let i = 0; i < images; i++) {
    const pixels = Uint8Array.from({ length: 784 }, (_, at) => (at * 31 + i * 57) % 251);
    const png = await sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } })
      .png()
      .toBuffer();
    archive.entry({ name: `${i}.png` }, broken.includes(i) ? png.subarray(0, png.length - 200) : png);
    archive.entry({ name: `${i}.cls` }, String(i % 3));
  }
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  writeFileSync(file, Buffer.concat(parts));
}

interface Npy {
  readonly descr: string;
  readonly shape: string;
  readonly bytes: Uint8Array;
}

/** npy version 1.0, row-major. */
function writeNpy(file: string, { descr, shape, bytes }: Npy): void {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = `${header.padEnd(117)}\n`;
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length, 0]);
  writeFileSync(file, Buffer.concat([start, Buffer.from(padded), bytes]));
}
