// Piecewise-linear networks in plain float64: dense ones of any depth, and a small convolutional one with pooling and a
// residual branch. For slices; nothing of the program's model readers is used.

import { randomStream } from '../../activities/numeric/rng.ts';
import type { PiecewiseNet, Stage, StageUnits } from '../../activities/polytope/piecewise-net.ts';
import type { TapInfo } from '../../schemas/sweep.ts';

/** One affine layer: `weights[output][input]`. */
export interface Layer {
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly number[];
}

/** What lies between two layers: `max(slope z, z)`, and at most `top`. */
export interface Activation {
  readonly slope?: number;
  readonly top?: number;
}

/** A network and the plain forward pass of one point: codes tap by tap, and the outputs. */
export interface ReferenceNet {
  readonly net: PiecewiseNet;
  forward(point: ArrayLike<number>): { bits: number[][]; outputs: number[] };
}

/** Layers with the activation between them; the last one gives the outputs. */
export function denseNet(layers: readonly Layer[], activation: Activation = {}): ReferenceNet {
  const hidden = layers.slice(0, -1);
  const matrices = layers.map(({ weights, bias }) => ({
    weights: Float64Array.from(weights.flat()),
    bias: Float64Array.from(bias),
  }));
  const { slope = 0, top } = activation;
  const net: PiecewiseNet = {
    dtype: 'float64',
    start: { name: 'input', size: inputsOf(layers[0]!), shape: [inputsOf(layers[0]!)] },
    taps: hidden.map((layer, index) => tapInfo(`z${index}`, 'dense', [layer.bias.length, 1, 1])),
    stages: hidden.map((layer, tap): Stage => {
      const bends = top === undefined ? [0] : [0, top];
      return {
        width: layer.bias.length,
        taps: [{ kind: 'relu', tap, offset: 0, units: layer.bias.length, bends }],
      };
    }),
    outputs: layers.at(-1)!.bias.length,
    async advance(stage, values, points) {
      const inputs = stage === 0 ? values : values.map((z) => bend(z, activation));
      return multiply(matrices[stage]!, inputs, points);
    },
    dense: (stage) => ({
      ...matrices[stage]!,
      negativeSlopes: new Float64Array(inputsOf(layers[stage]!)).fill(slope),
    }),
    close: async () => {},
  };
  return { net, forward: (point) => denseForward(layers, activation, point) };
}

/** Widths from input to outputs, weights normal with variance 2 / inputs, biases normal with deviation `bias`. */
export function randomLayers(
  widths: readonly number[],
  { seed, bias = 0.3 }: { readonly seed: number; readonly bias?: number },
): Layer[] {
  return widths.slice(1).map((outputs, index) => {
    const random = randomStream(seed, index);
    const inputs = widths[index]!;
    const scale = Math.sqrt(2 / inputs);
    return {
      weights: Array.from({ length: outputs }, () =>
        Array.from({ length: inputs }, () => scale * random.normal()),
      ),
      bias: Array.from({ length: outputs }, () => bias * random.normal()),
    };
  });
}

/**
 * conv(1 to 3, 3x3) - relu - maxpool 2x2 - p; conv(3x3) - relu - conv(3x3) + p - relu - mean over positions - linear to 3;
 * on 6 x 6 inputs. The pool's own stage has only its inputs, the next one carries p beside the convolution.
 */
export function convNet(seed: number): ReferenceNet {
  const kernels = [convKernel(seed, 0, 1), convKernel(seed, 1, 3), convKernel(seed, 2, 3)] as const;
  const [head] = randomLayers([3, 3], { seed: seed + 1 });
  const advanceOne = [
    (x: number[]) => convolve(kernels[0], x, 6),
    (z: number[]) => z.map(positive),
    (a: number[]) => {
      const pooled = POOL_WINDOWS.map((window) => Math.max(...window.map((i) => a[i]!)));
      return [...convolve(kernels[1], pooled, 3), ...pooled];
    },
    (state: number[]) => {
      const inner = convolve(kernels[2], state.slice(0, 27).map(positive), 3);
      return inner.map((value, i) => value + state[27 + i]!);
    },
    (z: number[]) => {
      const means = [0, 1, 2].map((c) =>
        z.slice(9 * c, 9 * c + 9).reduce((sum, v) => sum + positive(v) / 9, 0),
      );
      return affine(head!, means);
    },
  ];
  const relu = (tap: number, units: number): StageUnits => ({
    kind: 'relu',
    tap,
    offset: 0,
    units,
    bends: [0],
  });
  const windows = Int32Array.from(POOL_WINDOWS.flat());
  const net: PiecewiseNet = {
    dtype: 'float64',
    start: { name: 'input', size: 36, shape: [1, 6, 6] },
    taps: [
      tapInfo('conv1', 'conv', [3, 6, 6]),
      tapInfo('pool', 'pool', [3, 3, 3]),
      tapInfo('conv2', 'conv', [3, 3, 3]),
      tapInfo('sum', 'conv', [3, 3, 3]),
    ],
    stages: [
      { width: 108, taps: [relu(0, 108)] },
      { width: 108, taps: [{ kind: 'pool', tap: 1, offset: 0, units: 27, windows, windowSize: 4 }] },
      { width: 54, taps: [relu(2, 27)] },
      { width: 27, taps: [relu(3, 27)] },
    ],
    outputs: 3,
    async advance(stage, values, points) {
      const width = values.length / points;
      const rows = Array.from({ length: points }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
      return Float64Array.from(rows.flatMap((row) => advanceOne[stage]!(row)));
    },
    dense: () => null,
    close: async () => {},
  };
  return { net, forward: (point) => convForward(advanceOne, [...Array.from(point)]) };
}

/** Code words of a forward pass as a slice lays them out: every tap from a word on. */
export function codeWords(bits: readonly (readonly number[])[]): number[] {
  return bits.flatMap((tap) => {
    const words = new Array<number>(Math.ceil(tap.length / 32)).fill(0);
    for (const [i, bit] of tap.entries()) words[i >> 5]! |= bit << (i & 31);
    return words.map((word) => word >>> 0);
  });
}

/** 27 windows of 2 x 2 over 3 channels of 6 x 6. */
const POOL_WINDOWS = Array.from({ length: 27 }, (_, window) => {
  const corner = 36 * Math.floor(window / 9) + 12 * (Math.floor(window / 3) % 3) + 2 * (window % 3);
  return [corner, corner + 1, corner + 6, corner + 7];
});

function convForward(advanceOne: readonly ((state: number[]) => number[])[], point: number[]) {
  const bits: number[][] = [];
  let state = point;
  for (const [stage, step] of advanceOne.entries()) {
    state = step(state);
    if (stage === 0 || stage === 3) bits.push(state.map(bitOf));
    if (stage === 2) bits.push(state.slice(0, 27).map(bitOf));
  }
  return { bits, outputs: state };
}

function denseForward(layers: readonly Layer[], activation: Activation, point: ArrayLike<number>) {
  const bits: number[][] = [];
  let values = Array.from(point);
  for (const [index, layer] of layers.entries()) {
    values = affine(layer, values);
    if (index === layers.length - 1) break;
    bits.push(values.map(bitOf));
    values = values.map((z) => bend(z, activation));
  }
  return { bits, outputs: values };
}

function affine({ weights, bias }: Layer, x: readonly number[]): number[] {
  return weights.map((row, i) => row.reduce((sum, w, j) => sum + w * x[j]!, bias[i]!));
}

/** Four points at a time: the weights are read once for all of them. */
function multiply(
  { weights, bias }: { weights: Float64Array; bias: Float64Array },
  inputs: Float64Array,
  points: number,
): Float64Array {
  const outputs = bias.length;
  const size = weights.length / outputs;
  const result = new Float64Array(points * outputs);
  const last = points - 1;
  for (let point = 0; point < points; point += 4) {
    const rows = [0, 1, 2, 3].map((k) => Math.min(last, point + k)) as [number, number, number, number];
    const [a, b, c, d] = rows.map((row) => row * size) as [number, number, number, number];
    for (let out = 0; out < outputs; out++) {
      let [s0, s1, s2, s3] = [bias[out]!, bias[out]!, bias[out]!, bias[out]!];
      for (let i = 0, w = out * size; i < size; i++, w++) {
        const weight = weights[w]!;
        s0 += weight * inputs[a + i]!;
        s1 += weight * inputs[b + i]!;
        s2 += weight * inputs[c + i]!;
        s3 += weight * inputs[d + i]!;
      }
      result[rows[3] * outputs + out] = s3;
      result[rows[2] * outputs + out] = s2;
      result[rows[1] * outputs + out] = s1;
      result[rows[0] * outputs + out] = s0;
    }
  }
  return result;
}

interface ConvKernel {
  /** `[outputs][inputs][9]`. */
  readonly weights: number[][][];
  readonly bias: number[];
}

function convKernel(seed: number, index: number, channels: number): ConvKernel {
  const random = randomStream(seed, 100 + index);
  const scale = Math.sqrt(2 / (9 * channels));
  const draw = (length: number) => Array.from({ length }, () => scale * random.normal());
  return {
    weights: Array.from({ length: 3 }, () => Array.from({ length: channels }, () => draw(9))),
    bias: Array.from({ length: 3 }, () => 0.2 * random.normal()),
  };
}

/** 3 x 3 with padding 1 on `[channels, side, side]`. */
function convolve({ weights, bias }: ConvKernel, x: readonly number[], side: number): number[] {
  return weights.flatMap((filters, out) =>
    Array.from({ length: side * side }, (_, position) => {
      const [y, column] = [Math.floor(position / side), position % side];
      let sum = bias[out]!;
      for (const [channel, filter] of filters.entries()) {
        for (const [k, weight] of filter.entries()) {
          const [py, px] = [y + Math.floor(k / 3) - 1, column + (k % 3) - 1];
          if (py < 0 || px < 0 || py >= side || px >= side) continue;
          sum += weight * x[channel * side * side + py * side + px]!;
        }
      }
      return sum;
    }),
  );
}

function tapInfo(name: string, kind: TapInfo['kind'], shape: readonly [number, number, number]): TapInfo {
  const [channels, height, width] = shape;
  const codeBits = channels * height * width;
  return { name, kind, activation: 'Relu', channels, height, width, codeBits, exact: true };
}

function bend(z: number, { slope = 0, top = Number.POSITIVE_INFINITY }: Activation): number {
  return Math.min(z > 0 ? z : slope * z, top);
}

function inputsOf(layer: Layer): number {
  return layer.weights[0]!.length;
}

function positive(z: number): number {
  return Math.max(z, 0);
}

function bitOf(z: number): number {
  return z > 0 ? 1 : 0;
}
