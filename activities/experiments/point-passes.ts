// Forward passes over the samples that points belong to: an image is a point, a sequence of tokens holds several.

import type { Samples, SampleBatch } from './experiment.ts';
import type { Network } from './network.ts';

export interface PassRequest {
  /** `[points]` numbers `sample * stride + token`, ascending. */
  readonly points: ArrayLike<number>;
  /** Points of one sample: 1 for images, tokens of a sequence for text. */
  readonly stride: number;
  /** Tensors that are wanted. */
  readonly to: readonly string[];
  readonly samplesPerPass: number;
  readonly signal: AbortSignal;
}

export interface PointPass {
  readonly batch: SampleBatch;
  /** Per tensor `[rows of all points of the batch, size]`. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** The first point of the pass among all points. */
  readonly from: number;
  /** Row of every point of the pass in the tensors. */
  readonly rows: readonly number[];
}

/** Runs the samples of the points through the network, each sample once, in order. */
export async function* pointPasses(
  network: Network,
  samples: Samples,
  { points, stride, to, samplesPerPass, signal }: PassRequest,
): AsyncGenerator<PointPass> {
  const sampleOf = (at: number) => Math.floor(points[at]! / stride);
  let at = 0;
  while (at < points.length) {
    signal.throwIfAborted();
    const from = at;
    const numbers: number[] = [];
    const rows: number[] = [];
    for (; at < points.length; at++) {
      if (numbers.at(-1) !== sampleOf(at)) {
        if (numbers.length === samplesPerPass) break;
        numbers.push(sampleOf(at));
      }
      rows.push((numbers.length - 1) * stride + (points[at]! % stride));
    }
    const batch = await samples.read(numbers);
    yield { batch, values: await network.forward(batch.input, { to }), from, rows };
  }
}
