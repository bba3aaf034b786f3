// A chain of dense layers as traced arithmetic, with weights known when tracing.

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

/** @param x - `[rows, inputs]`. @returns `[rows, outputs]` of the last layer. */
export function applyDense(net: DenseNet, x: JaxArray): JaxArray {
  return net.reduce((value, { inputs, outputs, weight, bias, activation }) => {
    const product = matmul(value, constant(weight, [inputs, outputs], x));
    return activate(add(product, constant(bias, [outputs], x)), activation);
  }, x);
}

function activate(x: JaxArray, activation: DenseActivation): JaxArray {
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
