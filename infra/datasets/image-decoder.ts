// Encoded images (PNG, JPEG and whatever else sharp reads) to normalised float32.

import type { TransformConfig } from '#schemas/config.ts';
import sharp from 'sharp';
import { elementsOf } from './array-header.ts';
import { configInvalid, dataInvalid, shapeMismatch } from './faults.ts';
import type { Normaliser } from './normalise.ts';
import { makeNormaliser } from './normalise.ts';

/** Names of files that are taken for images. */
export const IMAGE_SUFFIXES = ['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif'] as const;

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

export interface ImageDecoder {
  /**
   * Decodes one image into `out` from `at` on, in the order of axes that the model wants.
   * @param where - file, for messages.
   * @throws PipelineError `data-invalid` where it does not decode, `shape-mismatch` where it has another size
   * and no shape was asked for.
   */
  decode(bytes: Uint8Array, where: string, out: Float32Array, at: number): Promise<void>;
}

export interface DecoderOptions {
  readonly transform: TransformConfig;
  readonly sampleShape: readonly number[];
}

/**
 * Images are stretched to the height and width of `transform.shape` (aspect ratio not kept, Lanczos 3) when
 * they differ.
 * Alpha is dropped, 16 bits become the upper 8, palettes and CMYK become sRGB. One channel is
 * (19595 R + 38470 G + 7471 B + 32768) >> 16, which leaves grey images as they are.
 * A shape `[values]` takes images of exactly that many values, never resized.
 * @throws PipelineError `config-invalid` where the shape is not that of an image with 1 or 3 channels.
 */
export function makeImageDecoder({ transform, sampleShape }: DecoderOptions): ImageDecoder {
  const wanted = sampleShape.length === 1 ? null : sizeOfShape(sampleShape, transform);
  const resize = wanted !== null && transform.shape !== undefined;
  const normalisers = new Map<string, Normaliser>();
  function normaliserFor(size: ImageSize): Normaliser {
    const key = `${size.height}x${size.width}x${size.channels}`;
    const known = normalisers.get(key);
    if (known !== undefined) return known;
    const source = [size.height, size.width, size.channels];
    const made = makeNormaliser({
      transform,
      sourceShape: source,
      sampleShape: shapeOfSize(size, transform),
    });
    normalisers.set(key, made);
    return made;
  }
  return {
    async decode(bytes, where, out, at) {
      const target = resize ? wanted : null;
      const { data, width, height } = await decodeRgb(bytes, where, target);
      const channels = wanted === null ? channelsFor(sampleShape, { width, height, where }) : wanted.channels;
      const size = { width, height, channels };
      if (wanted !== null && (width !== wanted.width || height !== wanted.height)) {
        throw shapeMismatch(where, shapeOfSize(size, transform), sampleShape);
      }
      const coloured = transform.channelOrder === 'bgr' ? bgrOf(data) : data;
      const pixels = channels === 1 ? greyOf(data) : coloured;
      normaliserFor(size).apply(pixels, out, { rows: 1, at });
    },
  };
}

/**
 * Size of an image from its header.
 * @throws PipelineError `data-invalid` naming the file where it is no image.
 */
export async function readImageSize(bytes: Uint8Array, where: string): Promise<ImageSize> {
  const { width, height, space } = await decoded(where, () => sharp(bytes).metadata());
  return { width, height, channels: space === 'b-w' || space === 'grey16' ? 1 : 3 };
}

/** Shape of an image of this size in the layout that the model wants. */
export function shapeOfSize(
  { width, height, channels }: ImageSize,
  { layout }: Pick<TransformConfig, 'layout'>,
): number[] {
  return layout === 'nchw' ? [channels, height, width] : [height, width, channels];
}

/** What sharp makes of an image; it throws for an empty one, and rejects for others. */
async function decoded<T>(where: string, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (cause) {
    throw undecodable(where, cause);
  }
}

async function decodeRgb(bytes: Uint8Array, where: string, target: ImageSize | null) {
  // One libvips thread per image: the caller decodes several images at once.
  sharp.concurrency(1);
  const { data, info } = await decoded(where, () => {
    const image = sharp(bytes, { failOn: 'error' }).toColourspace('srgb').removeAlpha();
    if (target !== null) image.resize(target.width, target.height, { fit: 'fill' });
    return image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  });
  if (info.channels !== 3)
    throw dataInvalid(where, 'the image has no RGB form', { value: `${info.channels} channels` });
  return {
    data: new Uint8Array(data.buffer, data.byteOffset, data.length),
    width: info.width,
    height: info.height,
  };
}

function bgrOf(rgb: Uint8Array): Uint8Array {
  const bgr = new Uint8Array(rgb.length);
  for (let i = 0; i < rgb.length; i += 3) {
    bgr[i] = rgb[i + 2] as number;
    bgr[i + 1] = rgb[i + 1] as number;
    bgr[i + 2] = rgb[i] as number;
  }
  return bgr;
}

function greyOf(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    const [red, green, blue] = [rgb[3 * i] as number, rgb[3 * i + 1] as number, rgb[3 * i + 2] as number];
    grey[i] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
  }
  return grey;
}

function sizeOfShape(shape: readonly number[], { layout }: TransformConfig): ImageSize {
  const [a, b, c] = shape as readonly [number, number, number | undefined];
  const planar =
    layout === 'nchw' ? { channels: a, height: b, width: c } : { height: a, width: b, channels: c };
  const { channels, height, width } = c === undefined ? { channels: 1, height: a, width: b } : planar;
  if (shape.length > 3 || width === undefined || (channels !== 1 && channels !== 3)) {
    throw configInvalid('dataset.transform.shape', 'images have 1 or 3 channels', {
      value: `[${shape}] with layout ${layout}`,
      remedy: 'Give [channels, height, width] for nchw and [height, width, channels] for nhwc',
    });
  }
  return { channels, height, width };
}

function channelsFor(
  shape: readonly number[],
  { width, height, where }: { width: number; height: number; where: string },
): 1 | 3 {
  const channels = elementsOf(shape) / (width * height);
  if (channels !== 1 && channels !== 3) throw shapeMismatch(where, [height, width], shape);
  return channels;
}

function undecodable(where: string, cause: unknown): Error {
  const value = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  return dataInvalid(where, 'the image does not decode', { value, cause });
}
