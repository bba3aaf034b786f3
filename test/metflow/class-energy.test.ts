// The energy of a class: for a linear net the law is a Gaussian whose mean is moved along the class's weights, known whole.

import { describe, expect, it } from 'vitest';
import type { DenseNet } from '../../activities/metflow/dense-net.ts';
import { classEnergy } from '../../activities/metflow/targets/class-energy.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { runner } from './traced.ts';

const [TILT, CENTRE, SCALE] = [1.7, 0.4, 0.6];
/** Two inputs, three outputs; column 1 is the class's. */
const LINEAR: DenseNet = [
  {
    inputs: 2,
    outputs: 3,
    weight: Float64Array.of(5, 0.8, -1, 2, -1.1, 7),
    bias: Float64Array.of(1, 0.3, 2),
    activation: { kind: 'none' },
  },
];
const OPTIONS = { net: LINEAR, of: 1, tilt: TILT, centre: CENTRE, scale: SCALE };

describe('the energy of a class', () => {
  it('of a linear net is the Gaussian with its mean moved by tilt scale^2 w', async () => {
    const points = Float64Array.of(0, 0, 1.3, -0.4, -2, 0.9, 0.4, 0.4);
    const open = await openTarget(classEnergy(OPTIONS), { runner, rows: 4 });
    const { logDensity, gradient } = await open.logDensityAndGradient(points);
    const [weights, bias] = [[0.8, -1.1], 0.3];
    const mean = weights.map((w) => CENTRE + TILT * SCALE ** 2 * w);
    const along = TILT * (weights.reduce((sum, w) => sum + w * CENTRE, 0) + bias);
    const constant = along + (TILT * SCALE) ** 2 * 0.5 * weights.reduce((sum, w) => sum + w * w, 0);
    for (let row = 0; row < 4; row++) {
      const x = [points[2 * row]!, points[2 * row + 1]!];
      const squared = x.reduce((sum, value, i) => sum + (value - mean[i]!) ** 2, 0);
      expect(logDensity[row]).toBeCloseTo(constant - squared / (2 * SCALE ** 2), 12);
      for (const [i, value] of x.entries())
        expect(gradient[2 * row + i]).toBeCloseTo((mean[i]! - value) / SCALE ** 2, 12);
    }
    await open.close();
  });

  it('tilts the law that its base draws are of', () => {
    const rows = 20_000;
    const z = classEnergy(OPTIONS).base!(rows, randomStream(3, 3));
    const mean = z.reduce((sum, value) => sum + value, 0) / z.length;
    const variance = z.reduce((sum, value) => sum + (value - mean) ** 2, 0) / z.length;
    // |z| < 5: false alarm 6e-7 each.
    expect(Math.abs(mean - CENTRE)).toBeLessThan((5 * SCALE) / Math.sqrt(2 * rows));
    expect(Math.abs(variance / SCALE ** 2 - 1)).toBeLessThan(5 * Math.sqrt(2 / (2 * rows)));
  });

  it('of an output that the net has not is refused', () => {
    expect(() => classEnergy({ ...OPTIONS, of: 3 })).toThrow(/outputs 0 to 2.*3/);
  });
});
