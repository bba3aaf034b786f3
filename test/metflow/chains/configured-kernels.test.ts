// A local kernel that was trained samples with what it learned: its step goes where the trained path's map goes, given the
// same random numbers. The path's kernels are traced, the sampler's are written by hand.

import { describe, expect, it } from 'vitest';
import { localSweep, trainedPath } from '../../../activities/metflow/chains/configured-kernels.ts';
import { beginAdaptation } from '../../../activities/metflow/chains/sampler.ts';
import { initState } from '../../../activities/metflow/kernel.ts';
import { unpackParameters } from '../../../activities/metflow/parameters.ts';
import { boundKernels } from '../../../activities/metflow/path/path-model.ts';
import { openTarget } from '../../../activities/metflow/targets/open-target.ts';
import type { JaxArray } from '../../../activities/numeric/array-math.ts';
import { fillNormals } from '../../../activities/numeric/philox-address.ts';
import { metflowConfig } from '../../../schemas/metflow-config.ts';
import { stirredParameters, threeGaussians } from '../path-fixture.ts';
import { compiled, runner } from '../traced.ts';

const CHAINS = Uint32Array.from({ length: 32 }, (_, chain) => chain);
const signal = new AbortController().signal;
const exact = threeGaussians();
const target = await openTarget(exact, { runner, rows: CHAINS.length });
const density = (z: JaxArray) => exact.logDensity(z.ref);

// The flow stands last in the config, but first in the path.
const KERNELS = [
  { type: 'rwm', use: 'both', stepSize: 0.5 },
  { type: 'nuts' },
  { type: 'hmc', use: 'both', stepSize: 0.2, steps: 3, kept: 0.6 },
  { type: 'mala', use: 'both', stepSize: 0.1 },
  { type: 'metflow', flow: 'affine' },
];
const config = metflowConfig.parse({ kind: 'metflow', target: { name: 'banana' }, kernels: KERNELS });
const path = trainedPath(config, 2)!;
const theta = stirredParameters(path, 0.2);

/** Where kernel `slot` of the path leads from the state, without a decision. */
async function mapped(slot: number, state: { z: Float64Array; momentum: Float64Array }, u: Float64Array) {
  const call = await compiled(
    (args) => {
      const { kernel, parameters } = boundKernels(path, unpackParameters(args.theta!, path.parameters))[
        slot
      ]!;
      const at = { z: args.z!, logDensity: density(args.z!), momentum: args.momentum! };
      const step = { u: args.u!, direction: args.u! };
      const { moved, logRatio } = kernel.propose(parameters, at, step, density);
      return { z: moved.z, momentum: moved.momentum!, logRatio };
    },
    { theta: [theta.length], z: [32, 2], momentum: [32, 2], u: [32, 2] },
  );
  const found = await call({ theta, ...state, u });
  await call.close();
  return found;
}

describe('kernels of a config that are trained and sample', () => {
  const places = { rwm: [0, 1], hmc: [2, 2], mala: [3, 3] } as const;

  it.each(Object.entries(places))('%s steps as the path does', async (type, [inSweep, inPath]) => {
    const kernels = localSweep(config, target, { path, theta });
    const start = fillNormals(new Float64Array(64), CHAINS, { seed: 1, step: 0, purpose: 'init' });
    const state = await initState(target, start, { seed: 1, chains: CHAINS });
    const scales = { target, kernels, seed: 1, chains: CHAINS, warmup: 0, thin: 1 };
    const sampler = { ...scales, start: { mean: Float64Array.of(0, 0), scale: Float64Array.of(1, 1) } };
    const sweepKernel = kernels[inSweep]!;
    const adapted = await beginAdaptation(sampler, sweepKernel, { state, signal });
    const address = { seed: 1, step: 4, chains: CHAINS };
    const { state: next, info } = await sweepKernel.build(adapted.scales).step(address, state);
    const purpose = type === 'hmc' ? 'momentum' : 'u';
    const u = fillNormals(new Float64Array(64), CHAINS, { seed: 1, step: 4, purpose });
    const wanted = await mapped(inPath, state, u);
    const { accepted, logRatio } = info[0]!;
    expect(accepted.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(5);
    for (let at = 0; at < 64; at++) {
      const chain = at >> 1;
      expect(Math.abs(logRatio[chain]! - wanted.logRatio![chain]!)).toBeLessThan(1e-9);
      if (accepted[chain] === 0) continue;
      expect(Math.abs(next.z[at]! - wanted.z![at]!)).toBeLessThan(1e-9);
      if (type === 'hmc') expect(Math.abs(next.momentum[at]! - wanted.momentum![at]!)).toBeLessThan(1e-9);
    }
  });

  it('have the step sizes of the config where nothing was trained', () => {
    const [rwm] = localSweep(config, target);
    expect(rwm!.scales).toEqual({ kind: 'fixed', stepSize: 0.5 });
  });
});
