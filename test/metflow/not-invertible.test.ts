// Flows that cannot be inverted: chains stay where they are, trainings leave such updates out, and both say so.

import { describe, expect, it } from 'vitest';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import { affine } from '../../activities/metflow/flows/affine.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { gaussianMixture } from '../../activities/metflow/targets/gaussian-mixture.ts';
import { openTrainer } from '../../activities/metflow/training.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { firstState, runner } from './traced.ts';

const CHAINS = Uint32Array.from({ length: 64 }, (_, chain) => chain);

describe('a flow that cannot be inverted', () => {
  const kernel = flowKernel(affine({ dim: 2 }));
  const target = gaussianMixture({ dim: 2, centres: Float64Array.of(0, 0), scale: 1 });
  const model = pathModel({
    dim: 2,
    groups: [{ kernel, count: 1, conditioning: 'none' }],
    initial: { law: 'frozen' },
    reverse: { law: 'uniform' },
  });

  it.each([
    ['whose parameters are NaN', Number.NaN, true],
    ['that takes every point to infinity, and all of space to one', 800, false],
    ['that takes all of space to one point, and every point to infinity', -800, false],
  ])(
    '%s, is refused at every step: chains stay where they are, and reports say so',
    async (_, logScale, broken) => {
      const theta = Float64Array.of(logScale, logScale, 0, 0);
      expect(model.parameters.map(({ name }) => name.split('.').at(-1))).toEqual(['logScale', 'shift']);
      const flow = await openFlowProposal(model, target, {
        runner,
        theta,
        modelSeed: 1,
        chains: CHAINS.length,
      });
      const random = randomStream(4, 1);
      const start = await firstState(
        target,
        Float64Array.from({ length: 128 }, () => random.normal()),
        CHAINS,
      );
      let state = start;
      for (let step = 0; step < 10; step++) {
        const done = await flow.step({ seed: 2, step, chains: CHAINS }, state);
        state = done.state;
        for (const { accepted, acceptance, diverged } of done.info) {
          expect(accepted.some((value) => value !== 0)).toBe(false);
          expect(acceptance.every((value) => value >= 0 && value < 1e-300)).toBe(true);
          if (broken) expect(diverged.every((value) => value === 1)).toBe(true);
        }
      }
      await flow.close();
      expect(state.z).toEqual(start.z);
      expect(state.logDensity).toEqual(start.logDensity);
    },
  );

  it('and whose training begins there leaves its updates out', async () => {
    const options = { runner, steps: 3, batch: 16, learningRate: 0.01, seed: 1 };
    const trainer = await openTrainer(model, target, options);
    const theta = Float64Array.of(Number.NaN, 0, 0, 0);
    const { state, info } = await trainer.step({ ...trainer.initial(), theta });
    await trainer.close();
    expect(info.moved).toBe(false);
    expect(state).toMatchObject({ skipped: 1, skippedInRow: 1 });
  });
});
