// Raw values to model input, (raw * scale - mean) / std in float64, rounded once to float32. Bench:
// test/bench datasets.

import type { TransformConfig } from '#schemas/config.ts';
import { elementsOf } from './array-header.ts';
import type { NumericArray } from './dtypes.ts';
import { configInvalid } from './faults.ts';

export interface Normaliser {
  /** Number of values of one row. */
  readonly rowLength: number;
  /**
   * Transforms `rows` rows of `source` into `out` from `at` on.
   * @param source - `[rows, rowLength]` raw values in the source's order of axes.
   * @returns -1, or the first row with a value that is not finite.
   */
  apply(
    source: NumericArray,
    out: Float32Array,
    options: { readonly rows: number; readonly at: number },
  ): number;
}

export interface NormaliserOptions {
  readonly transform: TransformConfig;
  /** Shape of one raw sample. */
  readonly sourceShape: readonly number[];
  /** Shape of one sample as the model wants it; as many values as `sourceShape`. */
  readonly sampleShape: readonly number[];
}

/**
 * Prepares the transform of one data set. Axes are moved only where the source is the sample with its channel
 * axis on the
 * other side (`[H, W, C]` for a wanted `[C, H, W]`, or the reverse); any other difference of shape is a plain
 * reshape.
 * @throws PipelineError `config-invalid` where `mean` or `std` has another length than the channel axis.
 */
export function makeNormaliser({ transform, sourceShape, sampleShape }: NormaliserOptions): Normaliser {
  const rowLength = elementsOf(sampleShape);
  const channels = channelCount(transform, sampleShape);
  const perChannel = {
    scale: transform.scale,
    mean: spread(transform.mean, channels),
    std: spread(transform.std, channels),
  };
  const order = sourceOrder(sourceShape, sampleShape, transform.layout);
  const tables = byteTables(perChannel);
  const channelOf = channels === 1 ? null : channelMap(sampleShape, transform.layout);
  const plan = { ...perChannel, rowLength, order, tables, channelOf };
  return {
    rowLength,
    apply(source, out, { rows, at }) {
      if (source instanceof Uint8Array) {
        applyBytes(source, out, { ...plan, rows, at });
        return -1;
      }
      return applyNumbers(source, out, { ...plan, rows, at });
    },
  };
}

interface Job {
  readonly scale: number;
  readonly mean: Float64Array;
  readonly std: Float64Array;
  readonly rowLength: number;
  /** Source index of each value of a row, or null where the order is the same. */
  readonly order: Uint32Array | null;
  /** `[channels, 256]` transformed bytes. */
  readonly tables: Float32Array;
  /** Channel of each value of a row, or null for one channel. */
  readonly channelOf: Uint32Array | null;
  readonly rows: number;
  readonly at: number;
}

function applyBytes(
  source: Uint8Array,
  out: Float32Array,
  { order, tables, channelOf, rowLength, rows, at }: Job,
): void {
  const total = rows * rowLength;
  if (order === null && channelOf === null) {
    lookUp(source, new Int32Array(out.buffer, out.byteOffset + 4 * at, total), new Int32Array(tables.buffer));
    return;
  }
  for (let start = 0; start < total; start += rowLength) {
    for (let i = 0; i < rowLength; i++) {
      const raw = source[start + (order === null ? i : (order[i] as number))] as number;
      const channel = channelOf === null ? 0 : (channelOf[i] as number);
      out[at + start + i] = tables[channel * 256 + raw] as number;
    }
  }
}

/** Moves float bits as integers, four at a time: twice as fast here as the plain loop over floats. */
function lookUp(source: Uint8Array, out: Int32Array, table: Int32Array): void {
  const whole = out.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    out[i] = table[source[i] as number] as number;
    out[i + 1] = table[source[i + 1] as number] as number;
    out[i + 2] = table[source[i + 2] as number] as number;
    out[i + 3] = table[source[i + 3] as number] as number;
  }
  for (let i = whole; i < out.length; i++) out[i] = table[source[i] as number] as number;
}

function applyNumbers(source: NumericArray, out: Float32Array, job: Job): number {
  const { scale, mean, std, order, channelOf, rowLength, rows, at } = job;
  if (order === null && channelOf === null) return applyUniform(source, out, job);
  const total = rows * rowLength;
  let bad = 0;
  for (let start = 0; start < total; start += rowLength) {
    for (let i = 0; i < rowLength; i++) {
      const raw = source[start + (order === null ? i : (order[i] as number))] as number;
      const channel = channelOf === null ? 0 : (channelOf[i] as number);
      const value = Math.fround((raw * scale - (mean[channel] as number)) / (std[channel] as number));
      bad += value - value;
      out[at + start + i] = value;
    }
    if (bad !== 0) return start / rowLength;
  }
  return -1;
}

function applyUniform(
  source: NumericArray,
  out: Float32Array,
  { scale, mean, std, rowLength, rows, at }: Job,
): number {
  const [mean0, std0] = [mean[0] as number, std[0] as number];
  for (let row = 0; row < rows; row++) {
    let bad = 0;
    for (let i = row * rowLength; i < (row + 1) * rowLength; i++) {
      const value = Math.fround(((source[i] as number) * scale - mean0) / std0);
      // 0 for a finite value, NaN for any other: one addition instead of a branch per value.
      bad += value - value;
      out[at + i] = value;
    }
    if (bad !== 0) return row;
  }
  return -1;
}

function byteTables({ scale, mean, std }: Pick<Job, 'scale' | 'mean' | 'std'>): Float32Array {
  const tables = new Float32Array(mean.length * 256);
  for (let i = 0; i < tables.length; i++) {
    const channel = i >> 8;
    tables[i] = ((i & 255) * scale - (mean[channel] as number)) / (std[channel] as number);
  }
  return tables;
}

function channelCount({ mean, std, layout }: TransformConfig, sampleShape: readonly number[]): number {
  if (typeof mean === 'number' && typeof std === 'number') return 1;
  const channels = (layout === 'nchw' ? sampleShape[0] : sampleShape.at(-1)) as number;
  for (const [key, value] of Object.entries({ mean, std })) {
    if (typeof value === 'number' || value.length === channels) continue;
    throw configInvalid(
      `dataset.transform.${key}`,
      `${channels} numbers are wanted, one per channel of [${sampleShape}]`,
      {
        value: `${value.length} numbers`,
      },
    );
  }
  return channels;
}

function spread(value: number | readonly number[], channels: number): Float64Array {
  return typeof value === 'number' ? new Float64Array(channels).fill(value) : Float64Array.from(value);
}

function channelMap(shape: readonly number[], layout: TransformConfig['layout']): Uint32Array {
  const length = elementsOf(shape);
  const channels = (layout === 'nchw' ? shape[0] : shape.at(-1)) as number;
  const plane = length / channels;
  return Uint32Array.from({ length }, (_, i) => (layout === 'nchw' ? Math.floor(i / plane) : i % channels));
}

function sourceOrder(
  source: readonly number[],
  sample: readonly number[],
  layout: TransformConfig['layout'],
): Uint32Array | null {
  if (source.length !== 3 || sample.length !== 3 || source.every((size, axis) => size === sample[axis]))
    return null;
  const [a, b, c] = source as readonly [number, number, number];
  const moved = layout === 'nchw' ? [c, a, b] : [b, c, a];
  if (!moved.every((size, axis) => size === sample[axis])) return null;
  // nchw: the source is [H, W, C] and value (channel, pixel) lies at pixel * C + channel; nhwc: the reverse.
  const [inner, outer] = layout === 'nchw' ? [a * b, c] : [a, b * c];
  return Uint32Array.from({ length: a * b * c }, (_, i) => (i % inner) * outer + Math.floor(i / inner));
}
