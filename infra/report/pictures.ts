// Points of a data set as small pictures in one image, so that a page carries thousands.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { DatasetConfig, TransformConfig } from '#schemas/config.ts';
import type { Samples } from '../../activities/experiments/experiment.ts';
import type { DatasetPlan } from '../../activities/ports.ts';
import { IMAGE_SUFFIXES } from '../datasets/image-decoder.ts';
import { openDataset } from '../datasets/open.ts';
import { openSamples, sampleDataset } from '../lens/samples.ts';
import { readDatasetPlan } from '../plan-shape.ts';
import type { ReportRun } from './report-run.ts';

/** Larger pictures are reduced to this. */
const MOST_SIDE = 48;
const COLUMNS = 64;
/** Samples decoded at a time. */
const DECODED = 256;

export interface ImageShape {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

export interface Pictures {
  readonly shape: ImageShape;
  readonly transform: TransformConfig;
  readonly side: number;
  readonly columns: number;
  readonly samples: Samples;
  /** Points of one sample: more than one where codes are per position. */
  readonly pointsPerSample: number;
  /** A sweep numbers the rows of the whole data set, samples count from the first of `dataset.rows`. */
  readonly firstSample: number;
  place(picture: number): { readonly x: number; readonly y: number };
  close(): Promise<void>;
}

export interface Sprite {
  readonly dataUri: string;
  readonly width: number;
  readonly height: number;
  readonly side: number;
}

/** Opens the data set of a run for pictures; says why where there are none to be had. */
export async function openPictures(run: ReportRun): Promise<{
  readonly pictures: Pictures | null;
  readonly labelNames: readonly string[] | null;
  readonly notice: string | null;
}> {
  const { config, kind } = run.manifest;
  // Runs about images hold the pictures that they show in their tables.
  const dataset = 'dataset' in config && config.kind !== 'metflow' ? config.dataset : undefined;
  const plan = dataset === undefined || kind === 'metflow' ? null : await readDatasetPlan(run.runDir, kind);
  const labelNames = plan?.labelNames ?? null;
  if (dataset === undefined || plan === null) return { pictures: null, labelNames, notice: null };
  const shape = imageShape(plan.sampleShape, dataset.transform);
  if (shape === null || dataset.tokenizer !== undefined) return { pictures: null, labelNames, notice: null };
  const notice = await whyGone(run);
  if (notice !== null) return { pictures: null, labelNames, notice };
  return { pictures: await picturesOf(run, { dataset, plan, shape }), labelNames, notice: null };
}

async function picturesOf(
  run: ReportRun,
  {
    dataset,
    plan,
    shape,
  }: { readonly dataset: DatasetConfig; readonly plan: DatasetPlan; readonly shape: ImageShape },
): Promise<Pictures> {
  const config = sampleDataset(dataset);
  const reader = await openDataset(config);
  const samples = openSamples({ config, plan, reader, labelsFile: join(run.runDir, 'labels.bin') });
  const side = Math.min(MOST_SIDE, Math.max(shape.width, shape.height));
  const perSample = run.manifest.kind === 'sweep' ? plan.points / plan.samples : 1;
  return {
    shape,
    transform: dataset.transform,
    side,
    columns: COLUMNS,
    samples,
    pointsPerSample: Math.max(1, perSample),
    firstSample: run.manifest.kind === 'sweep' ? (plan.shards[0]?.firstSample ?? 0) : 0,
    place: (picture) => ({ x: (picture % COLUMNS) * side, y: Math.floor(picture / COLUMNS) * side }),
    close: () => reader.close(),
  };
}

/** Decodes points into one image, in the order given. */
export async function makeSprite(pictures: Pictures, pointIds: readonly number[]): Promise<Sprite> {
  const { shape, side, columns, samples, pointsPerSample, firstSample } = pictures;
  const width = Math.min(pointIds.length, columns) * side;
  const height = Math.ceil(pointIds.length / columns) * side;
  const sheet = new Uint8Array(width * height * shape.channels);
  for (let from = 0; from < pointIds.length; from += DECODED) {
    const part = pointIds.slice(from, from + DECODED);
    const { input } = await samples.read(part.map((id) => Math.floor(id / pointsPerSample) - firstSample));
    const size = shape.width * shape.height * shape.channels;
    for (let i = 0; i < part.length; i++) {
      const values = (input.data as Float32Array).subarray(i * size, (i + 1) * size);
      const pixels = await reduced(imagePixels(values, pictures), shape, side);
      copyInto(sheet, { pixels, side, channels: shape.channels, width, at: pictures.place(from + i) });
    }
  }
  const image = sharp(sheet, { raw: { width, height, channels: shape.channels } });
  const [format, bytes] =
    shape.channels === 1
      ? ['png', await image.toColourspace('b-w').png({ compressionLevel: 9 }).toBuffer()]
      : ['webp', await image.webp({ quality: 82 }).toBuffer()];
  return { dataUri: `data:image/${format};base64,${bytes.toString('base64')}`, width, height, side };
}

/** Height, width and channels of a sample, or null where it is no picture: a square one where the model takes it flat. */
export function imageShape(
  shape: readonly number[],
  { layout }: Pick<TransformConfig, 'layout'>,
): ImageShape | null {
  const [a = 0, b = 0, c = 0] = shape;
  if (shape.length === 1) return squareOf(a);
  const sides = layout === 'nchw' ? [b, c, a] : [a, b, c];
  const [height, width, channels] = shape.length === 2 ? [a, b, 1] : (sides as [number, number, number]);
  if (shape.length > 3 || (channels !== 1 && channels !== 3) || width < 4 || height < 4) return null;
  return { width, height, channels };
}

function squareOf(values: number): ImageShape | null {
  for (const channels of [1, 3] as const) {
    const side = Math.sqrt(values / channels);
    if (Number.isInteger(side) && side >= 8) return { width: side, height: side, channels };
  }
  return null;
}

/** Model input back to bytes, channels last: the transform's mean and deviation are undone, its scale where it was 1/255. */
export function imagePixels(
  values: Float32Array,
  { shape, transform }: Pick<Pictures, 'shape' | 'transform'>,
): Uint8Array {
  const { width, height, channels } = shape;
  const area = width * height;
  const of = (setting: number | readonly number[], channel: number) =>
    typeof setting === 'number' ? setting : (setting[channel] ?? 0);
  const planar = transform.layout === 'nchw';
  const raw = new Float32Array(values.length);
  let most = 0;
  for (let pixel = 0; pixel < area; pixel++) {
    for (let channel = 0; channel < channels; channel++) {
      const value = values[planar ? channel * area + pixel : pixel * channels + channel]!;
      const shown = value * of(transform.std, channel) + of(transform.mean, channel);
      const place = transform.channelOrder === 'bgr' ? channels - 1 - channel : channel;
      raw[pixel * channels + place] = shown;
      most = Math.max(most, shown);
    }
  }
  const factor = most <= 1.01 ? 255 : 1;
  return Uint8Array.from(raw, (value) => Math.max(0, Math.min(255, Math.round(value * factor))));
}

async function reduced(
  pixels: Uint8Array,
  { width, height, channels }: ImageShape,
  side: number,
): Promise<Uint8Array> {
  if (width === side && height === side) return pixels;
  return sharp(pixels, { raw: { width, height, channels } })
    .resize(side, side, { fit: 'contain', background: '#000' })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
}

function copyInto(
  sheet: Uint8Array,
  {
    pixels,
    side,
    channels,
    width,
    at,
  }: {
    readonly pixels: Uint8Array;
    readonly side: number;
    readonly channels: number;
    readonly width: number;
    readonly at: { readonly x: number; readonly y: number };
  },
): void {
  for (let row = 0; row < side; row++) {
    const line = pixels.subarray(row * side * channels, (row + 1) * side * channels);
    sheet.set(line, ((at.y + row) * width + at.x) * channels);
  }
}

/** Bytes of a file, or of the images right in a folder; null where there is neither. */
async function sizeOf(path: string): Promise<{ readonly folder: boolean; readonly bytes: number } | null> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isDirectory())
    return found === null ? null : { folder: false, bytes: found.size };
  const names = (await readdir(path)).filter((name) =>
    IMAGE_SUFFIXES.some((suffix) => name.toLowerCase().endsWith(suffix)),
  );
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return { folder: true, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function whyGone({ manifest }: ReportRun): Promise<string | null> {
  for (const { file, bytes } of manifest.data?.files ?? []) {
    const found = await sizeOf(file);
    if (found === null)
      return `Pictures are left out: ${file} is not there any more; points are named by number.`;
    // A folder may hold images that the run skipped.
    const grown = found.folder && manifest.skipped.length > 0 && found.bytes > bytes;
    if (found.bytes !== bytes && !grown)
      return `Pictures are left out: ${file} is not the file that the run read; points are named by number.`;
  }
  return null;
}
