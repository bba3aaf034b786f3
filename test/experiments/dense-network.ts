// A Network of dense layers in plain loops, with its exact geometry from test/oracle: what experiments are tested on.

import type { ModelVariant, Network } from '../../activities/experiments/network.ts';
import type { PiecewiseNet } from '../../activities/polytope/piecewise-net.ts';
import { type DenseLayer, denseNet } from '../oracle/piecewise-reference.ts';

/** Start spaces are `input` and `act1`, `act2`, ...: the tensors behind `layer1`, `layer2`, ... */
export function denseNetwork(layers: readonly DenseLayer[], variant: ModelVariant): Network {
  const whole = denseNet(layers);
  const spaces = ['input', ...whole.taps.map((_, i) => `act${i + 1}`)];
  const sizes = [layers[0]!.weights[0]!.length, ...layers.slice(0, -1).map(({ bias }) => bias.length)];
  return {
    variant,
    sha256: '0'.repeat(64),
    backend: 'loops',
    taps: whole.taps,
    activations: spaces.slice(1),
    pools: [],
    classes: whole.outputs,
    logits: 'logits',
    text: false,
    startSpaces: spaces.map((name, i) => ({ name, tapsBefore: i, shape: [sizes[i]!], size: sizes[i]! })),
    inexact: () => [],
    async forward(input, { from = 'input', to }) {
      if (from !== 'input') throw new Error('not needed here');
      const rows = input.dims[0]!;
      const points = Array.from({ length: rows }, (_, row) =>
        Float64Array.from(input.data.subarray(row * sizes[0]!, (row + 1) * sizes[0]!), Number),
      );
      return new Map(to.map((name) => [name, Float32Array.from(points.flatMap((x) => tensor(name, x)))]));
    },
    async ambiguous(input) {
      const [rows, size] = [input.dims[0]!, sizes[0]!];
      const counts = whole.taps.map(({ name }) => [name, new Float32Array(rows)] as const);
      for (let row = 0; row < rows; row++) {
        let a = Array.from(input.data.subarray(row * size, (row + 1) * size), Number);
        for (const [layer, [, count]] of counts.entries()) {
          const { weights, bias } = layers[layer]!;
          const z = weights.map((w, i) => w.reduce((sum, weight, j) => sum + weight * a[j]!, bias[i]!));
          const norm = Math.hypot(...a);
          count[row] = z.filter(
            (value, i) => Math.abs(value) < 1e-5 * (Math.hypot(...weights[i]!) * norm + Math.abs(bias[i]!)),
          ).length;
          a = z.map((value) => Math.max(value, 0));
        }
      }
      return new Map(counts);
    },
    async piecewise({ from }): Promise<PiecewiseNet> {
      const before = spaces.indexOf(from);
      const net = denseNet(layers.slice(before));
      return {
        ...net,
        taps: whole.taps.slice(before),
        start: { name: from, size: sizes[before]!, shape: [sizes[before]!] },
      };
    },
    async sampled() {
      throw new Error('not needed here');
    },
    async close() {},
  };

  /** One tensor of one point. */
  function tensor(name: string, x: Float64Array): number[] {
    if (name === 'input') return [...x];
    const states = whole.forward(x);
    if (name === 'logits') return [...states.at(-1)!];
    const layer = Number(/\d+$/.exec(name)![0]);
    const z = [...states[layer - 1]!];
    return name.startsWith('act') ? z.map((value) => Math.max(value, 0)) : z;
  }
}
