// Trainings and chains go on from any checkpoint bit for bit, and do not depend on which chains share a batch's order.

import { describe, expect, it } from 'vitest';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import { initState } from '../../activities/metflow/kernel.ts';
import {
  beginSampling,
  initialPoints,
  runSegment,
  type SamplerState,
} from '../../activities/metflow/sampler.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { openTrainer, type TrainState } from '../../activities/metflow/training.ts';
import { flowPath, stirredParameters, threeGaussians } from './path-fixture.ts';
import { runner } from './traced.ts';

const target = threeGaussians();

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

describe('a run of chains', () => {
  const model = flowPath(2, { conditioning: 'free' });
  const theta = stirredParameters(model, 0.3);

  async function sampled(chains: Uint32Array, cuts: readonly number[]) {
    const shape = { runner, rows: chains.length };
    const open = await openTarget(target, shape);
    const kernel = await openFlowProposal(model, target, {
      runner,
      theta,
      modelSeed: 4,
      chains: chains.length,
    });
    const z = initialPoints(model, { theta, seed: 8, chains });
    let state: SamplerState = beginSampling(await initState(open, z, { seed: 8, chains }));
    const pieces: Float64Array[] = [];
    for (const [i, to] of cuts.entries()) {
      const segment = { seed: 8, chains, from: cuts[i - 1] ?? 0, to, thin: 2, warmup: 3 };
      const done = await runSegment(kernel, structuredClone(state), segment);
      state = done.state;
      pieces.push(done.draws.z);
    }
    await Promise.all([open.close(), kernel.close()]);
    return { state, z: Float64Array.from(pieces.flatMap((piece) => [...piece])) };
  }

  it('cut anywhere leaves the same draws and the same state', async () => {
    const chains = Uint32Array.of(0, 1, 2, 3);
    const whole = await sampled(chains, [20]);
    expect(whole.z).toHaveLength(8 * 4 * 2);
    for (let cut = 1; cut < 20; cut += 3) expect(await sampled(chains, [cut, 20])).toEqual(whole);
    expect(await sampled(chains, [1, 2, 3, 11, 20])).toEqual(whole);
  });

  it('has the same chains in any order', async () => {
    const one = await sampled(Uint32Array.of(0, 1, 2, 3), [6]);
    const other = await sampled(Uint32Array.of(3, 1, 0, 2), [6]);
    const rows = (z: Float64Array, chain: number) => [...z].slice(chain * 2, chain * 2 + 2);
    const order = [2, 1, 3, 0];
    for (const [chain, place] of order.entries()) {
      expect(rows(other.state.chain.z, place)).toEqual(rows(one.state.chain.z, chain));
    }
  });

  it('does not go on from a step that its state is not at', async () => {
    const chains = Uint32Array.of(0);
    const open = await openTarget(target, { runner, rows: 1 });
    const state = beginSampling(await initState(open, Float64Array.of(0, 0), { seed: 1, chains }));
    const kernel = await openFlowProposal(model, target, { runner, theta, modelSeed: 4, chains: 1 });
    const segment = { seed: 1, chains, from: 5, to: 6 };
    await expect(runSegment(kernel, state, segment)).rejects.toThrow(/state at step 0, segment 5 to 6/);
    await Promise.all([open.close(), kernel.close()]);
  });
});
