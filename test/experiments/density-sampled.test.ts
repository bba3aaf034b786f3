// E3 where the network is not piecewise linear: sampled crossings, and tokens in their own contexts.

import { describe, expect, it } from 'vitest';
import { density } from '../../activities/experiments/density.ts';
import type { Cell, Samples } from '../../activities/experiments/experiment.ts';
import type { Network } from '../../activities/experiments/network.ts';
import { denseNetwork } from './dense-network.ts';
import { configOf, cutsAt, LABELS, PLACES, POINTS, TRAINED } from './planted-classes.ts';
import { runInMemory, vectorSamples } from './run-in-memory.ts';

describe('density where codes can only be sampled', () => {
  it('samples crossings, marked as lower bounds, and says why', async () => {
    const exact = denseNetwork(cutsAt(PLACES), TRAINED);
    const sampled: Network = {
      ...exact,
      taps: exact.taps.map((tap) => ({ ...tap, activation: 'Gelu', exact: false })),
      inexact: () => ['Gelu'],
      async sampled({ from }) {
        const net = await exact.piecewise({ from });
        return {
          ...net,
          taps: sampled.taps,
          async evaluate(values, points) {
            const z = await net.advance(0, values, points);
            return { pre: [Float32Array.from(z)], outputs: new Float32Array(points * net.outputs) };
          },
        };
      },
      piecewise: async () => {
        throw new Error('not piecewise linear');
      },
    };
    const { plan, tables } = await runInMemory(density, {
      config: configOf({ pointsPerClass: 4, exactPairs: 6 }),
      samples: vectorSamples(POINTS, LABELS),
      networks: [sampled],
    });
    expect(plan.notices).toEqual([
      'behind input the model is not piecewise linear (Gelu): crossings are sampled',
    ]);
    const { exact: isExact, crossings, hamming, n_samples, soft_dist } = tables.paths!;
    expect(new Set(isExact)).toEqual(new Set([false]));
    const solved = crossings!.flatMap((count, row) => (count === null ? [] : [row]));
    expect(solved).toHaveLength(12);
    for (const row of solved) {
      expect(crossings![row]).toBe(hamming![row]);
      expect(Number(n_samples![row])).toBeGreaterThanOrEqual(513);
    }
    expect(soft_dist!.every((distance) => Number(distance) > 0)).toBe(true);
  });

  it('compares tokens of sequences by their own vectors', async () => {
    // Three tokens a sequence; a token's vector is a point, whatever stands before it. First tokens are left out.
    const sequences = Array.from({ length: 16 }, (_, i) => [47, (3 * i) % 48, (3 * i + 1) % 48]);
    const pointwise = denseNetwork(cutsAt(PLACES), TRAINED);
    const network: Network = {
      ...pointwise,
      text: true,
      inexact: () => ['Softmax'],
      forward: ({ data }, options) =>
        pointwise.forward(
          {
            type: 'float32',
            data: Float32Array.from(
              Array.from(data as ArrayLike<number | bigint>, (token) => POINTS[Number(token)]!).flat(),
            ),
            dims: [data.length, 2],
          },
          options,
        ),
    };
    const tokens = (numbers: ArrayLike<number>) => Array.from(numbers, (number) => sequences[number]!).flat();
    const samples: Samples = {
      ...vectorSamples(POINTS, LABELS),
      count: 16,
      shape: [3],
      labels: async () => null,
      read: async (numbers) => ({
        input: { type: 'int32', data: Int32Array.from(tokens(numbers)), dims: [numbers.length, 3] },
        labels: Int32Array.from(tokens(numbers), (token) => LABELS[token]!),
        sourceIds: Array.from(numbers, String),
        tokens: { lengths: new Int32Array(numbers.length).fill(3), contexts: [] },
      }),
    };
    const { plan, tables } = await runInMemory(density, {
      config: configOf({ pointsPerClass: 6 }),
      samples,
      networks: [network],
    });
    expect(plan.points).toEqual([]);
    expect(plan.design.points.every((point) => point % 3 > 0)).toBe(true);
    const tokenOf = (point: Cell) => sequences[Math.floor(Number(point) / 3)]![Number(point) % 3]!;
    const { point_a, point_b, hamming, crossings, kind, exact, same_class } = tables.paths!;
    hamming!.forEach((bits, row) => {
      const [a, b] = [tokenOf(point_a![row]!), tokenOf(point_b![row]!)];
      const [p, q] = [POINTS[a]![0], POINTS[b]![0]];
      expect(bits).toBe(PLACES.filter((place) => place < p !== place < q).length);
      expect(same_class![row]).toBe(LABELS[a] === LABELS[b]);
    });
    expect([new Set(kind), new Set(exact), new Set(crossings)]).toEqual([
      new Set(['token']),
      new Set([false]),
      new Set([null]),
    ]);
  });
});
