// Small TensorFlow.js models written to a folder, and the same nets by plain arithmetic in double precision.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionOptions } from '../../../activities/ports.ts';

/** A weight by name: shape and values. */
export interface TestWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly dtype?: 'float32' | 'int32';
}

/** Deterministic values around 0, not from the product's generator. */
export function waves(count: number, seed: number, scale = 1): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => scale * Math.sin(12.9898 * (i + 1) + 78.233 * seed + 0.37 * i * i),
  );
}

/** Writes model.json and two shards; returns model.json's path. */
export function writeTfjsModel(
  folder: string,
  modelTopology: object,
  weights: readonly TestWeight[],
  more: object = {},
): string {
  mkdirSync(folder, { recursive: true });
  const bytes = Buffer.concat(
    weights.map(({ values, dtype }) => {
      const typed = dtype === 'int32' ? Int32Array.from(values) : values;
      return Buffer.from(typed.buffer, typed.byteOffset, typed.byteLength);
    }),
  );
  // The cut is not on a float's boundary: shards are one byte stream.
  const cut = Math.floor(bytes.length / 2) + 1;
  writeFileSync(join(folder, 'group1-shard1of2.bin'), bytes.subarray(0, cut));
  writeFileSync(join(folder, 'group1-shard2of2.bin'), bytes.subarray(cut));
  const specs = weights.map(({ name, shape, dtype }) => ({ name, shape, dtype: dtype ?? 'float32' }));
  const weightsManifest = [{ paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'], weights: specs }];
  const file = join(folder, 'model.json');
  writeFileSync(file, JSON.stringify({ ...more, modelTopology, weightsManifest }));
  return file;
}

/** A Keras Sequential of `[class_name, config]` layers. */
export function sequential(
  layers: readonly (readonly [string, object])[],
  inputShape: readonly number[],
): object {
  const described = layers.map(([class_name, config], i) => ({
    class_name,
    config: i === 0 ? { ...config, batch_input_shape: [null, ...inputShape] } : config,
  }));
  return { model_config: { class_name: 'Sequential', config: { name: 'net', layers: described } } };
}

/** Base64 string attribute of a GraphDef. */
export function text(value: string): { s: string } {
  return { s: Buffer.from(value).toString('base64') };
}

export function graphNode(
  op: string,
  name: string,
  input: readonly string[] = [],
  attr: object = {},
): object {
  return { name, op, input, attr: { T: { type: 'DT_FLOAT' }, ...attr } };
}

export function placeholder(name: string, shape: readonly number[], type = 'DT_FLOAT'): object {
  const dim = shape.map((size) => ({ size: String(size) }));
  return { name, op: 'Placeholder', attr: { dtype: { type }, shape: { shape: { dim } } } };
}

/** Const nodes for the weights of a graph. */
export function constants(weights: readonly TestWeight[]): object[] {
  return weights.map(({ name, dtype }) => ({
    name,
    op: 'Const',
    attr: { dtype: { type: dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT' } },
  }));
}

/** `[samples, in] x [in, out] + [out]` in double precision. */
export function denseOracle(
  x: ArrayLike<number>,
  kernel: ArrayLike<number>,
  bias: ArrayLike<number>,
): Float64Array {
  const width = bias.length;
  const inputs = kernel.length / width;
  return Float64Array.from({ length: (x.length / inputs) * width }, (_, at) => {
    const row = Math.floor(at / width);
    let sum = bias[at % width]!;
    for (let i = 0; i < inputs; i++) sum += x[row * inputs + i]! * kernel[i * width + (at % width)]!;
    return sum;
  });
}

/** 3x3 convolution with zero padding, NHWC, kernel `[3, 3, in, out]`, in double precision. */
export function convOracle(
  x: ArrayLike<number>,
  kernel: ArrayLike<number>,
  bias: ArrayLike<number>,
  { height, width }: { height: number; width: number },
): Float64Array {
  const outs = bias.length;
  const ins = kernel.length / 9 / outs;
  const samples = x.length / (height * width * ins);
  const z = new Float64Array(samples * height * width * outs);
  for (let at = 0; at < z.length; at++) {
    const out = at % outs;
    const column = Math.floor(at / outs) % width;
    const row = Math.floor(at / outs / width) % height;
    const sample = Math.floor(at / outs / width / height);
    let sum = bias[out]!;
    for (let dy = 0; dy < 3; dy++) {
      for (let dx = 0; dx < 3; dx++) {
        const [y, xx] = [row + dy - 1, column + dx - 1];
        if (y < 0 || xx < 0 || y >= height || xx >= width) continue;
        for (let c = 0; c < ins; c++) {
          sum +=
            x[((sample * height + y) * width + xx) * ins + c]! *
            kernel[((dy * 3 + dx) * ins + c) * outs + out]!;
        }
      }
    }
    z[at] = sum;
  }
  return z;
}

export function relu(z: Float64Array): Float64Array {
  return z.map((value) => Math.max(0, value));
}

/** Bits of `[rows, bits]` codes, one byte each; fails where a pad bit is set. */
export function bitsOf(codes: Uint8Array, rows: number, bits: number): number[] {
  const stride = codes.length / rows;
  const found: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < stride * 8; j++) {
      const bit = (codes[row * stride + (j >> 3)]! >> (j & 7)) & 1;
      if (j < bits) found.push(bit);
      else if (bit !== 0) throw new Error(`pad bit ${j} of row ${row} is set`);
    }
  }
  return found;
}

/** NHWC values in the order of image codes: channel, y, x. */
export function channelMajor(
  z: Float64Array,
  { height, width, channels }: { height: number; width: number; channels: number },
): number[] {
  const area = height * width;
  return Array.from(z, (_, at) => {
    const sample = Math.floor(at / (area * channels));
    const channel = Math.floor(at / area) % channels;
    return z[sample * area * channels + (at % area) * channels + channel]!;
  });
}

/** Expected bits; null where |z| is so small that rounding decides. */
export function signs(z: ArrayLike<number>, tolerance = 1e-5): (0 | 1 | null)[] {
  return Array.from(z, (value) => (Math.abs(value) < tolerance ? null : value > 0 ? 1 : 0));
}

/** Bits that are known and differ; and how many are known. */
export function compareBits(
  found: readonly number[],
  expected: readonly (0 | 1 | null)[],
): { wrong: number; known: number } {
  if (found.length !== expected.length) throw new Error(`${found.length} bits, expected ${expected.length}`);
  const known = expected.filter((bit) => bit !== null).length;
  return { wrong: found.filter((bit, i) => expected[i] !== null && bit !== expected[i]).length, known };
}

/** Session options with defaults for tests. */
export function sessionOptions(
  file: string,
  more: Partial<Omit<SessionOptions, 'model'>> & { model?: Partial<SessionOptions['model']> },
): SessionOptions {
  return {
    seed: 0,
    granularity: 'image',
    sampleShape: [],
    batchSamples: 8,
    threads: 1,
    packing: 'auto',
    countAmbiguous: false,
    ...more,
    model: { file, control: 'none', taps: 'auto', device: 'cpu', threads: 0, ...more.model },
  };
}
