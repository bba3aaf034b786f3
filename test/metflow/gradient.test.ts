// The gradient's estimators against full enumeration of the acceptances, and that against finite differences.
// False alarms: 6 projections at |t| < 4.8 of 99 degrees of freedom, 3e-5 for each of 10 estimates, 3e-4 in all.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unpackParameters } from '../../activities/metflow/parameters.ts';
import { elboTerms, type GradientEstimator } from '../../activities/metflow/path/elbo.ts';
import { hamiltonianKernel } from '../../activities/metflow/path/hamiltonian-kernel.ts';
import { langevinKernel } from '../../activities/metflow/path/langevin-kernel.ts';
import { pathModel, type PathModel } from '../../activities/metflow/path/path-model.ts';
import { noiseArrays } from '../../activities/metflow/path/path-noise.ts';
import { randomWalkKernel } from '../../activities/metflow/path/random-walk-kernel.ts';
import { mean, type JaxArray } from '../../activities/numeric/array-math.ts';
import type { NamedArrays } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { enumeratedBound } from '../oracle/enumerated-bound.ts';
import { flowPath, pathDims, pathNoise, stirredParameters, threeGaussians } from './path-fixture.ts';
import { gradientOf, sampledGradient } from './sampled-gradient.ts';
import { compiled, type Arrays } from './traced.ts';

// Many rows and few repeats: a call costs its nodes, not its rows.
const ROWS = 72;
const REPEATS = 100;
const target = threeGaussians();
const density = (z: JaxArray) => target.logDensity(z.ref);

const MODELS: Record<string, PathModel> = {
  'flows, uniform reverse': flowPath(3),
  'flows, product reverse': flowPath(3, { reverse: { law: 'product' } }),
  'one flow with free innovation': flowPath(3, { conditioning: 'free' }),
  'random walk': pathModel({
    dim: 2,
    groups: [{ kernel: randomWalkKernel({ dim: 2, stepSize: 0.8 }), count: 3, conditioning: 'none' }],
    initial: { law: 'learned', scale: 1 },
    reverse: { law: 'uniform' },
  }),
  mala: pathModel({
    dim: 2,
    groups: [{ kernel: langevinKernel({ dim: 2, stepSize: 0.2 }), count: 2, conditioning: 'none' }],
    initial: { law: 'learned', scale: 1 },
    reverse: { law: 'uniform' },
  }),
  'hmc with partial refreshment': pathModel({
    dim: 2,
    groups: [
      {
        kernel: hamiltonianKernel({ dim: 2, stepSize: 0.4, steps: 2, kept: 0.7 }),
        count: 2,
        conditioning: 'none',
      },
    ],
    initial: { law: 'learned', scale: 1 },
    reverse: { law: 'product' },
  }),
};
/** All where one hides least; elsewhere the one that is used, which has all the others in it. */
function estimatorsOf(name: string): readonly GradientEstimator[] {
  if (name === 'flows, product reverse') return ['score', 'telescoped', 'leave-one-out', 'rao-blackwell'];
  return name === 'flows, uniform reverse' ? ['telescoped', 'rao-blackwell'] : ['rao-blackwell'];
}

describe.each(Object.entries(MODELS))('%s', (name, model) => {
  let enumerated: Awaited<ReturnType<typeof compiled>>;
  const theta = stirredParameters(model, 0.3);
  const noise = pathNoise(model, ROWS, 0);
  const exact = (value: JaxArray, args: NamedArrays) =>
    mean(
      enumeratedBound(model, unpackParameters(value, model.parameters), {
        draws: noiseArrays(model, args),
        density,
      }),
    );

  beforeAll(async () => {
    enumerated = await compiled(
      (args) => ({
        value: exact(args.theta!, args),
        gradient: gradientOf((t) => exact(t, args), args.theta!),
      }),
      pathDims(model, ROWS),
    );
  });
  afterAll(() => enumerated.close());

  it('has the enumerated gradient that finite differences have', async () => {
    const { gradient } = await enumerated({ theta, ...noise });
    for (const direction of projections(theta.length)) {
      const step = 1e-5;
      const shifted = (sign: number) => theta.map((value, at) => value + sign * step * direction[at]!);
      const up = (await enumerated({ theta: shifted(1), ...noise })).value![0]!;
      const down = (await enumerated({ theta: shifted(-1), ...noise })).value![0]!;
      expect(Math.abs((up - down) / (2 * step) - dot(direction, gradient!))).toBeLessThan(1e-6);
    }
  });

  it.each(estimatorsOf(name))('is estimated without bias by %s', async (estimator) => {
    const sampled = await sampledGradient(model, { rows: ROWS, estimator, density });
    const want = (await enumerated({ theta, ...noise })).gradient!;
    const directions = projections(theta.length);
    const sums = directions.map(() => ({ total: 0, squares: 0 }));
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      const found = await sampled({ theta, ...noise, ...acceptOnly(pathNoise(model, ROWS, repeat)) });
      for (const [i, direction] of directions.entries()) {
        const gap = dot(direction, found.gradient!) - dot(direction, want);
        sums[i]!.total += gap;
        sums[i]!.squares += gap * gap;
      }
    }
    for (const { total, squares } of sums) {
      const bias = total / REPEATS;
      const error = Math.sqrt((squares / REPEATS - bias * bias) / REPEATS);
      expect(Math.abs(bias)).toBeLessThan(4.8 * error + 1e-12);
    }
    await sampled.close();
  });
});

describe('an estimator that forgets the scores', () => {
  it('is biased, and this test would see it', async () => {
    const model = flowPath(3);
    const theta = stirredParameters(model, 0.3);
    const noise = pathNoise(model, ROWS, 0);
    const gradientOfMean = (bound: (t: JaxArray, args: NamedArrays) => JaxArray) =>
      compiled(
        (args) => ({ gradient: gradientOf((t) => bound(t, args), args.theta!) }),
        pathDims(model, ROWS),
      );
    const options = (args: NamedArrays) => ({ draws: noiseArrays(model, args), density });
    const enumerated = await gradientOfMean((t, args) =>
      mean(enumeratedBound(model, unpackParameters(t, model.parameters), options(args))),
    );
    const pathwise = await gradientOfMean((t, args) =>
      mean(elboTerms(model, unpackParameters(t, model.parameters), options(args)).integrand),
    );
    const exact = (await enumerated({ theta, ...noise })).gradient!;
    // The first half of the repeats says where to look, the second whether there is something.
    const gaps: Float64Array[] = [];
    for (let repeat = 1; repeat <= REPEATS; repeat++) {
      const wrong = await pathwise({ theta, ...noise, ...acceptOnly(pathNoise(model, ROWS, repeat)) });
      gaps.push(wrong.gradient!.map((value, at) => value - exact[at]!));
    }
    await Promise.all([enumerated.close(), pathwise.close()]);
    const half = REPEATS / 2;
    const direction = theta.map((_, at) => gaps.slice(0, half).reduce((sum, gap) => sum + gap[at]!, 0));
    const along = gaps.slice(half).map((gap) => dot(direction, gap));
    const centre = along.reduce((sum, value) => sum + value, 0) / half;
    const variance = along.reduce((sum, value) => sum + (value - centre) ** 2, 0) / half;
    expect(centre).toBeGreaterThan(6 * Math.sqrt(variance / half));
  });
});

function acceptOnly(noise: Arrays): Arrays {
  return Object.fromEntries(Object.entries(noise).filter(([name]) => name.startsWith('accept')));
}

function projections(length: number): Float64Array[] {
  return Array.from({ length: 6 }, (_, i) => {
    const random = randomStream(23, i);
    return Float64Array.from({ length }, () => random.normal() / Math.sqrt(length));
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, at) => total + value * b[at]!, 0);
}
