// Boundaries between the directions of features that share dimensions: the toy of experiment E8.

import { describe, expect, it } from 'vitest';
import { spearman } from '../../activities/numeric/rank-correlation.ts';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { denseNet } from '../oracle/piecewise-reference.ts';
import { interference, type SuperpositionToy, trainToy } from '../oracle/superposition-toy.ts';

const SHAPE = { features: 20, dims: 5, sparsity: 0.97 };

/** Per pair of features the crossings on the line between them, and how much they interfere. */
async function pairsOf(toy: SuperpositionToy): Promise<{ crossings: number[]; overlaps: number[] }> {
  const { features, bias } = toy;
  const gram = interference(toy);
  // The outputs of the toy are the taps; the sum behind them stands for what reads them.
  const net = denseNet([
    { weights: gram, bias: [...bias] },
    { weights: [new Array<number>(features).fill(1)], bias: [0] },
  ]);
  const pairs = gram.flatMap((_, i) => Array.from({ length: i }, (__, k) => [i, k] as const));
  const ends = (side: 0 | 1) => {
    const points = new Float64Array(pairs.length * features);
    pairs.forEach((pair, p) => {
      points[p * features + pair[side]] = 1;
    });
    return points;
  };
  const found = await crossingsOnSegments(net, { from: ends(0), to: ends(1) });
  return {
    crossings: found.map(({ crossings }) => crossings),
    overlaps: pairs.map(([i, k]) => Math.abs(gram[i]![k]!)),
  };
}

describe('features in superposition', () => {
  it.each([1, 2, 3])('have more boundaries between them the more they interfere (seed %i)', async (seed) => {
    const { crossings, overlaps } = await pairsOf(trainToy({ ...SHAPE, seed, steps: 600 }));
    // 190 pairs: without any relation the correlation exceeds 0.3 once in 30,000 times.
    expect(spearman(crossings, overlaps)).toBeGreaterThan(0.3);
  });

  it('are crossed where the outputs of the two features change their signs, at least', async () => {
    const toy = trainToy({ ...SHAPE, seed: 1, steps: 600 });
    const gram = interference(toy);
    const learnt = gram.map((row, i) => row[i]! + toy.bias[i]! > 0.5);
    expect(learnt.filter(Boolean).length).toBeGreaterThan(SHAPE.dims);
    const { crossings } = await pairsOf(toy);
    let pair = 0;
    for (let i = 0; i < SHAPE.features; i++) {
      for (let k = 0; k < i; k++, pair++) {
        const differ = gram.filter((row, unit) => {
          const [a, b] = [row[i]! + toy.bias[unit]!, row[k]! + toy.bias[unit]!];
          return a > 0 !== b > 0;
        });
        // One layer: a crossing is a difference of the ends' bits.
        expect(crossings[pair]).toBe(differ.length);
      }
    }
  });
});
