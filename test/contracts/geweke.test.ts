// Geweke's joint test of every kernel: parameter and data are simulated in turn, the parameter by the kernel given the
// data, the data by the likelihood given the parameter. Their joint law must stay prior times likelihood, here
// x ~ N(0, 1), y ~ N(x, 1), whose moments are known. 5 statistics of 13 kernels at |z| < 4.8: a false alarm in 1e4 runs.
// Controls, whose kernels have another likelihood than the data, pass 8.
// Geweke, "Getting it right: joint distribution tests of posterior simulators", JASA 2004.
//
// And simulation-based calibration: the parameter that made the data ranks uniformly among thinned draws of its posterior, in every
// replicate by itself, from a start that knows nothing of it. Talts et al. 2018 (1804.06788).

import { describe, expect, it } from 'vitest';
import { cycle, mixture } from '../../activities/metflow/composition.ts';
import { openFlowProposal } from '../../activities/metflow/flow-proposal.ts';
import { affineCoupling } from '../../activities/metflow/flows/affine-coupling.ts';
import { buildHmc } from '../../activities/metflow/hmc.ts';
import {
  type ChainState,
  initState,
  type Kernel,
  type KernelScales,
  type Target,
} from '../../activities/metflow/kernel.ts';
import { buildMala } from '../../activities/metflow/mala.ts';
import { buildNuts } from '../../activities/metflow/nuts.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { buildRandomWalk } from '../../activities/metflow/random-walk.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { add, column, mul, square, sub } from '../../activities/numeric/array-math.ts';
import { chiSquareTail } from '../../activities/numeric/gamma-distribution.ts';
import { fillNormals } from '../../activities/numeric/philox-address.ts';
import { stirredParameters } from '../metflow/path-fixture.ts';
import { runner } from '../metflow/traced.ts';

const CHAINS = Uint32Array.from({ length: 2000 }, (_, chain) => chain);
const ROUNDS = 20;

/** Parameter and data of every chain side by side, `[chains, 2]`; kernels leave the second column alone. */
interface Joint {
  readonly target: Target;
  readonly traced: TracedTarget;
  readonly scales: (stepSize: number) => KernelScales;
}

/** @param precision - of the likelihood that the kernel believes in. */
function jointModel(precision: number): Joint {
  return {
    target: {
      dim: 2,
      logDensityAndGradient(z) {
        const logDensity = new Float64Array(z.length / 2);
        const gradient = new Float64Array(z.length);
        for (let row = 0; row < logDensity.length; row++) {
          const [x, y] = [z[2 * row]!, z[2 * row + 1]!];
          logDensity[row] = -(x * x + precision * (y - x) ** 2) / 2;
          gradient[2 * row] = -x + precision * (y - x);
          gradient[2 * row + 1] = -precision * (y - x);
        }
        return { logDensity, gradient };
      },
    },
    traced: {
      dim: 2,
      logDensity(z) {
        const [x, y] = [column(z, 0), column(z, 1)];
        return mul(add(square(x), mul(square(sub(y, x)), precision)), -0.5);
      },
    },
    scales: (stepSize) => ({
      stepSize: new Float64Array(CHAINS.length).fill(stepSize),
      variance: Float64Array.from({ length: 2 * CHAINS.length }, (_, at) => (at % 2 === 0 ? 1 : 0)),
    }),
  };
}

/** A coupling keeps y, and moves x as y (and an innovation) says. */
function flows(
  { traced }: Joint,
  conditioning: 'none' | 'free' | 'fixed',
  directions: 'reversible' | 'lifted' = 'reversible',
  forward: 'half' | 'learned' = 'half',
) {
  const aggregation = conditioning === 'none' ? null : 'stacking';
  const kernel = flowKernel(affineCoupling({ dim: 2, hidden: 5, parity: 1, aggregation }), forward);
  const model = pathModel({
    dim: 2,
    groups: [{ kernel, count: 2, conditioning }],
    initial: { law: 'frozen' },
    reverse: { law: 'uniform' },
  });
  const theta = stirredParameters(model, 0.5);
  return openFlowProposal(model, traced, { runner, theta, modelSeed: 1, chains: CHAINS.length, directions });
}

const walk = ({ target, scales }: Joint) => buildRandomWalk(target, { scales: scales(1.5) });

const KERNELS: Record<string, (joint: Joint) => Kernel | Promise<Kernel>> = {
  'random walk': walk,
  'random walk, barker': ({ target, scales }) =>
    buildRandomWalk(target, { scales: scales(1.5), rule: 'barker' }),
  mala: malaOfParameter,
  hmc: ({ target, scales }) => buildHmc(target, { scales: scales(0.6), steps: 2 }),
  'hmc with partial refreshment': ({ target, scales }) =>
    buildHmc(target, { scales: scales(0.9), steps: 1, kept: 0.8 }),
  nuts: ({ target, scales }) => buildNuts(target, { scales: scales(0.5), maxDepth: 3 }),
  'metflow, reversible': (joint) => flows(joint, 'none'),
  'metflow, lifted': (joint) => flows(joint, 'none', 'lifted'),
  'metflow, free innovation': (joint) => flows(joint, 'free'),
  'metflow, fixed innovation': (joint) => flows(joint, 'fixed'),
  'metflow, learned directions': (joint) => flows(joint, 'none', 'reversible', 'learned'),
  cycle: async (joint) => cycle([await flows(joint, 'none'), walk(joint)]),
  mixture: async (joint) => mixture([await flows(joint, 'none', 'lifted'), walk(joint)], [2, 1]),
};

/** MALA divides by its step size, so it sees x alone; its rows are the chains in order. */
function malaOfParameter({ target, scales }: Joint): Kernel {
  let y = new Float64Array(0);
  const whole = (x: Float64Array) =>
    Float64Array.from({ length: 2 * x.length }, (_, at) => (at % 2 === 0 ? x : y)[at >> 1]!);
  const conditional: Target = {
    dim: 1,
    async logDensityAndGradient(x) {
      const { logDensity, gradient } = await target.logDensityAndGradient(whole(x));
      return { logDensity, gradient: gradient.filter((_, at) => at % 2 === 0) };
    },
  };
  const { stepSize } = scales(0.4);
  const variance = new Float64Array(CHAINS.length).fill(1);
  const mala = buildMala(conditional, { scales: { stepSize, variance } });
  return {
    ...mala,
    async step(address, state, options) {
      const [x, data] = [0, 1].map((from) => state.z.filter((_, at) => at % 2 === from));
      y = data as Float64Array<ArrayBuffer>;
      const done = await mala.step(address, { ...state, z: x!, gradient: null }, options);
      return { ...done, state: { ...done.state, z: whole(done.state.z), gradient: null } };
    },
  };
}

/** Largest |z| of the five moments after some rounds that began with the joint law. */
async function worstScore(kernel: Kernel, joint: Joint): Promise<number> {
  const z = fillNormals(new Float64Array(2 * CHAINS.length), CHAINS, { seed: 4, step: 0, purpose: 'init' });
  drawData(z, 0);
  let state: ChainState = await initState(joint.target, z, { seed: 4, chains: CHAINS });
  for (let round = 1; round <= ROUNDS; round++) {
    ({ state } = await kernel.step({ seed: 4, step: round, chains: CHAINS }, state));
    const next = state.z.slice();
    drawData(next, round);
    const { logDensity, gradient } = await joint.target.logDensityAndGradient(next);
    state = { ...state, z: next, logDensity, gradient };
  }
  return Math.max(...scoresOf(state.z));
}

/** y ~ N(x, 1). */
function drawData(z: Float64Array, step: number): void {
  const noise = fillNormals(new Float64Array(CHAINS.length), CHAINS, { seed: 5, step, purpose: 'u' });
  for (const [chain, value] of noise.entries()) z[2 * chain + 1] = z[2 * chain]! + value;
}

function scoresOf(z: Float64Array): number[] {
  const moments: [(x: number, y: number) => number, number][] = [
    [(x) => x, 0],
    [(_, y) => y, 0],
    [(x) => x * x, 1],
    [(_, y) => y * y, 2],
    [(x, y) => x * y, 1],
  ];
  return moments.map(([of, want]) => {
    const values = Array.from(CHAINS, (chain) => of(z[2 * chain]!, z[2 * chain + 1]!));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return Math.abs(mean - want) / Math.sqrt(variance / values.length);
  });
}

describe.each(Object.entries(KERNELS))('%s', (_, build) => {
  it('keeps the joint law of parameter and data', async () => {
    const joint = jointModel(1);
    expect(await worstScore(await build(joint), joint)).toBeLessThan(4.8);
  });
});

describe.each(['random walk', 'mala', 'hmc with partial refreshment', 'metflow, reversible'])(
  'a %s that believes in another likelihood',
  (name) => {
    it('is found out', async () => {
      const wrong = jointModel(2);
      expect(await worstScore(await KERNELS[name]!(wrong), wrong)).toBeGreaterThan(8);
    });
  },
);

const DRAWS = 99;
const BINS = 20;
/** Steps between draws, so that they are nearly independent; five times as many before the first. */
const CALIBRATED: Readonly<Record<string, number>> = {
  'random walk': 8,
  mala: 5,
  hmc: 3,
  nuts: 1,
  mixture: 8,
};

/** p-value of uniform ranks (chi-square over bins) of the parameters behind each chain's data. */
async function rankPValue(kernel: Kernel, joint: Joint, thin: number): Promise<number> {
  const z = fillNormals(new Float64Array(2 * CHAINS.length), CHAINS, { seed: 6, step: 0, purpose: 'init' });
  drawData(z, 0);
  const truth = z.filter((_, at) => at % 2 === 0);
  for (const chain of CHAINS) z[2 * chain] = 0;
  let state: ChainState = await initState(joint.target, z, { seed: 6, chains: CHAINS });
  const ranks = new Int32Array(CHAINS.length);
  for (let step = 1; step <= (DRAWS + 5) * thin; step++) {
    ({ state } = await kernel.step({ seed: 6, step, chains: CHAINS }, state));
    if (step <= 5 * thin || step % thin !== 0) continue;
    for (const chain of CHAINS) if (state.z[2 * chain]! < truth[chain]!) ranks[chain]!++;
  }
  const counts = new Int32Array(BINS);
  for (const rank of ranks) counts[Math.floor((rank * BINS) / (DRAWS + 1))]!++;
  const expected = CHAINS.length / BINS;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return chiSquareTail(statistic, BINS - 1);
}

describe.each(Object.entries(CALIBRATED))('%s', (name, thin) => {
  it('ranks the parameter behind the data uniformly among its draws', async () => {
    const joint = jointModel(1);
    expect(await rankPValue(await KERNELS[name]!(joint), joint, thin)).toBeGreaterThan(1e-4);
  });
});

it('ranks are not uniform where a kernel believes in another likelihood', async () => {
  const wrong = jointModel(2);
  expect(await rankPValue(await KERNELS.hmc!(wrong), wrong, CALIBRATED.hmc!)).toBeLessThan(1e-6);
});
