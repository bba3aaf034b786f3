// Densities that are NaN, infinite or zero, ratios beyond any exponential, paths and batches of one, and chains that
// never or always move.

import { describe, expect, it } from 'vitest';
import { bulkEffectiveSize } from '../../activities/metflow/diagnostics/effective-sample-size.ts';
import { rankNormalisedRHat } from '../../activities/metflow/diagnostics/rank-normalised-r-hat.ts';
import { openEvaluator } from '../../activities/metflow/evaluation.ts';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import { affineCoupling } from '../../activities/metflow/flows/affine-coupling.ts';
import { permutation } from '../../activities/metflow/flows/permutation.ts';
import { initState, type ChainState } from '../../activities/metflow/kernel.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { hamiltonianKernel } from '../../activities/metflow/path/hamiltonian-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { gaussianMixture } from '../../activities/metflow/targets/gaussian-mixture.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { openTrainer, type TrainState } from '../../activities/metflow/training.ts';
import { column, less, mul, square, sum, where } from '../../activities/numeric/array-math.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { flowPath, stirredParameters, threeGaussians } from './path-fixture.ts';
import { firstState, runner } from './traced.ts';

const CHAINS = Uint32Array.from({ length: 64 }, (_, chain) => chain);

/** exp(-|z|^2 / 2) where z1 < 1, and `beyond` elsewhere. */
function cut(beyond: number): TracedTarget {
  return {
    dim: 2,
    logDensity: (z) => where(less(column(z, 0), 1), mul(sum(square(z), 1), -0.5), beyond),
  };
}

const stateOf = (target: TracedTarget, z: Float64Array) => firstState(target, z, CHAINS);

describe('proposals to where there is no density', () => {
  it.each([Number.NEGATIVE_INFINITY, Number.NaN])('(%s) are rejected and nothing else is', async (beyond) => {
    const target = cut(beyond);
    const model = flowPath(2);
    const kernel = await openFlowProposal(model, target, {
      runner,
      theta: stirredParameters(model, 0.3),
      modelSeed: 1,
      chains: CHAINS.length,
    });
    let state = await stateOf(target, new Float64Array(2 * CHAINS.length));
    let [moves, broken] = [0, 0];
    for (let step = 0; step < 30; step++) {
      const done = await kernel.step({ seed: 2, step, chains: CHAINS }, state);
      state = done.state;
      for (const one of done.info) {
        moves += one.accepted.filter(Boolean).length;
        broken += one.diverged.filter(Boolean).length;
        expect(one.squaredJump.every(Number.isFinite)).toBe(true);
      }
    }
    await kernel.close();
    expect(state.z.every((x, at) => at % 2 === 1 || x < 1)).toBe(true);
    expect(state.logDensity.every(Number.isFinite)).toBe(true);
    expect(moves).toBeGreaterThan(100);
    if (Number.isNaN(beyond)) expect(broken).toBeGreaterThan(0);
    else expect(broken).toBe(0);
  });

  it('stop a chain that would start there, by name', async () => {
    const z = new Float64Array(2 * CHAINS.length);
    z[2 * 17] = 3;
    await expect(stateOf(cut(Number.NEGATIVE_INFINITY), z)).rejects.toThrow(/chain 17.*-Infinity/);
  });

  it('leave a training’s parameters finite', async () => {
    const trainer = await openTrainer(flowPath(2), cut(Number.NEGATIVE_INFINITY), {
      runner,
      steps: 20,
      batch: 64,
      learningRate: 0.01,
      seed: 1,
    });
    let state: TrainState = trainer.initial();
    for (let step = 0; step < 20; step++) state = (await trainer.step(state)).state;
    await trainer.close();
    expect(state.theta.every(Number.isFinite)).toBe(true);
  });
});

describe('ratios beyond any exponential', () => {
  it('still decide: from a far tail every downhill move is refused, every uphill one taken', async () => {
    // Scale 1e-3: densities differ by millions of nats.
    const target = gaussianMixture({ dim: 2, centres: Float64Array.of(0, 0), scale: 1e-3 });
    const model = flowPath(1);
    const kernel = await openFlowProposal(model, target, {
      runner,
      theta: stirredParameters(model, 0.3),
      modelSeed: 1,
      chains: CHAINS.length,
    });
    const random = randomStream(3, 1);
    const start = await stateOf(
      target,
      Float64Array.from({ length: 2 * CHAINS.length }, () => 5 * random.normal()),
    );
    const { info, state } = await kernel.step({ seed: 2, step: 0, chains: CHAINS }, start);
    await kernel.close();
    const [one] = info;
    expect(one!.logRatio.some((ratio) => Math.abs(ratio) > 700)).toBe(true);
    for (const [chain, ratio] of one!.logRatio.entries()) {
      if (Math.abs(ratio) > 700) expect(one!.accepted[chain]).toBe(ratio > 0 ? 1 : 0);
      expect(state.logDensity[chain]).not.toBeNaN();
    }
  });
});

describe('the smallest cases', () => {
  it('a path of no kernels is refused', () => {
    const groups: never[] = [];
    expect(() =>
      pathModel({ dim: 2, groups, initial: { law: 'learned' }, reverse: { law: 'uniform' } }),
    ).toThrow(/from 1 to 250 kernels/);
  });

  it('the exact reverse law is refused where paths are not enumerated', () => {
    const kernel = hamiltonianKernel({ dim: 2, stepSize: 0.1, steps: 1 });
    const groups = [{ kernel, count: 1, conditioning: 'none' as const }];
    expect(() =>
      pathModel({ dim: 2, groups, initial: { law: 'frozen' }, reverse: { law: 'exact' } }),
    ).toThrow(/exact reverse/);
    expect(() => flowPath(2, { reverse: { law: 'exact' }, directions: 'lifted' })).toThrow(/exact reverse/);
    expect(() => flowPath(13, { reverse: { law: 'exact' } })).toThrow(/exact reverse/);
  });

  it('one dimension, one path a batch, one step: it trains', async () => {
    const kernel = flowKernel(affineCoupling({ dim: 1, hidden: 3, parity: 1 }));
    const model = pathModel({
      dim: 1,
      groups: [{ kernel, count: 1, conditioning: 'none' }],
      initial: { law: 'learned' },
      reverse: { law: 'product' },
    });
    const target = gaussianMixture({ dim: 1, centres: Float64Array.of(1), scale: 0.5 });
    const options = { runner, steps: 5, batch: 1, learningRate: 0.01, seed: 1 };
    const trainer = await openTrainer(model, target, options);
    let state = trainer.initial();
    for (let step = 0; step < 5; step++) state = (await trainer.step(state)).state;
    await trainer.close();
    expect(state.skipped).toBe(0);
    expect(state.theta.every(Number.isFinite)).toBe(true);
    expect(state.theta).not.toEqual(trainer.initial().theta);
  });

  it('parameters of another model are refused', async () => {
    const options = { runner, theta: new Float64Array(3), modelSeed: 1, chains: 4 };
    await expect(openFlowProposal(flowPath(1), threeGaussians(), options)).rejects.toThrow(
      /parameters \(3\)/,
    );
  });
});

describe('training', () => {
  it('raises the bound, and a learned reverse law does not lose to the uniform one', async () => {
    const target = threeGaussians();
    const bounds: Record<string, number> = {};
    for (const law of ['uniform', 'product'] as const) {
      const model = flowPath(2, { reverse: { law } });
      const options = { runner, steps: 250, batch: 100, learningRate: 0.01, seed: 1 };
      const trainer = await openTrainer(model, target, options);
      const evaluator = await openEvaluator(model, target, { runner, rows: 4000, seed: 1 });
      let state = trainer.initial();
      const before = await evaluator.evaluate(state.theta);
      for (let step = 0; step < options.steps; step++) state = (await trainer.step(state)).state;
      const after = await evaluator.evaluate(state.theta);
      await Promise.all([trainer.close(), evaluator.close()]);
      expect(after.elbo - before.elbo).toBeGreaterThan(10 * Math.hypot(before.elboError, after.elboError));
      expect(after.elbo).toBeLessThan(target.logZ! + 4 * after.elboError);
      expect(after.nonFinite).toBe(0);
      bounds[law] = after.elbo;
    }
    // Two trainings end in different places: more than noise, less than what training gains.
    expect(bounds.product).toBeGreaterThan(bounds.uniform! - 0.05);
  });
});

describe('diagnostics of', () => {
  const [chains, draws] = [4, 10_000];
  const random = randomStream(8, 8);
  const series = (next: (before: number, chain: number) => number) => {
    const values = new Float64Array(chains * draws);
    for (let chain = 0; chain < chains; chain++) {
      let value = random.normal();
      for (let draw = 0; draw < draws; draw++) {
        value = next(value, chain);
        values[chain * draws + draw] = value;
      }
    }
    return { chains, draws, values };
  };

  it('an autoregression of 0.9 find its known effective size within 10 %', () => {
    const own = series((before) => 0.9 * before + Math.sqrt(1 - 0.81) * random.normal());
    const known = (chains * draws * 0.1) / 1.9;
    expect(bulkEffectiveSize(own) / known).toBeGreaterThan(0.9);
    expect(bulkEffectiveSize(own) / known).toBeLessThan(1.1);
  });

  it('independent draws are near 1, of a shifted chain far from it, of a constant nothing', () => {
    const rHat = rankNormalisedRHat(series(() => random.normal()));
    expect(rHat).toBeGreaterThan(0.999);
    expect(rHat).toBeLessThan(1.01);
    expect(rankNormalisedRHat(series((_, chain) => random.normal() + (chain === 0 ? 2 : 0)))).toBeGreaterThan(
      1.1,
    );
    expect(rankNormalisedRHat(series(() => 3))).toBeNaN();
    expect(bulkEffectiveSize(series(() => 3))).toBeNaN();
  });
});

describe('chains that always move', () => {
  it('do so under a map that changes nothing', async () => {
    const swap = flowKernel(permutation({ order: [1, 0] }));
    const model = pathModel({
      dim: 2,
      groups: [{ kernel: swap, count: 2, conditioning: 'none' }],
      initial: { law: 'learned' },
      reverse: { law: 'uniform' },
    });
    const target = gaussianMixture({ dim: 2, centres: Float64Array.of(0, 0), scale: 1 });
    const theta = stirredParameters(model, 0.1);
    const kernel = await openFlowProposal(model, target, {
      runner,
      theta,
      modelSeed: 1,
      chains: CHAINS.length,
    });
    const random = randomStream(3, 2);
    const start = await stateOf(
      target,
      Float64Array.from({ length: 128 }, () => random.normal()),
    );
    const { info, state } = await kernel.step({ seed: 2, step: 0, chains: CHAINS }, start);
    await kernel.close();
    for (const one of info) expect(one.accepted.every((value) => value === 1)).toBe(true);
    expect(state.z).toEqual(start.z);
  });
});
