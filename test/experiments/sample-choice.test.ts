import { describe, expect, it } from 'vitest';
import { cutTasks, drawSamples, sizesOf } from '../../activities/experiments/sample-choice.ts';

const TRAINED = { kind: 'trained', seed: 0 } as const;
const RANDOM = { kind: 'random_init', seed: 1 } as const;

describe('drawSamples', () => {
  it('draws different samples of the range, ascending, by seed and stream', () => {
    const range = { from: 10, to: 60 };
    const drawn = drawSamples(range, { wanted: 20, seed: 1, stream: 2 });
    expect(new Set(drawn).size).toBe(20);
    expect([...drawn].sort((a, b) => a - b)).toEqual(drawn);
    expect(drawn.every((sample) => sample >= 10 && sample < 60)).toBe(true);
    expect(drawSamples(range, { wanted: 20, seed: 1, stream: 2 })).toEqual(drawn);
    expect(drawSamples(range, { wanted: 20, seed: 1, stream: 3 })).not.toEqual(drawn);
  });

  it('takes all of a small range, and refuses one without two samples', () => {
    expect(drawSamples({ from: 3, to: 6 }, { wanted: 20, seed: 1, stream: 0 })).toEqual([3, 4, 5]);
    for (const to of [2, 3, 4])
      expect(() => drawSamples({ from: 3, to }, { wanted: 2, seed: 1, stream: 0 })).toThrow(
        'at least two samples',
      );
  });

  it('draws every sample equally often', () => {
    const counts = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 2000; seed++)
      for (const sample of drawSamples({ from: 0, to: 10 }, { wanted: 3, seed, stream: 0 }))
        counts[sample]!++;
    // 600 each with standard deviation 20: beyond 100 once in two million runs of one count.
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(100);
  });
});

describe('cutTasks', () => {
  it('covers every unit of every variant once, in order', () => {
    const tasks = cutTasks([TRAINED, RANDOM], 7, 3);
    expect(tasks.map(({ variant, from, to }) => [variant.kind, from, to])).toEqual([
      ['trained', 0, 3],
      ['trained', 3, 6],
      ['trained', 6, 7],
      ['random_init', 0, 3],
      ['random_init', 3, 6],
      ['random_init', 6, 7],
    ]);
  });
});

describe('sizesOf', () => {
  it('takes what is given, 0 too, and the profile for the rest', () => {
    expect(sizesOf({ points: 100, probes: 16 }, { points: undefined, probes: 0 })).toEqual({
      points: 100,
      probes: 0,
    });
  });
});
