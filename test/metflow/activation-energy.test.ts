// The energy of activations: its density written out point by point, its law without a tilt against its own exact draws
// and log Z 0 by quadrature, and a tilt by a linear logit, which moves every kernel and weighs it anew, known whole.

import { describe, expect, it } from 'vitest';
import type { DenseNet } from '../../activities/metflow/dense-net.ts';
import {
  activationEnergy,
  type ActivationEnergyOptions,
} from '../../activities/metflow/targets/activation-energy.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { runner } from './traced.ts';

const UNITS = 2;
const POINTS = 40;
const BANDWIDTH = 0.4;
/** Two correlated units away from 0, as float32. */
const ACTIVATIONS = activations();
/** From two units behind the activation to three logits. */
const REST: DenseNet = [
  {
    inputs: 2,
    outputs: 3,
    weight: Float64Array.of(0.5, 0.8, -1, 0.2, -1.1, 0.7),
    bias: Float64Array.of(1, 0.3, 2),
    activation: { kind: 'none' },
  },
];
const OPTIONS: ActivationEnergyOptions = {
  activations: ACTIVATIONS,
  activation: { kind: 'relu' },
  rest: REST,
  of: 1,
  tilt: 0.9,
  bandwidth: BANDWIDTH,
};

describe('the energy of activations', () => {
  it('is the logit and the log of a sum of Gaussians around whitened points, whatever axes whiten', async () => {
    const target = activationEnergy(OPTIONS);
    const z = target.base!(200, randomStream(4, 4));
    const h = target.modelInput!(z);
    const open = await openTarget(target, { runner, rows: 200 });
    const logDensity = await open.logDensity(z.slice());
    await open.close();
    for (let row = 0; row < 200; row++) {
      const at = [h[2 * row]!, h[2 * row + 1]!] as const;
      const logit = 0.3 + 0.8 * Math.max(0, at[0]) - 1.1 * Math.max(0, at[1]);
      expect(logDensity[row]).toBeCloseTo(0.9 * logit + Math.log(kde(at)), 5);
    }
  });

  it('without a tilt is a density that its draws are of', async () => {
    const target = activationEnergy({ ...OPTIONS, tilt: 0 });
    expect(target.logZ).toBe(0);
    expect(await integral(target)).toBeCloseTo(1, 5);
    const rows = 20_000;
    const z = target.base!(rows, randomStream(3, 3));
    // Whitened points have covariance (n - 1) / n I, the kernels add the square of the bandwidth. |z| < 5: false alarm 6e-7.
    for (let d = 0; d < UNITS; d++) {
      const own = Float64Array.from({ length: rows }, (_, row) => z[row * UNITS + d]!);
      const mean = own.reduce((sum, value) => sum + value, 0) / rows;
      const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows;
      const exact = (POINTS - 1) / POINTS + BANDWIDTH ** 2;
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(exact / rows));
      // A mixture's fourth moment is at most that of a Gaussian here, which is enough for a bound.
      expect(Math.abs(variance / exact - 1)).toBeLessThan(5 * Math.sqrt(2 / rows));
    }
  });

  it('of a logit that is linear has the mass of kernels that are moved and weighed anew', async () => {
    const tilt = 0.9;
    const target = activationEnergy({ ...OPTIONS, activation: { kind: 'none' }, tilt });
    // Along whitened z the logit has the slope axes . w: from three points, then each kernel integrates to
    // exp(tilt logit(centre) + (tilt b |slope|)^2 / 2).
    const logit = (z: readonly number[]) => {
      const h = target.modelInput!(Float64Array.from(z));
      return 0.3 + 0.8 * h[0]! - 1.1 * h[1]!;
    };
    const slope = [logit([1, 0]) - logit([0, 0]), logit([0, 1]) - logit([0, 0])];
    const spread = Math.exp((tilt * BANDWIDTH * Math.hypot(...slope)) ** 2 / 2);
    let weights = 0;
    for (let i = 0; i < POINTS; i++)
      weights += Math.exp(tilt * (0.3 + 0.8 * ACTIVATIONS[2 * i]! - 1.1 * ACTIVATIONS[2 * i + 1]!)) / POINTS;
    expect((await integral(target)) / (weights * spread)).toBeCloseTo(1, 4);
  });

  it('leaves out directions in which activations do not vary', () => {
    const flat = ACTIVATIONS.map((value, at) => (at % 2 === 1 ? 2 : value));
    const target = activationEnergy({ ...OPTIONS, activations: flat });
    expect(target.dim).toBe(1);
    expect(target.modelInput!(Float64Array.of(0.7))[1]).toBeCloseTo(2, 6);
  });

  it('is refused for an output that the net has not, and for points that are all alike', () => {
    expect(() => activationEnergy({ ...OPTIONS, of: 3 })).toThrow(/outputs 0 to 2.*3/);
    expect(() => activationEnergy({ ...OPTIONS, activations: ACTIVATIONS.map(() => 1) })).toThrow(
      /the same for all/,
    );
  });
});

function activations(): Float32Array {
  const random = randomStream(9, 9);
  const values: number[] = [];
  for (let i = 0; i < POINTS; i++) {
    const [a, b] = [random.normal(), random.normal()];
    values.push(1 + 2 * a, -0.5 + 1.2 * a + 0.5 * b);
  }
  return Float32Array.from(values);
}

/** The density of whitened coordinates at h: distances are Mahalanobis', so no axes are needed. */
function kde(at: readonly [number, number]): number {
  const mean = [0, 1].map((unit) => {
    let sum = 0;
    for (let i = 0; i < POINTS; i++) sum += ACTIVATIONS[2 * i + unit]! / POINTS;
    return sum;
  });
  const covariance = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < POINTS; i++)
      sum += (ACTIVATIONS[2 * i + a]! - mean[a]!) * (ACTIVATIONS[2 * i + b]! - mean[b]!);
    return sum / (POINTS - 1);
  };
  const [xx, xy, yy] = [covariance(0, 0), covariance(0, 1), covariance(1, 1)];
  const determinant = xx * yy - xy * xy;
  let sum = 0;
  for (let i = 0; i < POINTS; i++) {
    const [x, y] = [at[0] - ACTIVATIONS[2 * i]!, at[1] - ACTIVATIONS[2 * i + 1]!];
    const squared = (yy * x * x - 2 * xy * x * y + xx * y * y) / determinant;
    sum += Math.exp(-squared / (2 * BANDWIDTH ** 2)) / POINTS;
  }
  return sum / (2 * Math.PI * BANDWIDTH ** 2);
}

/** Over [-7, 7]^2, by the trapezium rule, which is exact to many digits for such sums. */
async function integral(target: TracedTarget): Promise<number> {
  const [side, half] = [141, 7];
  const step = (2 * half) / (side - 1);
  const open = await openTarget(target, { runner, rows: side * side });
  const z = Float64Array.from({ length: 2 * side * side }, (_, at) => {
    const cell = Math.floor(at / 2);
    return -half + step * (at % 2 === 0 ? cell % side : Math.floor(cell / side));
  });
  const logDensity = await open.logDensity(z);
  await open.close();
  return logDensity.reduce((sum, value) => sum + Math.exp(value), 0) * step * step;
}
