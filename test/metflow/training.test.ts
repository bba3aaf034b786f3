// A training goes on from any of its states bit for bit.

import { describe, expect, it } from 'vitest';
import { hamiltonianKernel } from '../../activities/metflow/path/hamiltonian-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { openTrainer, targetWeightAt, type TrainState } from '../../activities/metflow/training.ts';
import { toFloats } from '../../activities/metflow/parameters.ts';
import { type JaxArray, mul, square, sum } from '../../activities/numeric/array-math.ts';
import { flowPath, stirredParameters, threeGaussians } from './path-fixture.ts';
import { runner } from './traced.ts';

const target = threeGaussians();

describe('the weight of the target', () => {
  it('grows from a hundredth to 1 within its share of the updates, slowly at first', () => {
    const options = { anneal: 0.5, steps: 1000 };
    const weights = [0, 100, 250, 499, 500, 999].map((step) => targetWeightAt(options, step));
    for (const [i, value] of [0.01, 0.0496, 0.2575].entries()) expect(weights[i]).toBeCloseTo(value, 14);
    expect(weights[3]).toBeLessThan(1);
    expect(weights.slice(4)).toEqual([1, 1]);
    expect(targetWeightAt({ anneal: 0, steps: 10 }, 0)).toBe(1);
    const linear = { ...options, fading: 'linear' } as const;
    for (const [step, weight] of [0.01, 0.208, 0.505].entries())
      expect(targetWeightAt(linear, [0, 100, 250][step]!)).toBeCloseTo(weight, 14);
  });
});

describe('a training', () => {
  it('continued from any of its steps ends in the same bytes', async () => {
    const model = flowPath(2, { conditioning: 'free', reverse: { law: 'product' } });
    const options = { runner, steps: 12, batch: 16, learningRate: 0.01, seed: 4, anneal: 0.5 };
    const trainer = await openTrainer(model, target, options);
    const states: TrainState[] = [trainer.initial()];
    for (let step = 0; step < 12; step++) states.push((await trainer.step(states[step]!)).state);
    await trainer.close();
    // Another process would open the program anew.
    const other = await openTrainer(model, target, options);
    for (const from of [0, 1, 5, 11]) {
      let state = structuredClone(states[from]!);
      for (let step = from; step < 12; step++) state = (await other.step(state)).state;
      expect(state).toEqual(states[12]);
    }
    await other.close();
    expect(states[12]!.theta).not.toEqual(states[0]!.theta);
  });

  it('takes Hamiltonian steps, whose proposals are gradients themselves', async () => {
    const kernel = hamiltonianKernel({ dim: 2, stepSize: 0.3, steps: 2 });
    const groups = [{ kernel, count: 2, conditioning: 'free' as const }];
    const model = pathModel({ dim: 2, groups, initial: { law: 'learned' }, reverse: { law: 'uniform' } });
    const options = { runner, steps: 60, batch: 32, learningRate: 0.05, seed: 4 };
    const trainer = await openTrainer(model, target, options);
    let state = trainer.initial();
    const bounds: number[] = [];
    while (state.step < options.steps) {
      const next = await trainer.step(state);
      ({ state } = next);
      bounds.push(next.info.elbo);
      expect(next.info).toMatchObject({ moved: true, broken: 0 });
      expect(next.info.acceptRate).toHaveLength(2);
    }
    await trainer.close();
    const average = (from: number) =>
      bounds.slice(from, from + 15).reduce((sum, value) => sum + value, 0) / 15;
    expect(average(45)).toBeGreaterThan(average(0) + 0.3);
  });

  it.each(['score', 'rao-blackwell'] as const)(
    'has finite gradients in single precision where ratios are in the hundreds, by %s',
    async (estimator) => {
      const model = flowPath(3, { reverse: { law: 'product' } });
      // Between points a few units apart the log density differs by hundreds: exp of it overflows.
      const steep = { ...target, logDensity: (z: JaxArray) => mul(sum(square(z), 1), -200) };
      const options = { runner, steps: 9, batch: 32, learningRate: 0.01, seed: 1, estimator };
      const trainer = await openTrainer(model, steep, { ...options, type: 'float32' });
      let state: TrainState = {
        ...trainer.initial(),
        theta: toFloats(stirredParameters(model, 0.4), 'float32'),
      };
      for (let step = 0; step < 3; step++) {
        const next = await trainer.step(state);
        expect(next.info).toMatchObject({ moved: true, broken: 0 });
        ({ state } = next);
      }
      await trainer.close();
    },
  );

  it('leaves out an update whose gradient is not finite, and says so', async () => {
    const model = flowPath(2);
    const broken = {
      ...target,
      logDensity: (z: Parameters<typeof target.logDensity>[0]) => z.sum(1).mul(Number.NaN),
    };
    const trainer = await openTrainer(model, broken, {
      runner,
      steps: 3,
      batch: 8,
      learningRate: 0.1,
      seed: 1,
    });
    const start = trainer.initial();
    const { state, info } = await trainer.step(start);
    await trainer.close();
    expect(info.moved).toBe(false);
    expect(info.broken).toBe(16);
    expect(state).toEqual({ ...start, step: 1, skipped: 1, skippedInRow: 1 });
  });

  it('refuses options out of range by name', async () => {
    const open = (change: object) =>
      openTrainer(flowPath(1), target, { runner, steps: 3, batch: 8, learningRate: 0.1, seed: 1, ...change });
    await expect(open({ batch: 0 })).rejects.toThrow(/train.batch.*0/);
    await expect(open({ learningRate: Number.NaN })).rejects.toThrow(/train.learningRate.*NaN/);
    await expect(open({ anneal: 2 })).rejects.toThrow(/train.anneal.*2/);
  });
});
