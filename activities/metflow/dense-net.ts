// A chain of dense layers as traced arithmetic, with weights known when tracing or traced themselves.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  constant,
  less,
  matmul,
  maximum,
  mul,
  softplus,
  tanh,
  where,
  sigmoid,
  type JaxArray,
} from '../numeric/array-math.ts';

export type DenseActivation =
  | { readonly kind: 'none' | 'relu' | 'tanh' | 'softplus' | 'sigmoid' }
  | { readonly kind: 'leaky'; readonly slope: number };

export interface DenseLayer {
  readonly inputs: number;
  readonly outputs: number;
  /** `[inputs, outputs]`. */
  readonly weight: Float64Array;
  /** `[outputs]`. */
  readonly bias: Float64Array;
  /** Follows the layer. */
  readonly activation: DenseActivation;
}

/** Layers in order, each with the inputs that the one before has outputs. */
export type DenseNet = readonly DenseLayer[];

/** A layer whose weights are arrays of the trace. */
export interface TracedLayer {
  /** `[inputs, outputs]`. */
  readonly weight: JaxArray;
  /** `[outputs]`. */
  readonly bias: JaxArray;
  readonly activation: DenseActivation;
}

/** @param x - `[rows, inputs]`. @returns `[rows, outputs]` of the last layer. */
export function applyDense(net: DenseNet, x: JaxArray): JaxArray {
  const layers = net.map(({ inputs, outputs, weight, bias, activation }) => ({
    weight: constant(weight, [inputs, outputs], x),
    bias: constant(bias, [outputs], x),
    activation,
  }));
  return applyLayers(layers, x);
}

/** As {@link applyDense}, with traced weights. */
export function applyLayers(layers: readonly TracedLayer[], x: JaxArray): JaxArray {
  return layers.reduce((value, { weight, bias, activation }) => {
    return activate(add(matmul(value, weight), bias), activation);
  }, x);
}

/** The activation of every element. */
export function activate(x: JaxArray, activation: DenseActivation): JaxArray {
  switch (activation.kind) {
    case 'none':
      return x;
    case 'relu':
      return maximum(x, 0);
    case 'tanh':
      return tanh(x);
    case 'softplus':
      return softplus(x);
    case 'sigmoid':
      return sigmoid(x);
    case 'leaky':
      return where(less(x, 0), mul(x, activation.slope), x);
  }
}

/** @throws PipelineError `config-invalid` where the net has no output of that number for `target.class`. */
export function checkClass(net: DenseNet, of: number): void {
  const { outputs } = net.at(-1)!;
  if (of < outputs) return;
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'target.class',
    what: `the net has outputs 0 to ${outputs - 1}`,
    value: String(of),
  });
}
