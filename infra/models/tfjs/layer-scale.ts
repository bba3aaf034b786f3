// Rounding scales of the layers whose arithmetic is known; see rounding-scale.ts.

import type { Tensor } from '@tensorflow/tfjs';
import type { LiveLayer } from './layer-watcher.ts';
import {
  batchNormScale,
  type ConvGeometry,
  convScale,
  denseScale,
  depthwiseScale,
} from './rounding-scale.ts';
import type { Tf } from './runtime.ts';

interface Variable {
  read(): Tensor;
}

interface LinearLayer {
  readonly kernel: Variable;
  readonly depthwiseKernel: Variable;
  readonly bias: Variable | null;
  readonly strides: [number, number];
  readonly padding: 'valid' | 'same';
  readonly dilationRate: number | [number, number];
  readonly dataFormat: string;
  readonly gamma: Variable | null;
  readonly beta: Variable | null;
  readonly movingMean: Variable;
  readonly movingVariance: Variable;
  readonly epsilon: number;
  readonly axis: number;
}

/**
 * @param scaleOf - scale of an input tensor, for layers that pass one on.
 * @returns the scale of the layer's linear output, broadcast to it, or null where none is known.
 */
export function layerScale(
  tf: Tf,
  layer: LiveLayer,
  inputs: readonly Tensor[],
  scaleOf: (value: Tensor) => Tensor,
): Tensor | null {
  const live = layer as unknown as LinearLayer;
  const input = inputs[0]!;
  const bias = live.bias?.read() ?? null;
  switch (layer.getClassName()) {
    case 'Dense':
      return denseScale(tf, input, live.kernel.read(), bias);
    case 'Conv2D':
      return live.dataFormat === 'channelsFirst'
        ? null
        : convScale(tf, input, live.kernel.read(), bias, geometry(live));
    case 'DepthwiseConv2D':
      if (live.dataFormat === 'channelsFirst') return null;
      return depthwiseScale(tf, input, live.depthwiseKernel.read(), bias, geometry(live));
    case 'BatchNormalization':
      if (live.axis !== -1 && live.axis !== input.rank - 1) return null;
      return batchNormScale(tf, scaleOf(input), {
        mean: live.movingMean.read(),
        variance: live.movingVariance.read(),
        gamma: live.gamma?.read() ?? null,
        beta: live.beta?.read() ?? null,
        epsilon: live.epsilon,
      });
    case 'Add':
      return tf.tidy(() => tf.addN(inputs.map(scaleOf)));
    default:
      return null;
  }
}

function geometry(layer: LinearLayer): ConvGeometry {
  return { strides: layer.strides, pad: layer.padding, dilations: layer.dilationRate };
}
