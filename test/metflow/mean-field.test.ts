// The mean-field bound of a correlated Gaussian is known: the best independent law of precisions 1 / (1 - rho^2) falls
// short of log Z by -log(1 - rho^2) / 2 in two dimensions.

import { describe, expect, it } from 'vitest';
import { openEvaluator } from '../../activities/metflow/evaluation.ts';
import { leastUniformLoss, meanFieldPath } from '../../activities/metflow/mean-field.ts';
import { initialMomentsOf } from '../../activities/metflow/path/path-model.ts';
import { correlatedGaussian } from '../../activities/metflow/targets/gaussian.ts';
import { openTrainer } from '../../activities/metflow/training.ts';
import { runner } from './traced.ts';

const RHO = 0.8;

describe('the mean-field law', () => {
  it('trained as a path that stays reaches the known bound of a correlated Gaussian, and not more', async () => {
    const target = correlatedGaussian({ dim: 2, correlation: RHO });
    const path = meanFieldPath({ dim: 2, scale: 3 });
    expect(path.parameters.map(({ name }) => name)).toEqual(['initial.mean', 'initial.scale']);
    const options = { steps: 400, batch: 64, learningRate: 0.02, seed: 3, runner };
    const trainer = await openTrainer(path, target, options);
    let state = trainer.initial();
    while (state.step < options.steps) ({ state } = await trainer.step(state));
    await trainer.close();
    const evaluator = await openEvaluator(path, target, { runner, rows: 4000, seed: 3 });
    const { elbo, elboError } = await evaluator.evaluate(state.theta);
    await evaluator.close();
    const known = (target.logZ ?? Number.NaN) + 0.5 * Math.log(1 - RHO * RHO);
    // |z| < 4: false alarm 6e-5; the training may fall 0.01 short.
    expect(elbo - known).toBeLessThan(4 * elboError);
    expect(elbo - known).toBeGreaterThan(-0.01 - 4 * elboError);
    expect(elboError).toBeLessThan(0.03);
    // What chains start from: the target's own units, although the law is learned in units of its first scale.
    const { mean, scale } = initialMomentsOf(path, state.theta);
    for (const value of scale) expect(value).toBeCloseTo(Math.sqrt(1 - RHO * RHO), 1);
    for (const value of mean) expect(Math.abs(value)).toBeLessThan(0.1);
  });
});

describe('the least loss of a uniform reverse law', () => {
  it('is K log 2 for certain decisions and nothing for fair ones', () => {
    expect(leastUniformLoss([1, 0, 1])).toBeCloseTo(3 * Math.LN2, 14);
    expect(leastUniformLoss([0.5, 0.5])).toBeCloseTo(0, 14);
    // log 2 - H(1/4) = log 2 - (1/4 log 4 + 3/4 log(4/3)).
    expect(leastUniformLoss([0.25])).toBeCloseTo(Math.LN2 - 0.25 * Math.log(4) - 0.75 * Math.log(4 / 3), 14);
  });
});
