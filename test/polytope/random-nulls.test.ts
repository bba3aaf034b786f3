// What is known of networks with random weights: differing bits by angle, and crossings that grow with neurons, not depth.

import { describe, expect, it } from 'vitest';
import { randomStream } from '../../activities/numeric/rng.ts';
import { gaussianNull } from '../../activities/polytope/closed-form-null.ts';
import { crossingsOnSegments } from '../../activities/polytope/segment-crossings.ts';
import { denseNet, randomLayers } from '../oracle/piecewise-reference.ts';

describe('a Gaussian net without biases', () => {
  // The share over 2,000 units has a deviation of 0.0095 at most; 0.04 is beyond four of them per layer.
  it.each([0.2, 0.7, 1.5, 2.6])(
    'has the share of differing bits that the angle gives, angle %f',
    async (angle) => {
      const layers = randomLayers([2, 2000, 400, 1], randomStream(7), { biasScale: 0 });
      const ends = {
        from: Float64Array.of(1.3, 0),
        to: Float64Array.of(2 * Math.cos(angle), 2 * Math.sin(angle)),
      };
      const [found] = await crossingsOnSegments(denseNet(layers), ends);
      const [first, second] = gaussianNull(angle, 2);
      expect(first).toBeCloseTo(angle / Math.PI, 14);
      expect(Math.abs(found!.tapHamming[0]! / 2000 - first!)).toBeLessThan(0.04);
      expect(Math.abs(found!.tapHamming[1]! / 400 - second!)).toBeLessThan(0.1);
    },
  );
});

describe('a random net with biases', () => {
  it('is crossed about as often per neuron whatever its depth', async () => {
    const perNeuron: number[] = [];
    for (const depth of [2, 4, 8]) {
      let crossings = 0;
      const nets = 12;
      for (let seed = 0; seed < nets; seed++) {
        const random = randomStream(seed, depth);
        const sizes = [8, ...new Array<number>(depth).fill(32), 1];
        const point = () => Float64Array.from({ length: 8 }, () => random.normal());
        const net = denseNet(randomLayers(sizes, random, { biasScale: 0.1 }));
        const [found] = await crossingsOnSegments(net, { from: point(), to: point() });
        crossings += found!.crossings;
      }
      perNeuron.push(crossings / (nets * 32 * depth));
    }
    // Exponential growth with depth would multiply this by 16 from depth 4 to 8; linear growth in neurons keeps it.
    for (const rate of perNeuron) {
      expect(rate).toBeGreaterThan(0.1);
      expect(rate).toBeLessThan(1);
    }
    expect(Math.max(...perNeuron) / Math.min(...perNeuron)).toBeLessThan(2);
  });
});
