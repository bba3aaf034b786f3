// Every built-in target: log Z against quadrature in two dimensions, exact draws against the density by Stein's
// identity and by the density's own formula. False alarms: |z| < 5 on 4 statistics of each target, 2e-5 in all.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { banana } from '../../activities/metflow/targets/banana.ts';
import { densityMatch } from '../../activities/metflow/targets/density-match.ts';
import { funnel } from '../../activities/metflow/targets/funnel.ts';
import {
  cubeVertices,
  gaussianMixture,
  grid,
  ring,
  twoFar,
} from '../../activities/metflow/targets/gaussian-mixture.ts';
import { correlatedGaussian } from '../../activities/metflow/targets/gaussian.ts';
import { logisticRegression } from '../../activities/metflow/targets/logistic-regression.ts';
import { studentMixture } from '../../activities/metflow/targets/student-mixture.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { twoMoons } from '../../activities/metflow/targets/two-moons.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { runner } from './traced.ts';

const stream = () => randomStream(41, 1);

/** Square [-half, half]^2 and step of the quadrature; null above two dimensions. */
const TARGETS: Record<
  string,
  { target: TracedTarget; half: number; step: number } | { target: TracedTarget }
> = {
  ring: { target: ring({ modes: 8, radius: 10, scale: 1 }), half: 18, step: 0.2 },
  grid: { target: grid({ side: 5, spacing: 2, scale: 0.2 }), half: 6, step: 0.05 },
  'two far modes': { target: twoFar({ distance: 50, scale: 1 }), half: 60, step: 0.4 },
  'cube of 2 dimensions': {
    target: cubeVertices({ dim: 2, modes: 3, half: 4 }, stream()),
    half: 12,
    step: 0.2,
  },
  banana: { target: banana(), half: 22, step: 0.05 },
  'two moons': { target: twoMoons(), half: 4, step: 0.02 },
  'funnel of 2 dimensions': { target: funnel({ dim: 2 }), half: 0, step: 0 },
  'gaussian of 2 dimensions': {
    target: correlatedGaussian({ dim: 2, correlation: 0.7 }),
    half: 9,
    step: 0.1,
  },
  'student of 2 dimensions': {
    target: studentMixture({ dim: 2, modes: 4, half: 3, freedom: 7 }, stream()),
    half: 60,
    step: 0.25,
  },
  t1: { target: densityMatch({ shape: 't1' }), half: 5, step: 0.02 },
  t2: { target: densityMatch({ shape: 't2' }), half: 8, step: 0.02 },
  t3: { target: densityMatch({ shape: 't3' }), half: 8, step: 0.02 },
  t4: { target: densityMatch({ shape: 't4' }), half: 8, step: 0.02 },
  'cube of 10 dimensions': { target: cubeVertices({ dim: 10, modes: 8, half: 4 }, stream()) },
  'funnel of 6 dimensions': { target: funnel({ dim: 6 }) },
  'gaussian of 20 dimensions': { target: correlatedGaussian({ dim: 20, correlation: 0.4 }) },
  'student of 20 dimensions': {
    target: studentMixture({ dim: 20, modes: 6, half: 3, freedom: 9 }, stream()),
  },
  'unequal weights': {
    target: gaussianMixture({
      dim: 1,
      centres: Float64Array.of(-2, 3),
      scale: 0.5,
      weights: Float64Array.of(0.3, 0.7),
    }),
  },
};

const planar = Object.entries(TARGETS).flatMap(([name, one]) =>
  'half' in one && one.half > 0 ? [{ name, ...one }] : [],
);
const exact = Object.entries(TARGETS).filter(([, { target }]) => target.sample !== undefined);

describe('log Z', () => {
  it.each(planar)('of $name is that of quadrature', async ({ target, half, step }) => {
    const side = Math.round((2 * half) / step) + 1;
    const points = Float64Array.from({ length: 2 * side * side }, (_, at) => {
      const point = Math.floor(at / 2);
      return -half + step * (at % 2 === 0 ? point % side : Math.floor(point / side));
    });
    const open = await openTarget(target, { runner, rows: 50_000 });
    const logDensity = await open.logDensity(points);
    await open.close();
    const mass = logDensity.reduce((total, value) => total + Math.exp(value), 0) * step * step;
    expect(Math.abs(Math.log(mass) - target.logZ!)).toBeLessThan(5e-6);
  });

  it('of a funnel is what its conditional densities say', async () => {
    const dim = 6;
    const target = funnel({ dim });
    const z = target.sample!(50, stream());
    const open = await openTarget(target, { runner, rows: 50 });
    const logDensity = await open.logDensity(z);
    await open.close();
    const logNormal = (x: number, scale: number) =>
      -0.5 * (x / scale) ** 2 - Math.log(scale * Math.sqrt(2 * Math.PI));
    for (const [row, value] of logDensity.entries()) {
      const [neck, ...others] = z.subarray(row * dim, (row + 1) * dim);
      const normalised = others.reduce((sum, x) => sum + logNormal(x, Math.exp(neck!)), logNormal(neck!, 1));
      expect(value - normalised).toBeCloseTo(target.logZ!, 9);
    }
  });
});

describe('exact draws', () => {
  it.each(exact)('of %s satisfy Stein’s identity', async (_, { target }) => {
    const rows = 20_000;
    const { dim } = target;
    const z = target.sample!(rows, stream());
    const open = await openTarget(target, { runner, rows });
    const { gradient } = await open.logDensityAndGradient(z.slice());
    await open.close();
    // E[f'(z_i) + f(z_i) G_i(z)] = 0 for bounded f.
    const functions: readonly [(x: number) => number, (x: number) => number][] = [
      [Math.sin, Math.cos],
      [(x) => Math.tanh(x / 3), (x) => (1 - Math.tanh(x / 3) ** 2) / 3],
    ];
    for (const [f, slope] of functions) {
      for (const i of [0, dim - 1]) {
        const values = Float64Array.from({ length: rows }, (__, row) => {
          const x = z[row * dim + i]!;
          return slope(x) + f(x) * gradient[row * dim + i]!;
        });
        expect(Math.abs(zScore(values))).toBeLessThan(5);
      }
    }
  });

  it('visit modes in proportion to their masses', () => {
    const { target } = TARGETS['unequal weights']!;
    const z = target.sample!(20_000, stream());
    const right = z.filter((x) => x > 0.5).length / 20_000;
    expect(Math.abs(right - 0.7)).toBeLessThan(5 * Math.sqrt(0.21 / 20_000));
  });
});

describe('a target with impossible options', () => {
  it.each([
    () => correlatedGaussian({ dim: 3, correlation: -0.6 }),
    () => funnel({ dim: 1 }),
    () => cubeVertices({ dim: 2, modes: 5, half: 1 }, stream()),
    () => gaussianMixture({ dim: 2, centres: Float64Array.of(1, 2, 3), scale: 1 }),
    () => studentMixture({ dim: 2, modes: 2, half: 1, freedom: 2 }, stream()),
    () => logisticRegression({ features: Float64Array.of(1, 2), labels: [0, 2] }),
    () => logisticRegression({ features: Float64Array.of(1, 1), labels: [0, 1] }),
  ])('is refused (%#)', (build) => {
    expect(build).toThrow(/target|row 1|feature 0/);
  });
});

describe('logistic regression on the breast cancer data', () => {
  it('has the density and the gradient that NumPy finds', async () => {
    const golden = JSON.parse(
      readFileSync(new URL('../golden/logistic/logistic.json', import.meta.url), 'utf8'),
    ) as { points: number[][]; logDensity: number[]; gradient: number[][] };
    const target = logisticRegression(breastCancer());
    expect(target.dim).toBe(31);
    const open = await openTarget(target, { runner, rows: 3 });
    const { logDensity, gradient } = await open.logDensityAndGradient(
      Float64Array.from(golden.points.flat()),
    );
    await open.close();
    for (const [i, value] of golden.logDensity.entries()) expect(logDensity[i]! / value).toBeCloseTo(1, 12);
    for (const [i, value] of golden.gradient.flat().entries()) expect(gradient[i]).toBeCloseTo(value, 8);
  });
});

function breastCancer() {
  const file = new URL('../../examples/metflow/breast-cancer.csv', import.meta.url);
  const rows = readFileSync(file, 'utf8').trim().split('\n').slice(1);
  const numbers = rows.map((line) => line.split(',').map(Number));
  return {
    features: Float64Array.from(numbers.flatMap((row) => row.slice(0, -1))),
    labels: numbers.map((row) => row.at(-1)!),
  };
}

function zScore(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return mean / Math.sqrt(variance / values.length);
}
