// A flow without a Metropolis step: where it maps the initial law onto the target exactly, every draw's integrand is log Z;
// shifted, the bound falls short by the divergence of two Gaussians.

import { expect, it } from 'vitest';
import { openEvaluator } from '../../activities/metflow/evaluation.ts';
import { affine } from '../../activities/metflow/flows/affine.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { pushKernel } from '../../activities/metflow/path/push-kernel.ts';
import { gaussianMixture } from '../../activities/metflow/targets/gaussian-mixture.ts';
import { runner } from './traced.ts';

const CENTRE = [3, -1];
const SCALE = 0.5;
const target = gaussianMixture({ dim: 2, centres: Float64Array.from(CENTRE), scale: SCALE });
const model = pathModel({
  dim: 2,
  groups: [{ kernel: pushKernel(affine({ dim: 2 })), count: 2, conditioning: 'none' }],
  initial: { law: 'frozen' },
  reverse: { law: 'uniform' },
});

/** Two maps, the first of which scales, and the second shifts. */
async function boundWith(shift: readonly number[]) {
  const log = Math.log(SCALE);
  const theta = Float64Array.of(log, log, 0, 0, 0, 0, ...shift);
  const evaluator = await openEvaluator(model, target, { runner, rows: 500, seed: 5 });
  const found = await evaluator.evaluate(theta);
  await evaluator.close();
  return found;
}

it('has the flow for its law: log Z for every draw where it is the target', async () => {
  const { elbo, elboError } = await boundWith(CENTRE);
  expect(elbo).toBeCloseTo(0, 12);
  expect(elboError).toBeLessThan(1e-12);
});

it('falls short by the divergence where it is not', async () => {
  const { elbo, elboError } = await boundWith([CENTRE[0]! + SCALE, CENTRE[1]!]);
  // KL of two unit Gaussians one standard deviation apart; |z| < 5: false alarm 6e-7.
  expect(Math.abs(elbo + 0.5)).toBeLessThan(5 * elboError);
  expect(elboError).toBeLessThan(0.1);
});
