import { describe, expect, it } from 'vitest';
import { crossingsWithin } from '../../activities/experiments/span-crossings.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { denseNet, randomLayers } from '../oracle/piecewise-reference.ts';

describe('crossingsWithin', () => {
  it('is what the net gives that ends behind the span', async () => {
    const random = randomStream(9);
    const layers = randomLayers([2, 12, 12, 12, 2], random);
    const ends = () => Float64Array.from({ length: 8 }, () => 2 * random.normal());
    const segments = { from: ends(), to: ends() };
    const whole = await crossingsOnSegments(denseNet(layers), segments);
    const cut = await crossingsOnSegments(denseNet(layers.slice(0, 3)), segments);
    whole.forEach((found, i) => {
      const within = crossingsWithin(found, [0, 1]);
      const { crossings, hamming, events, tapCrossings, tapHamming, flips } = cut[i]!;
      expect(within).toMatchObject({ exact: true, crossings, hamming, events, tapCrossings, tapHamming });
      expect([...within.flips.t]).toEqual([...flips.t]);
      expect([...within.flips.unit]).toEqual([...flips.unit]);
      expect(within.crossings).toBeLessThan(found.crossings);
    });
  });

  it('numbers taps as asked', async () => {
    const random = randomStream(10);
    const net = denseNet(randomLayers([2, 8, 8, 2], random));
    const [found] = await crossingsOnSegments(net, {
      from: Float64Array.of(-3, 1),
      to: Float64Array.of(2, -2),
    });
    const second = crossingsWithin(found!, [1]);
    expect([...second.tapCrossings]).toEqual([found!.tapCrossings[1]]);
    expect(second.flips.tap.every((tap) => tap === 0)).toBe(true);
  });
});
