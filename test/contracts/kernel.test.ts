// What every kernel owes: it keeps its target (exact draws stay exact), a chain's bytes depend on its number, the seed
// and the step alone, and its report is in order. Then controls: kernels that are wrong in the known ways, which must
// fail. 12 rows of 6 statistics at |z| < 5: a false alarm in 2e4 runs. Negative controls pass 8.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildHmc } from '../../activities/metflow/hmc.ts';
import { initState, uniformScales, type ChainState, type Kernel } from '../../activities/metflow/kernel.ts';
import { openTarget, type OpenTarget } from '../../activities/metflow/targets/open-target.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { KERNELS } from '../metflow/kernel-table.ts';
import { threeGaussians } from '../metflow/path-fixture.ts';
import { runner } from '../metflow/traced.ts';

const CHAINS = 20_000;
const STEPS = 4;
const exact = threeGaussians();
const CHAIN_NUMBERS = Uint32Array.from({ length: CHAINS }, (_, chain) => chain);
const FUNCTIONS: readonly ((x: number, y: number) => number)[] = [
  (x) => x,
  (_, y) => y,
  (x) => x * x,
  (_, y) => y * y,
  (x, y) => x * y,
  (x, y) => (x * x + y * y < 1 ? 1 : 0),
];
const open = await openTarget(exact, { runner, rows: CHAINS });
const start = await initState(open, exact.sample!(CHAINS, randomStream(99, 1)), {
  seed: 31,
  chains: CHAIN_NUMBERS,
});
const exactMeans = meansOf(exact.sample!(400_000, randomStream(98, 2)));

describe.each(Object.entries(KERNELS))('%s', (_, build) => {
  let kernel: Kernel & { close?(): Promise<void> };
  beforeAll(async () => {
    kernel = await build(open, CHAINS);
  });
  afterAll(() => kernel.close?.());

  it('keeps its target', async () => {
    const state = await runFrom(kernel);
    for (const z of zScores(state)) expect(Math.abs(z)).toBeLessThan(5);
    const moved = state.z.filter((value, at) => value !== start.z[at]).length;
    expect(moved / state.z.length).toBeGreaterThan(0.3);
  });

  it('reports what it did', async () => {
    const { state, info } = await kernel.step(addressOf(0), start);
    const density = await open.logDensity(state.z.slice());
    expect(largest(state.logDensity.map((value, at) => value - density[at]!))).toBeLessThan(1e-9);
    for (const one of info) {
      const mean = one.acceptance.reduce((sum, value) => sum + value, 0) / CHAINS;
      const share = one.accepted.reduce((sum, value) => sum + value, 0) / CHAINS;
      expect(one.acceptance.every((value) => value >= 0 && value <= 1)).toBe(true);
      if (one.kernel !== 'nuts') expect(Math.abs(mean - share)).toBeLessThan(0.02);
      expect(one.direction.every((way, chain) => (way === 0) === (one.accepted[chain] === 0))).toBe(true);
      expect(one.diverged.every((value) => value === 0)).toBe(true);
    }
  });

  it('gives the same bytes for the same address, and others for the next step', async () => {
    const bytes: Buffer[] = [];
    for (const step of [0, 0, 1]) {
      bytes.push(Buffer.from((await kernel.step(addressOf(step), start)).state.z.buffer));
    }
    const [once, again, next] = bytes;
    expect(again!.equals(once!)).toBe(true);
    expect(next!.equals(once!)).toBe(false);
  });
});

describe.each(Object.entries(KERNELS))('%s, of few chains', (_, build) => {
  it('has the same chains whatever their order', async () => {
    const target = await openTarget(exact, { runner, rows: 4 });
    const kernel = await build(target, 4);
    const order = [3, 1, 0, 2];
    const inOrder = await fewSteps(kernel, target, Uint32Array.of(0, 1, 2, 3));
    const permuted = await fewSteps(kernel, target, Uint32Array.from(order));
    for (const [place, chain] of order.entries()) {
      expect(permuted.subarray(2 * place, 2 * place + 2)).toEqual(inOrder.subarray(2 * chain, 2 * chain + 2));
    }
    await target.close();
  });
});

/** `[chains, 2]` after a few steps from a start that depends on the chain's number. */
async function fewSteps(kernel: Kernel, target: OpenTarget, chains: Uint32Array): Promise<Float64Array> {
  const z = Float64Array.from({ length: 2 * chains.length }, (_, at) => {
    const chain = chains[Math.floor(at / 2)]!;
    return at % 2 === 0 ? chain / 2 : 1 - chain;
  });
  let state = await initState(target, z, { seed: 6, chains });
  for (let step = 0; step < 5; step++) state = (await kernel.step({ seed: 6, step, chains }, state)).state;
  return state.z;
}

describe('a wrong kernel is found out', () => {
  const build = () =>
    buildHmc(open, { scales: uniformScales(1.3, { chains: CHAINS, dim: 2 }), steps: 2, kept: 0.9 });

  it('partial refreshment that turns the momentum after acceptance only', async () => {
    expect(await worstScore(turning(build(), (accepted) => accepted))).toBeGreaterThan(8);
  });

  it('partial refreshment that never turns the momentum', async () => {
    expect(await worstScore(turning(build(), (accepted) => !accepted))).toBeGreaterThan(8);
  });

  it('while the other right choice of signs is as good as the first', async () => {
    expect(await worstScore(turning(build(), () => true))).toBeLessThan(5);
  });
});

/** The kernel with the momentum of some chains turned after each step: what a wrong sign does. */
function turning(kernel: Kernel, turns: (accepted: boolean) => boolean): Kernel {
  return {
    ...kernel,
    // Accepted (q', p') and rejected (q, -p) is what it does itself.
    async step(address, state, options) {
      const done = await kernel.step(address, state, options);
      const { accepted } = done.info[0]!;
      const momentum = done.state.momentum.map((value, at) => {
        return turns(accepted[Math.floor(at / 2)] === 1) ? -value : value;
      });
      return { ...done, state: { ...done.state, momentum } };
    },
  };
}

async function worstScore(kernel: Kernel): Promise<number> {
  return largest(Float64Array.from(zScores(await runFrom(kernel, 40))));
}

async function runFrom(kernel: Kernel, steps = STEPS): Promise<ChainState> {
  let state = start;
  for (let step = 0; step < steps; step++) state = (await kernel.step(addressOf(step), state)).state;
  return state;
}

function addressOf(step: number) {
  return { seed: 31, step, chains: CHAIN_NUMBERS };
}

/** Means of bounded functions, against 400,000 exact draws; momentum against N(0, I). */
function zScores({ z, momentum }: ChainState): number[] {
  const scores = meansOf(z).map(({ mean, error }, i) => {
    const exactly = exactMeans[i]!;
    return (mean - exactly.mean) / Math.hypot(error, exactly.error);
  });
  if (momentum.every((value, at) => value === start.momentum[at])) return scores;
  const { mean, error } = summary(momentum.map((value) => value * value));
  return [...scores, (mean - 1) / error];
}

interface Mean {
  readonly mean: number;
  readonly error: number;
}

/** One per function of {@link FUNCTIONS}. */
function meansOf(z: Float64Array): Mean[] {
  return FUNCTIONS.map((fn) => summary(eachRow(z, fn)));
}

function eachRow(z: Float64Array, fn: (x: number, y: number) => number): Float64Array {
  const values = new Float64Array(z.length / 2);
  for (let row = 0; row < values.length; row++) values[row] = fn(z[2 * row]!, z[2 * row + 1]!);
  return values;
}

function summary(values: Float64Array): Mean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, error: Math.sqrt(variance / values.length) };
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
