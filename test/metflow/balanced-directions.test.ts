// Half of a batch's rows each way: every row's own law is that of independent fair coins, and the bound and its gradient
// are those of the same directions given row by row. Then the mean over a batch has the same expectation.

import { grad } from '@jax-js/jax';
import { describe, expect, it } from 'vitest';
import { unpackParameters } from '../../activities/metflow/parameters.ts';
import { elboTerms, surrogate } from '../../activities/metflow/path/elbo.ts';
import type { PathModel } from '../../activities/metflow/path/path-model.ts';
import { bestDesign, drawNoise, noiseArrays, noiseSpecs } from '../../activities/metflow/path/path-noise.ts';
import type { JaxArray } from '../../activities/numeric/array-math.ts';
import { compileFunction } from '../../activities/numeric/jaxpr-to-onnx.ts';
import { flowPath, stirredParameters, threeGaussians } from './path-fixture.ts';
import { runner } from './traced.ts';

const ROWS = 24;
const target = threeGaussians();
const density = (z: JaxArray) => target.logDensity(z.ref);

/** 1 where the row goes forward, else -1, by row. */
function directionsAt(model: PathModel, rows: number, step: number): Int8Array[] {
  const design = 'balanced' as const;
  const specs = noiseSpecs(model, { rows, type: 'float64', design });
  const noise = drawNoise(model, { rows, type: 'float64', design }, { seed: 8, step });
  return model.slots.map((_, k) => {
    const find = (name: string) =>
      noise[specs.findIndex((spec) => spec.name === `${name}${k}`)] as Int32Array;
    const [order, place] = [find('order'), find('place')];
    if (!order.every((row, at) => place[row] === at)) throw new Error('places are not those of the order');
    return Int8Array.from(place, (at) => (at < rows / 2 ? 1 : -1));
  });
}

describe('balanced directions', () => {
  it('send half of the rows forward at every step', () => {
    for (let step = 0; step < 20; step++)
      for (const directions of directionsAt(flowPath(3), 10, step))
        expect(directions.reduce((sum, one) => sum + one, 0)).toBe(0);
  });

  // Chi-square of 8 equally likely sequences, 7 degrees of freedom: above 24.3 once in 1,000, and there are 4 rows.
  it('give each row every sequence of directions equally often', () => {
    const [rows, repeats] = [4, 4000];
    const counts = Array.from({ length: rows }, () => new Float64Array(8));
    for (let step = 0; step < repeats; step++) {
      const steps = directionsAt(flowPath(3), rows, step);
      for (let row = 0; row < rows; row++) {
        const sequence = steps.reduce((code, directions) => 2 * code + (directions[row] === 1 ? 1 : 0), 0);
        counts[row]![sequence]!++;
      }
    }
    const expected = repeats / 8;
    for (const row of counts) {
      const chiSquare = row.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      expect(chiSquare).toBeLessThan(27);
    }
  });

  it.each(['none', 'free'] as const)(
    'give bound and gradient of the same coins, conditioning %s',
    async (conditioning) => {
      const model = flowPath(3, { conditioning });
      const theta = stirredParameters(model, 0.3);
      const balanced = await differentiated(model, 'balanced');
      const single = await differentiated(model, 'independent');
      const noise = drawNoise(
        model,
        { rows: ROWS, type: 'float64', design: 'balanced' },
        { seed: 8, step: 5 },
      );
      const specs = noiseSpecs(model, { rows: ROWS, type: 'float64', design: 'balanced' });
      const byName = Object.fromEntries(specs.map(({ name }, i) => [name, noise[i]!]));
      const coins = directionsAt(model, ROWS, 5);
      const same = noiseSpecs(model, { rows: ROWS, type: 'float64' }).map(({ name }) =>
        name.startsWith('direction') ? Float64Array.from(coins[Number(name.slice(9))]!) : byName[name]!,
      );
      const [bound, gradient] = (await balanced.run([theta, ...noise])) as Float64Array[];
      const [wantedBound, wantedGradient] = (await single.run([theta, ...same])) as Float64Array[];
      await Promise.all([balanced.close(), single.close()]);
      expect(largestGap(bound!, wantedBound!)).toBeLessThan(1e-11);
      expect(largestGap(gradient!, wantedGradient!)).toBeLessThan(1e-11);
      expect(Math.max(...gradient!)).toBeGreaterThan(0.01);
    },
  );

  it('are for even batches whose directions no rejection turns', () => {
    expect(bestDesign(flowPath(2), 8)).toBe('balanced');
    expect(bestDesign(flowPath(2), 7)).toBe('independent');
    expect(bestDesign(flowPath(2, { directions: 'lifted' }), 8)).toBe('independent');
  });
});

/** The integrand by row and the gradient of the surrogate. */
function differentiated(model: PathModel, design: 'balanced' | 'independent') {
  const length = stirredParameters(model).length;
  const noise = noiseSpecs(model, { rows: ROWS, type: 'float64', design });
  return runner.open(
    compileFunction(
      (args) => {
        const draws = noiseArrays(model, args);
        const termsAt = (theta: JaxArray) => {
          const parameters = unpackParameters(theta, model.parameters);
          return { parameters, terms: elboTerms(model, parameters, { draws, density }) };
        };
        const loss = (theta: JaxArray) => {
          const { parameters, terms } = termsAt(theta);
          return surrogate(model, parameters, { terms, estimator: 'rao-blackwell' });
        };
        const gradient = (grad(loss as never) as unknown as (t: JaxArray) => JaxArray)(args.theta!.ref);
        return { integrand: termsAt(args.theta!).terms.integrand, gradient };
      },
      [{ name: 'theta', type: 'float64', dims: [length] }, ...noise],
    ),
  );
}

function largestGap(a: Float64Array, b: Float64Array): number {
  return Math.max(...a.map((value, at) => Math.abs(value - b[at]!)));
}
