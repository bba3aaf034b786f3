// From pre-activation tensors to code rows, two ways: values are read out and packed by a wasm kernel, or the device packs
// (sign, then a matrix product of every 8 bits with 1, 2, 4, ... 128) and bytes are read out.

import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { bytesForBits, codeRowBytes } from '../../../activities/polytope/code-layout.ts';
import { createPackingKernel, type PackingKernel } from '../../../activities/polytope/packing-kernel.ts';
import { scoped, type TfjsRuntime } from './runtime.ts';
import type { TapGeometry } from './tap-geometry.ts';

export const PACKING_WAYS = ['host-simd', 'device-matmul'] as const;
export type PackingWay = (typeof PACKING_WAYS)[number];

/** What packing one tap of one batch found; `codes` is valid until the next call. */
export interface PackedTap {
  /** `[samples x rowsPerSample, strideBytes]`. */
  readonly codes: Uint8Array;
  /** Values with |z| < 2, NaN where not counted. */
  readonly softCount: number;
  /** First sample with a value that is not finite, or null. */
  readonly badSample: number | null;
}

// Values are copied into kernel memory in pieces that stay in the processor's cache.
const PIECE_BYTES = 1 << 18;

/** Packs the taps of one session; owns its kernel memory. */
export class TapPacker {
  private readonly runtime: TfjsRuntime;
  private readonly taps: readonly TapGeometry[];
  private readonly kernel: PackingKernel = createPackingKernel();
  private readonly codesAt: readonly number[];
  private readonly pieceAt: number;
  private readonly turnAt: number;
  private readonly countsAt: number;
  private readonly normsAt: number;
  private readonly powers: Tensor2D;

  constructor(
    runtime: TfjsRuntime,
    taps: readonly TapGeometry[],
    sizes: { batchSamples: number; valuesPerSample: number },
  ) {
    this.runtime = runtime;
    this.taps = taps;
    const { kernel } = this;
    const pieceBytes = (values: number): number => pieceSamples(values) * values * 4;
    this.codesAt = taps.map((tap) =>
      kernel.reserve(sizes.batchSamples * tap.rowsPerSample * tap.strideBytes),
    );
    this.pieceAt = kernel.reserve(
      Math.max(sizes.valuesPerSample * 4, ...taps.map((tap) => pieceBytes(tap.valuesPerSample)), PIECE_BYTES),
    );
    this.turnAt = kernel.reserve(
      Math.max(...taps.map((tap) => pieceSamples(tap.valuesPerSample) * turnedBytes(tap))),
    );
    this.countsAt = kernel.reserve(4 * Math.max(1, ...taps.map((tap) => pieceSamples(tap.valuesPerSample))));
    this.normsAt = kernel.reserve(4 * sizes.batchSamples);
    this.powers = runtime.tf.tensor2d([1, 2, 4, 8, 16, 32, 64, 128], [8, 1]);
  }

  /**
   * Packs the first `samples` samples of a pre-activation tensor.
   * @param pre - pre-activations of the whole padded batch; stays the caller's.
   */
  pack(index: number, pre: Tensor, { samples, way }: { samples: number; way: PackingWay }): PackedTap {
    const tap = this.taps[index]!;
    // Soft counts need the values themselves.
    const onDevice = way === 'device-matmul' && tap.info.activation !== 'Gelu';
    return onDevice ? this.packOnDevice(index, tap, pre, samples) : this.packOnHost(index, tap, pre, samples);
  }

  /** L2 norm of each of `samples` rows of `values`; valid until the next call. */
  rowNorms(data: Float32Array, { samples, values }: { samples: number; values: number }): Float32Array {
    const { kernel, pieceAt, normsAt } = this;
    const memory = new Float32Array(kernel.buffer);
    const step = pieceSamples(values);
    for (let from = 0; from < samples; from += step) {
      const rows = Math.min(step, samples - from);
      memory.set(data.subarray(from * values, (from + rows) * values), pieceAt / 4);
      kernel.rowNorms({ from: pieceAt, to: normsAt + 4 * from, rows, bits: values });
    }
    return new Float32Array(kernel.buffer, normsAt, samples);
  }

  dispose(): void {
    this.powers.dispose();
  }

  private packOnHost(index: number, tap: TapGeometry, pre: Tensor, samples: number): PackedTap {
    const { tf, view } = this.runtime;
    const turned = tap.turn.kind === 'floats' ? tf.transpose(pre, [...tap.turn.axes]) : pre;
    const values = view(turned) as Float32Array;
    const memory = new Float32Array(this.kernel.buffer);
    const perSample = tap.valuesPerSample;
    const step = pieceSamples(perSample);
    const isSoft = tap.info.activation === 'Gelu';
    let softCount = isSoft ? 0 : Number.NaN;
    let badSample: number | null = null;
    for (let from = 0; from < samples && badSample === null; from += step) {
      const count = Math.min(step, samples - from);
      memory.set(values.subarray(from * perSample, (from + count) * perSample), this.pieceAt / 4);
      if (!this.packPiece(index, tap, from, count))
        badSample = firstBadSample(values, perSample, from, samples);
      if (isSoft) softCount += this.countSoft(count, perSample);
    }
    if (turned !== pre) turned.dispose();
    return { codes: this.codes(index, samples), softCount, badSample };
  }

  private packPiece(index: number, tap: TapGeometry, from: number, count: number): boolean {
    const { kernel, pieceAt, turnAt } = this;
    const { channels, height, width, codeBits } = tap.info;
    const to = this.codesAt[index]! + from * tap.rowsPerSample * tap.strideBytes;
    if (tap.turn.kind !== 'bits') {
      return kernel.packFloats({
        from: pieceAt,
        to,
        rows: count * tap.rowsPerSample,
        bits: codeBits,
        strideBytes: tap.strideBytes,
      });
    }
    const area = height * width;
    const strideBytes = codeRowBytes(channels);
    const finite = kernel.packFloats({
      from: pieceAt,
      to: turnAt,
      rows: count * area,
      bits: channels,
      strideBytes,
    });
    kernel.transposeBits({
      from: turnAt,
      to,
      groups: count,
      rows: area,
      cols: channels,
      fromStrideBytes: strideBytes,
      toStrideBytes: area / 8,
    });
    return finite;
  }

  private countSoft(samples: number, values: number): number {
    this.kernel.countWithin({ from: this.pieceAt, to: this.countsAt, rows: samples, bits: values }, 2);
    return new Uint32Array(this.kernel.buffer, this.countsAt, samples).reduce((sum, count) => sum + count, 0);
  }

  private packOnDevice(index: number, tap: TapGeometry, pre: Tensor, samples: number): PackedTap {
    const { tf, view } = this.runtime;
    const { codeBits } = tap.info;
    const rowBytes = bytesForBits(codeBits);
    return scoped(tf, () => {
      const axes = tap.turn.kind === 'floats' ? tap.turn.axes : imageAxes(pre.rank);
      const turned = tap.turn.kind === 'rows' ? pre : tf.transpose(pre, [...axes]);
      const valid = tf.slice(
        turned.reshape([-1, tap.valuesPerSample]),
        [0, 0],
        [samples, tap.valuesPerSample],
      );
      const finite = tf.all(tf.isFinite(valid)).dataSync()[0] === 1;
      const badSample = finite
        ? null
        : firstBadSample(view(valid) as Float32Array, tap.valuesPerSample, 0, samples);
      const signs = tf.cast(tf.greater(valid.reshape([-1, codeBits]), 0), 'float32');
      const padded =
        rowBytes * 8 === codeBits
          ? signs
          : tf.pad(signs, [
              [0, 0],
              [0, rowBytes * 8 - codeBits],
            ]);
      const bytes = view(tf.matMul(padded.reshape([-1, 8]) as Tensor2D, this.powers)) as Float32Array;
      const codes = this.codes(index, samples);
      for (let row = 0, at = 0; at < bytes.length; row++) {
        const start = row * tap.strideBytes;
        for (let i = 0; i < rowBytes; i++, at++) codes[start + i] = bytes[at]!;
      }
      return { codes, softCount: Number.NaN, badSample };
    });
  }

  private codes(index: number, samples: number): Uint8Array {
    const tap = this.taps[index]!;
    return new Uint8Array(
      this.kernel.buffer,
      this.codesAt[index]!,
      samples * tap.rowsPerSample * tap.strideBytes,
    );
  }
}

function pieceSamples(valuesPerSample: number): number {
  return Math.max(1, Math.floor(PIECE_BYTES / (4 * valuesPerSample)));
}

function turnedBytes(tap: TapGeometry): number {
  const { channels, height, width } = tap.info;
  return tap.turn.kind === 'bits' ? height * width * codeRowBytes(channels) : 0;
}

function imageAxes(rank: number): number[] {
  return rank === 3 ? [0, 2, 1] : [0, 3, 1, 2];
}

function firstBadSample(values: Float32Array, perSample: number, from: number, samples: number): number {
  for (let at = from * perSample; at < samples * perSample; at++) {
    if (!Number.isFinite(values[at])) return Math.floor(at / perSample);
  }
  return from;
}
