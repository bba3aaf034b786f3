// Directions of learned probability: the gradient's estimators against enumeration of directions and acceptances, the
// sampler's ratio against nothing (the kernel contract holds it to its target). False alarms: 6 projections at |z| < 4.5,
// 4e-5 for each of 2 estimates.

import { describe, expect, it } from 'vitest';
import { unpackParameters } from '../../activities/metflow/parameters.ts';
import type { GradientEstimator } from '../../activities/metflow/path/elbo.ts';
import { boundKernels, type PathModel } from '../../activities/metflow/path/path-model.ts';
import { bestDesign, noiseArrays } from '../../activities/metflow/path/path-noise.ts';
import {
  add,
  exp,
  filled,
  mean,
  mul,
  neg,
  softplus,
  sum,
  type JaxArray,
} from '../../activities/numeric/array-math.ts';
import type { NamedArrays } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { enumeratedBound } from '../oracle/enumerated-bound.ts';
import { flowPath, pathDims, pathNoise, stirredParameters, threeGaussians } from './path-fixture.ts';
import { gradientOf, sampledGradient } from './sampled-gradient.ts';
import { compiled, type Arrays } from './traced.ts';

const ROWS = 24;
const REPEATS = 300;
const target = threeGaussians();
const density = (z: JaxArray) => target.logDensity(z.ref);
const model = flowPath(2, { forward: 'learned' });
const theta = stirredParameters(model, 0.5);

/** Sum over all directions of their probability times the bound with acceptances summed out. */
function exactBound(of: PathModel, value: JaxArray, args: NamedArrays): JaxArray {
  const parameters = unpackParameters(value, of.parameters);
  const draws = noiseArrays(of, args);
  const logits = boundKernels(of, parameters).map(({ kernel, parameters: own }) =>
    kernel.directionLogit!(own),
  );
  const like = args.initial!;
  const terms = Array.from({ length: 2 ** logits.length }, (_, code) => {
    const signs = logits.map((_, k) => ((code >> k) & 1 ? 1 : -1));
    const direction = signs.map((sign) => filled(sign, [ROWS], like));
    const bound = mean(enumeratedBound(of, parameters, { draws: { ...draws, direction }, density }));
    const logs = logits.map((logit, k) => neg(softplus(neg(mul(logit, signs[k]!)))));
    return mul(bound, exp(sum(logs.reduce((total, log) => add(total, log)))));
  });
  return terms.reduce((total, term) => add(total, term));
}

describe('learned directions', () => {
  it.each<GradientEstimator>(['leave-one-out', 'rao-blackwell'])(
    'have a gradient without bias by %s, that of their own logits too',
    async (estimator) => {
      const call = await sampledGradient(model, { rows: ROWS, estimator, density });
      const noise = pathNoise(model, ROWS, 0);
      const enumerated = await compiled(
        (args) => ({ gradient: gradientOf((value) => exactBound(model, value, args), args.theta!) }),
        pathDims(model, ROWS),
      );
      const exact = (await enumerated({ theta, ...noise })).gradient!;
      await enumerated.close();
      const directions = projections();
      const gaps = directions.map(() => [] as number[]);
      for (let repeat = 1; repeat <= REPEATS; repeat++) {
        const found = await call({ theta, ...noise, ...redrawn(pathNoise(model, ROWS, repeat)) });
        for (const [i, along] of directions.entries())
          gaps[i]!.push(dot(along, found.gradient!) - dot(along, exact));
      }
      await call.close();
      for (const values of gaps) {
        const bias = values.reduce((total, value) => total + value, 0) / REPEATS;
        const variance = values.reduce((total, value) => total + (value - bias) ** 2, 0) / REPEATS;
        expect(Math.abs(bias)).toBeLessThan(4.5 * Math.sqrt(variance / REPEATS));
      }
    },
  );

  it('are no coins that half a batch could share, nor enumerated or lifted', () => {
    expect(bestDesign(model, ROWS)).toBe('independent');
    expect(() => flowPath(2, { forward: 'learned', reverse: { law: 'exact' } })).toThrow(/fair directions/);
    expect(() => flowPath(2, { forward: 'learned', directions: 'lifted' })).toThrow(/not learned/);
  });
});

function redrawn(noise: Arrays): Arrays {
  return Object.fromEntries(Object.entries(noise).filter(([name]) => /^(accept|direction)/.test(name)));
}

/** The two logits by themselves, and four random mixtures of all parameters. */
function projections(): Float64Array[] {
  let at = 0;
  const logits: Float64Array[] = [];
  for (const { name, dims } of model.parameters) {
    if (name.endsWith('directionLogit')) logits.push(Float64Array.from(theta, (_, i) => (i === at ? 1 : 0)));
    at += dims.reduce((product, size) => product * size, 1);
  }
  expect(logits).toHaveLength(2);
  const mixed = Array.from({ length: 4 }, (_, i) => {
    const random = randomStream(29, i);
    return Float64Array.from(theta, () => random.normal() / Math.sqrt(theta.length));
  });
  return [...logits, ...mixed];
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, value, at) => total + value * b[at]!, 0);
}
