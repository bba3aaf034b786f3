// Small nets of ReLUs and what their codes are, worked out by passing points through them.

import type { DenseNet } from '../../activities/metflow/dense-net.ts';
import { randomStream } from '../../activities/numeric/rng.ts';

/** Hidden layers of ReLUs, the last hidden one leaking, and linear outputs; weights and biases N(0, 1). */
export function randomNet(sizes: readonly number[], seed: number): DenseNet {
  const random = randomStream(seed, 9);
  return sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i]!;
    const activation =
      i === sizes.length - 2
        ? ({ kind: 'none' } as const)
        : i === sizes.length - 3
          ? ({ kind: 'leaky', slope: 0.2 } as const)
          : ({ kind: 'relu' } as const);
    const weight = Float64Array.from({ length: inputs * outputs }, () => random.normal());
    return {
      inputs,
      outputs,
      weight,
      bias: Float64Array.from({ length: outputs }, () => random.normal()),
      activation,
    };
  });
}

/** @param weight - `[inputs, units]`. */
export function oneLayer(weight: Float64Array, bias: Float64Array): DenseNet {
  const units = bias.length;
  const inputs = weight.length / units;
  return [
    { inputs, outputs: units, weight, bias, activation: { kind: 'relu' } },
    {
      inputs: units,
      outputs: 1,
      weight: new Float64Array(units),
      bias: new Float64Array(1),
      activation: { kind: 'none' },
    },
  ];
}

/** A random orthogonal matrix, by Gram and Schmidt. */
export function rotation(size: number, seed: number): Float64Array {
  const random = randomStream(seed, 2);
  const rows: number[][] = [];
  while (rows.length < size) {
    let row = Array.from({ length: size }, () => random.normal());
    for (const done of rows) {
      const product = row.reduce((sum, value, i) => sum + value * done[i]!, 0);
      row = row.map((value, i) => value - product * done[i]!);
    }
    const length = Math.hypot(...row);
    rows.push(row.map((value) => value / length));
  }
  return Float64Array.from(rows.flat());
}

/** A point where every unit of a layer with orthonormal weights is 1. */
export function inOrthant([layer]: DenseNet): Float64Array {
  const { inputs, outputs, weight } = layer!;
  return Float64Array.from({ length: inputs }, (_, i) =>
    weight.subarray(i * outputs, (i + 1) * outputs).reduce((sum, value) => sum + value, 0),
  );
}

export function vector(size: number, seed: number): Float64Array {
  const random = randomStream(seed, 3);
  return Float64Array.from({ length: size }, () => random.normal());
}

/** Pre-activations of the first layer. */
export function firstLayer([layer]: DenseNet, x: Float64Array): Float64Array {
  const { inputs, outputs, weight, bias } = layer!;
  return bias.map((value, unit) => {
    let sum = value;
    for (let i = 0; i < inputs; i++) sum += weight[i * outputs + unit]! * x[i]!;
    return sum;
  });
}

/** Signs of all hidden units, as text. */
export function codeOf(net: DenseNet, x: Float64Array): string {
  let at = x;
  let code = '';
  for (const layer of net.slice(0, -1)) {
    const slope = layer.activation.kind === 'leaky' ? layer.activation.slope : 0;
    const values = firstLayer([layer], at);
    code += Array.from(values, (value) => (value > 0 ? '1' : '0')).join('');
    at = values.map((value) => (value > 0 ? value : slope * value));
  }
  return code;
}

/** Ends of the interval around a point of one input in which the code does not change, by bisection. */
export function intervalOf(net: DenseNet, point: readonly number[]): [number, number] {
  const code = codeOf(net, Float64Array.from(point));
  const end = (way: number) => {
    // Codes of neighbours differ, and regions are intervals: walk until the code changes, then bisect.
    let [inside, outside] = [point[0]!, point[0]!];
    while (codeOf(net, Float64Array.of(outside)) === code && Math.abs(outside) < 20) outside += way * 1e-3;
    for (let i = 0; i < 60; i++) {
      const middle = (inside + outside) / 2;
      if (codeOf(net, Float64Array.of(middle)) === code) inside = middle;
      else outside = middle;
    }
    return inside;
  };
  return [end(-1), end(1)];
}
