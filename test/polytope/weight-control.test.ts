import { describe, expect, it } from 'vitest';
import { permuteWeights, randomInit } from '../../activities/polytope/weight-control.ts';

function weights() {
  return [
    {
      role: { kind: 'linear' as const, fanIn: 25 },
      values: Float32Array.from({ length: 4000 }, (_, i) => i),
    },
    { role: { kind: 'embedding' as const }, values: Float32Array.from({ length: 4000 }, (_, i) => -i) },
  ];
}

describe('randomInit', () => {
  it('draws linear weights uniformly within 1/sqrt(fan in) and embeddings with deviation 0.02', () => {
    const [linear, embedding] = weights();
    randomInit([linear!, embedding!], 3);
    const moment = (values: Float32Array) =>
      Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
    expect(linear!.values.reduce((most, v) => Math.max(most, Math.abs(v)), 0)).toBeLessThanOrEqual(0.2);
    expect(moment(linear!.values)).toBeCloseTo(0.2 / Math.sqrt(3), 2);
    expect(moment(embedding!.values)).toBeCloseTo(0.02, 3);
  });

  it('depends on the seed and the tensor, and on nothing else', () => {
    const run = (seed: number) => {
      const made = weights();
      randomInit(made, seed);
      return made.map(({ values }) => [...values.subarray(0, 50)]);
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });
});

describe('permuteWeights', () => {
  it('keeps every entry of a tensor and moves nearly all', () => {
    const made = weights();
    permuteWeights(made, 1);
    const [before] = weights();
    expect([...made[0]!.values].sort((a, b) => a - b)).toEqual([...before!.values]);
    expect(made[0]!.values.filter((value, i) => value === i).length).toBeLessThan(20);
  });
});
