// Oracle: the same layers with their biases set to zero, and the invariance code(k x) = code(x) of such nets.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { withoutBiases } from '../../activities/polytope/bias-free-net.ts';
import { pointValues } from '../../activities/polytope/point-values.ts';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { convNet, denseNet, randomLayers } from '../oracle/piecewise-reference.ts';

const draw = (size: number, seed: number) =>
  Float64Array.from({ length: size }, randomStream(seed, 3).normal);

describe('withoutBiases', () => {
  it.each([true, false])('equals the net whose biases are zero (dense shortcut %s)', async (shortcut) => {
    const layers = randomLayers([6, 10, 8, 3], randomStream(4), { negativeSlope: 0.1 });
    const zeroed = layers.map((layer) => ({ ...layer, bias: layer.bias.map(() => 0) }));
    const copy = withoutBiases(denseNet(layers, { shortcut }))!;
    const point = draw(6, 1);
    const { outputs, pre } = await pointValues(copy, point, 1);
    const expected = denseNet(zeroed).forward(point);
    expected.at(-1)!.forEach((value, k) => {
      expect(outputs[k]).toBeCloseTo(value, 12);
    });
    expected[1]!.forEach((value, k) => {
      expect(pre[1]![k]).toBeCloseTo(value, 12);
    });
  });

  it('crosses nothing on any ray from the origin, with pools and a residual branch', async () => {
    for (let seed = 0; seed < 5; seed++) {
      const net = convNet(randomStream(seed));
      const copy = withoutBiases(net)!;
      const point = draw(36, seed);
      const ray = { from: point.map((x) => 0.1 * x), to: point.map((x) => 10 * x) };
      const [free] = await crossingsOnSegments(copy, ray);
      expect([free!.crossings, free!.poolCrossings, free!.hamming]).toEqual([0, 0, 0]);
      const [biased] = await crossingsOnSegments(net, ray);
      expect(biased!.crossings).toBeGreaterThan(0);
    }
  });

  it('has no copy where an activation has an upper bend', () => {
    const layers = randomLayers([2, 3, 2], randomStream(1));
    expect(withoutBiases(denseNet(layers, { bends: [0, 6] }))).toBeNull();
  });
});
