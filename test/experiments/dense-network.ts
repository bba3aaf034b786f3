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
