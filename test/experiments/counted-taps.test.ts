import { describe, expect, it } from 'vitest';
import { CountedTaps } from '../../activities/experiments/counted-taps.ts';
import { nextAngle } from '../../activities/polytope/closed-form-null.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { randomLayers } from '../oracle/piecewise-reference.ts';
import { denseNetwork } from './dense-network.ts';

const dense = denseNetwork(randomLayers([3, 8, 8, 8, 2], randomStream(1)), { kind: 'trained', seed: 0 });
const angle = 1.2;

describe('CountedTaps', () => {
  it('expects what the angle gives after as many Gaussian layers as lie before a tap', () => {
    const shares = [angle, nextAngle(angle), nextAngle(nextAngle(angle))].map((theta) => theta / Math.PI);
    expect([...new CountedTaps(dense, dense.taps).expectedShares(angle)]).toEqual(shares);
    const behind = new CountedTaps(dense, dense.taps.slice(1));
    expect([...behind.layerIds]).toEqual([1, 2]);
    expect([...behind.expectedShares(angle)]).toEqual(shares.slice(0, 2));
  });

  it('counts parallel branches as equally deep', () => {
    // Taps 0 and 1 lie between the input and the next tensor that everything behind depends on.
    const startSpaces = dense.startSpaces.filter(({ tapsBefore }) => tapsBefore !== 1);
    const [first, second, third] = new CountedTaps({ ...dense, startSpaces }, dense.taps).expectedShares(
      angle,
    );
    expect([first, second]).toEqual([angle / Math.PI, angle / Math.PI]);
    expect(third).toBe(nextAngle(angle) / Math.PI);
  });
});
