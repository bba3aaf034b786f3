// In-painting chains of a tiny autoencoder against the exact law of its missing pixels, by quadrature over z, and Geweke's joint
// test of the sweep. Chance of a false alarm 1e-4 for each test; the encoder-only baseline, whose z is not that of the
// posterior, must fail the same.

import { describe, expect, it } from 'vitest';
import { buildFlow } from '../../activities/metflow/flow-options.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { hamiltonianKernel } from '../../activities/metflow/path/hamiltonian-kernel.ts';
import { randomWalkKernel } from '../../activities/metflow/path/random-walk-kernel.ts';
import { type InpaintingState, openInpainting } from '../../activities/metflow/vae/inpainting.ts';
import { vaeModel, type VaeModel } from '../../activities/metflow/vae/vae-model.ts';
import { initialParameters } from '../../activities/metflow/parameters.ts';
import { chiSquareTail } from '../../activities/numeric/gamma-distribution.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { runner } from './traced.ts';

const shape = { pixels: 3, latent: 1, hidden: [], likelihood: { kind: 'bernoulli' } } as const;
const WEIGHT = [2.5, -3, 2];
const BIAS = [0.2, -0.1, -0.5];
/** Pixels 0 and 1 are missing. */
const SEEN = [0, 0, 1];
const CHAINS = 4000;

const flow = buildFlow({
  flow: 'affine',
  dim: 1,
  layers: 1,
  hidden: 1,
  aggregation: null,
  bound: 5,
  bins: 8,
});

const withPath = vaeModel(
  shape,
  pathModel({
    dim: 1,
    groups: [
      { kernel: flowKernel(flow), count: 1, conditioning: 'none' },
      { kernel: randomWalkKernel({ dim: 1, stepSize: 2 }), count: 2, conditioning: 'free' },
    ],
    initial: { law: 'frozen', scale: 1 },
    reverse: { law: 'uniform' },
  }),
);

const withHamiltonian = vaeModel(
  shape,
  pathModel({
    dim: 1,
    groups: [
      { kernel: hamiltonianKernel({ dim: 1, stepSize: 0.7, steps: 2 }), count: 3, conditioning: 'free' },
    ],
    initial: { law: 'frozen', scale: 1 },
    reverse: { law: 'uniform' },
  }),
);

/** The encoder gives N(0.5, 0.6^2) whatever the image: wrong on purpose. */
function thetaOf(model: VaeModel): Float64Array<ArrayBuffer> {
  const theta = initialParameters(model.parameters, {
    seed: 3,
    type: 'float64',
  }) as Float64Array<ArrayBuffer>;
  theta.set([0, 0, 0, 0, 0, 0, 0.5, Math.log(0.6), ...WEIGHT, ...BIAS], theta.length - 14);
  return theta;
}

/** P(x0, x1 | x2 = 1), in the order 00 10 01 11. */
function exactLaw(): number[] {
  const law = [0, 0, 0, 0];
  for (let z = -8; z <= 8; z += 0.01) {
    const lit = WEIGHT.map((weight, i) => 1 / (1 + Math.exp(-(weight * z + BIAS[i]!))));
    for (let code = 0; code < 4; code++) {
      const first = code & 1 ? lit[0]! : 1 - lit[0]!;
      const second = code & 2 ? lit[1]! : 1 - lit[1]!;
      law[code]! += Math.exp(-z * z * 0.5) * lit[2]! * first * second;
    }
  }
  const total = law.reduce((sum, value) => sum + value, 0);
  return law.map((value) => value / total);
}

/** Chi-square p-value of the missing pixels of independent chains after some sweeps. */
async function pValue(model: VaeModel, sweeps: number): Promise<number> {
  const chain = await openInpainting(model, {
    runner,
    theta: thetaOf(model),
    chains: CHAINS,
    seen: SEEN,
    seed: 6,
  });
  const start = Float64Array.from({ length: CHAINS * 3 }, (_, at) => Number(at % 3 === 2));
  let state = await chain.initial(start);
  for (let sweep = 0; sweep < sweeps; sweep++) state = await chain.step(state);
  await chain.close();
  const counts = [0, 0, 0, 0];
  for (let row = 0; row < CHAINS; row++) {
    expect(state.x[3 * row + 2], 'seen pixels stay').toBe(1);
    counts[state.x[3 * row]! + 2 * state.x[3 * row + 1]!]!++;
  }
  const law = exactLaw();
  const statistic = counts.reduce((sum, count, code) => {
    const expected = CHAINS * law[code]!;
    return sum + (count - expected) ** 2 / expected;
  }, 0);
  return chiSquareTail(statistic, 3);
}

/**
 * Largest |z| of moments of latent vector and pixels after rounds of a sweep and of drawing the seen pixels anew, begun with
 * the joint law. @param off - added to the logit of the seen pixels: a law that the chain does not know.
 * Geweke, "Getting it right: joint distribution tests of posterior simulators", JASA 2004.
 */
async function jointScore(model: VaeModel, off: number): Promise<number> {
  const random = randomStream(4, 4);
  const pixel = (z: number, i: number) =>
    random.uniform() < 1 / (1 + Math.exp(-(WEIGHT[i]! * z + BIAS[i]! + off * SEEN[i]!))) ? 1 : 0;
  const options = { runner, theta: thetaOf(model), chains: CHAINS, seen: SEEN, seed: 6 };
  const chain = await openInpainting(model, options);
  const z = Float64Array.from({ length: CHAINS }, () => random.normal());
  const x = Float64Array.from({ length: 3 * CHAINS }, (_, at) => pixel(z[Math.floor(at / 3)]!, at % 3));
  let state: InpaintingState = { ...(await chain.initial(x)), z };
  for (let round = 0; round < 15; round++) {
    const done = await chain.step(state);
    state = {
      ...done,
      x: done.x.map((value, at) => (SEEN[at % 3] ? pixel(done.z[Math.floor(at / 3)]!, at % 3) : value)),
    };
  }
  await chain.close();
  // E x_i and E z x_i by quadrature over the standard normal.
  const moments = [(z: number) => z, (z: number) => z * z].map((of) => ({
    of: (row: number) => of(state.z[row]!),
    want: of(0),
  }));
  moments[1]!.want = 1;
  for (const i of [0, 1, 2])
    for (const power of [0, 1]) {
      let want = 0;
      for (let at = -8; at <= 8; at += 0.01)
        want +=
          ((0.01 * Math.exp(-at * at * 0.5)) /
            Math.sqrt(2 * Math.PI) /
            (1 + Math.exp(-(WEIGHT[i]! * at + BIAS[i]!)))) *
          at ** power;
      moments.push({ of: (row) => state.z[row]! ** power * state.x[3 * row + i]!, want });
    }
  return Math.max(
    ...moments.map(({ of, want }) => {
      const values = Array.from({ length: CHAINS }, (_, row) => of(row));
      const mean = values.reduce((sum, value) => sum + value, 0) / CHAINS;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / CHAINS;
      return Math.abs(mean - want) / Math.sqrt(variance / CHAINS);
    }),
  );
}

describe('in-painting', () => {
  it.each([
    ['a flow and random walks', withPath],
    ['Hamiltonian steps whose momentum is drawn anew', withHamiltonian],
  ])('by kernels that keep p(z | x), %s, has the exact law of the missing pixels', async (_, model) => {
    expect(await pValue(model, 30)).toBeGreaterThan(1e-4);
  });

  it.each([
    ['a flow and random walks', withPath],
    ['Hamiltonian steps', withHamiltonian],
  ])('with the missing pixels summed out, by %s, has the same law, after fewer sweeps', async (_, model) => {
    const summed = { ...model, shape: { ...model.shape, seen: SEEN } };
    expect(await pValue(summed, 15)).toBeGreaterThan(1e-4);
  });

  it('with the wrong pixels summed out has not', async () => {
    const summed = { ...withPath, shape: { ...withPath.shape, seen: [1, 0, 0] } };
    expect(await pValue(summed, 30)).toBeLessThan(1e-4);
  });

  it.each([
    ['a wrong encoder alone', null],
    ['a flow that is the identity behind it', flow],
  ])('from %s has not', async (_, between) => {
    expect(await pValue(vaeModel(shape, between), 30)).toBeLessThan(1e-4);
  });

  it.each([
    ['block Gibbs steps', withPath, 0],
    ['Hamiltonian block Gibbs steps', withHamiltonian, 0],
    ['steps with the missing pixels summed out', { ...withPath, shape: { ...shape, seen: SEEN } }, 0],
  ])(
    'by %s keeps the joint law of latent vector and pixels, the seen ones drawn anew',
    async (_, model, off) => {
      expect(await jointScore(model, off)).toBeLessThan(4.8);
    },
  );

  it('is found out where seen pixels are of another law than it believes', async () => {
    expect(await jointScore(withPath, 1.5)).toBeGreaterThan(8);
  });

  it('tells the estimate of the latent vector that pixels were drawn from, and what was accepted', async () => {
    const theta = thetaOf(withPath);
    const chain = await openInpainting(withPath, { runner, theta, chains: 50, seen: SEEN, seed: 6 });
    let state = await chain.initial(Float64Array.from({ length: 150 }, (_, at) => Number(at % 3 === 2)));
    for (let sweep = 0; sweep < 3; sweep++) {
      const before = state.z;
      state = await chain.step(state);
      for (let row = 0; row < 50; row++) {
        for (const [i, weight] of WEIGHT.entries()) {
          const lit = 1 / (1 + Math.exp(-(weight * state.z[row]! + BIAS[i]!)));
          expect(state.estimate[3 * row + i]).toBeCloseTo(lit, 12);
        }
        // The flow is the identity: it moves nothing.
        const moves = [1, 2].some((kernel) => state.accepted[3 * row + kernel] === 1);
        // Back in the encoder's coordinates a point that stayed may lose its last bit.
        expect(Math.abs(state.z[row]! - before[row]!) > 1e-12).toBe(moves);
      }
    }
    await chain.close();
  });
});
