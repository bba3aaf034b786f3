// The size of rounding errors in a pre-activation: |w||a| + |b| for a linear unit. Bits of pre-activations far below it are
// the ones that another summation order could flip.

import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { Tf } from './runtime.ts';

/** Geometry of a 2-D convolution over NHWC tensors. */
export interface ConvGeometry {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number;
  readonly dilations: number | [number, number];
}

/** `[rows, units]` scale of `input [rows, in] x kernel [in, units] + bias`. */
export function denseScale(tf: Tf, input: Tensor, kernel: Tensor, bias: Tensor | null): Tensor {
  return tf.tidy(() => {
    const scale = tf.mul(tf.norm(input, 'euclidean', -1, true), tf.norm(kernel, 'euclidean', 0));
    return bias === null ? scale : tf.add(scale, tf.abs(bias));
  });
}

/** Scale of a convolution with `kernel [h, w, in, out]`; the input norm is that of each patch. */
export function convScale(
  tf: Tf,
  input: Tensor,
  kernel: Tensor,
  bias: Tensor | null,
  geometry: ConvGeometry,
): Tensor {
  return tf.tidy(() => {
    const [height = 1, width = 1, channels = 1] = kernel.shape;
    const ones = tf.ones([height, width, channels, 1]) as Tensor4D;
    const { strides, pad, dilations } = geometry;
    // Fast convolution algorithms may leave a tiny negative sum where the patch is zero.
    const patches = tf.sqrt(
      tf.relu(tf.conv2d(tf.square(input) as Tensor4D, ones, strides, pad, 'NHWC', dilations)),
    );
    const scale = tf.mul(patches, tf.sqrt(tf.sum(tf.square(kernel), [0, 1, 2])));
    return bias === null ? scale : tf.add(scale, tf.abs(bias));
  });
}

/** Scale of a depthwise convolution with `kernel [h, w, in, multiplier]`. */
export function depthwiseScale(
  tf: Tf,
  input: Tensor,
  kernel: Tensor,
  bias: Tensor | null,
  geometry: ConvGeometry,
): Tensor {
  return tf.tidy(() => {
    const { strides, pad, dilations } = geometry;
    const ones = tf.onesLike(kernel) as Tensor4D;
    const squares = tf.square(input) as Tensor4D;
    const patches = tf.sqrt(tf.relu(tf.depthwiseConv2d(squares, ones, strides, pad, 'NHWC', dilations)));
    const scale = tf.mul(patches, tf.sqrt(tf.sum(tf.square(kernel), [0, 1])).reshape([-1]));
    return bias === null ? scale : tf.add(scale, tf.abs(bias));
  });
}

/** Scale of `factor * value + shift` where `scale` is that of `value`. */
export function affineScale(tf: Tf, scale: Tensor, factor: Tensor, shift: Tensor | null): Tensor {
  return tf.tidy(() => {
    const scaled = tf.mul(scale, tf.abs(factor));
    return shift === null ? scaled : tf.add(scaled, tf.abs(shift));
  });
}

/** Scale of batch normalisation, which is `factor * (value - mean) + offset`. */
export function batchNormScale(
  tf: Tf,
  scale: Tensor,
  {
    mean,
    variance,
    gamma,
    beta,
    epsilon,
  }: {
    mean: Tensor;
    variance: Tensor;
    gamma: Tensor | null;
    beta: Tensor | null;
    epsilon: number;
  },
): Tensor {
  return tf.tidy(() => {
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    const factor = gamma === null ? inverse : tf.mul(inverse, gamma);
    return affineScale(tf, tf.add(scale, tf.abs(mean)), factor, beta);
  });
}
