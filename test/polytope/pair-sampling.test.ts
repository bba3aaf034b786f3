import { describe, expect, it } from 'vitest';
import { PipelineError } from '#schemas/errors.ts';
import { samplePairs } from '../../activities/polytope/pair-sampling.ts';

const balanced = (classes: number, each: number) =>
  Int32Array.from({ length: classes * each }, (_, i) => i % classes);

function faultOf(run: () => unknown) {
  try {
    run();
  } catch (error) {
    if (error instanceof PipelineError) return error.fault;
    throw error;
  }
  return null;
}

describe('samplePairs', () => {
  const labels = balanced(100, 20);
  const { intra, inter, cap } = samplePairs(labels, { seed: 1 });

  it('takes all pairs within classes and as many between: 19,000 of each for 100 classes of 20', () => {
    expect([intra.length / 2, inter.length / 2, cap]).toEqual([19_000, 19_000, 40]);
    for (let i = 0; i < intra.length; i += 2) expect(labels[intra[i]!]).toBe(labels[intra[i + 1]!]);
    for (let i = 0; i < inter.length; i += 2) expect(labels[inter[i]!]).not.toBe(labels[inter[i + 1]!]);
  });

  it('takes no pair twice and no point into more than 40 pairs', () => {
    const seen = new Set<number>();
    const pairsOf = new Int32Array(labels.length);
    for (const pairs of [intra, inter]) {
      for (let i = 0; i < pairs.length; i += 2) {
        expect(pairs[i]!).toBeLessThan(pairs[i + 1]!);
        seen.add(pairs[i]! * labels.length + pairs[i + 1]!);
        pairsOf[pairs[i]!]!++;
        pairsOf[pairs[i + 1]!]!++;
      }
    }
    expect(seen.size).toBe(38_000);
    expect(Math.max(...pairsOf)).toBeLessThanOrEqual(40);
  });

  it('depends on the seed, and leaves points without a label out', () => {
    expect(samplePairs(labels, { seed: 1 }).inter).toEqual(inter);
    expect(samplePairs(labels, { seed: 2 }).inter).not.toEqual(inter);
    const some = Int32Array.of(-1, 0, 0, 1, 1, -1);
    const { intra: within, inter: between } = samplePairs(some, { seed: 3 });
    expect([...within]).toEqual([1, 2, 3, 4]);
    expect([...between].every((point) => point >= 1 && point <= 4)).toBe(true);
  });

  it('names a class with one point', () => {
    expect(faultOf(() => samplePairs(Int32Array.of(4, 4, 7), { seed: 1 }))).toMatchObject({
      kind: 'data-invalid',
      where: 'class 7, point 2',
    });
  });

  it('refuses one class, classes too unequal to pair, and a cap that cannot hold', () => {
    expect(faultOf(() => samplePairs(balanced(1, 5), { seed: 1 }))).toMatchObject({ value: '1' });
    expect(faultOf(() => samplePairs(new Int32Array(0), { seed: 1 }))).toMatchObject({ value: '0' });
    const unequal = Int32Array.from({ length: 52 }, (_, i) => (i < 50 ? 0 : 1));
    expect(faultOf(() => samplePairs(unequal, { seed: 1 }))).toMatchObject({ value: 'there are only 100' });
    expect(faultOf(() => samplePairs(balanced(10, 20), { seed: 1, cap: 18 }))).toMatchObject({
      value: 'a point in the largest class is in 19 pairs, the cap is 18',
    });
    expect(faultOf(() => samplePairs(balanced(10, 20), { seed: 1, cap: 37 }))?.kind).toBe('data-invalid');
  });
});
