// Autoencoders against the linear Gaussian one, whose likelihood is known: log N(x; b, W W' + s^2 I).

import { describe, expect, it } from 'vitest';
import { buildFlow } from '../../activities/metflow/flow-options.ts';
import { parameterCount, type ParameterSpec } from '../../activities/metflow/parameters.ts';
import type { TrainInfo } from '../../activities/metflow/training.ts';
import { meanAndError } from '../../activities/metflow/vae/likelihood.ts';
import { hamiltonianKernel } from '../../activities/metflow/path/hamiltonian-kernel.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { pathModel } from '../../activities/metflow/path/path-model.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { vaePosterior } from '../../activities/metflow/targets/vae-posterior.ts';
import { vaeModel, type VaeModel } from '../../activities/metflow/vae/vae-model.ts';
import { openVaeEvaluator, openVaeTrainer } from '../../activities/metflow/vae/vae-training.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { runner } from './traced.ts';

const SCALE = 0.7;
/** Columns of W are orthogonal, so that the posterior is a Gaussian with independent coordinates. */
const LENGTHS = [1.5, 0.4];
const BIAS = [0.3, -0.2, 0.8];
const shape = { pixels: 3, latent: 2, hidden: [], likelihood: { kind: 'gaussian', scale: SCALE } } as const;

/** `[2, 3]`: W' for W = Q diag(LENGTHS), Q from the rotation by 0.6 about the third axis. */
const decoderWeight = [
  [LENGTHS[0]! * Math.cos(0.6), LENGTHS[0]! * Math.sin(0.6), 0],
  [-LENGTHS[1]! * Math.sin(0.6), LENGTHS[1]! * Math.cos(0.6), 0],
];

/** Posterior moments as an encoder: mean_j = w_j . (x - b) / (|w_j|^2 + s^2), variance s^2 / (|w_j|^2 + s^2). */
function exactTheta(model: VaeModel): Float64Array<ArrayBuffer> {
  const gain = LENGTHS.map((length) => 1 / (length * length + SCALE * SCALE));
  const values: Record<string, readonly number[]> = {
    'encoder.w0': BIAS.flatMap((_, i) => [
      ...decoderWeight.map((row, j) => row[i]! * gain[j]!),
      ...decoderWeight.map(() => 0),
    ]),
    'encoder.b0': [
      ...decoderWeight.map((row, j) => -gain[j]! * row.reduce((sum, w, i) => sum + w * BIAS[i]!, 0)),
      ...gain.map((value) => 0.5 * Math.log(SCALE * SCALE * value)),
    ],
    'decoder.w0': decoderWeight.flat(),
    'decoder.b0': BIAS,
  };
  const size = ({ dims }: ParameterSpec) => dims.reduce((product, side) => product * side, 1);
  return Float64Array.from(
    model.parameters.flatMap((spec) => values[spec.name] ?? Array<number>(size(spec)).fill(0)),
  );
}

/** By the eigenvectors of W W' + s^2 I: the two columns of Q and the third axis. */
function logLikelihood(x: readonly number[]): number {
  const away = x.map((value, i) => value - BIAS[i]!);
  const along = [
    Math.cos(0.6) * away[0]! + Math.sin(0.6) * away[1]!,
    -Math.sin(0.6) * away[0]! + Math.cos(0.6) * away[1]!,
    away[2]!,
  ];
  return along.reduce((sum, value, i) => {
    const variance = (LENGTHS[i] ?? 0) ** 2 + SCALE ** 2;
    return sum - (value * value) / (2 * variance) - 0.5 * Math.log(2 * Math.PI * variance);
  }, 0);
}

function flows(count: number, dim = 2) {
  const options = {
    flow: 'realnvp',
    dim,
    layers: 2,
    hidden: 4,
    aggregation: null,
    bound: 5,
    bins: 8,
  } as const;
  return pathModel({
    dim,
    groups: [{ kernel: flowKernel(buildFlow(options)), count, conditioning: 'none' }],
    initial: { law: 'frozen', scale: 1 },
    reverse: { law: 'uniform' },
  });
}

const IMAGES = [
  [0.1, 1.4, -0.6],
  [-2, 0.3, 0.9],
  [0.5, 0.5, 3],
  [1.1, -1.7, 0.2],
];

describe('the bound of a linear Gaussian autoencoder', () => {
  it.each([
    ['alone', null],
    // Flows of weight 0 are the identity: each decision has probability 1/2, as the uniform reverse law says.
    ['with three identity flows', flows(3)],
  ] as const)('at the posterior, %s, is the likelihood for every draw', async (_, path) => {
    const model = vaeModel(shape, path);
    const evaluator = await openVaeEvaluator(model, {
      runner,
      rows: IMAGES.length,
      seed: 2,
      type: 'float64',
    });
    for (const step of [0, 1, 2]) {
      const bound = await evaluator.integrand(exactTheta(model), Float64Array.from(IMAGES.flat()), step);
      for (const [i, value] of bound.entries()) expect(value).toBeCloseTo(logLikelihood(IMAGES[i]!), 10);
    }
    await evaluator.close();
  });

  it('estimates the likelihood without bias also where flows and encoder are wrong', async () => {
    const model = vaeModel(shape, flows(2));
    const random = randomStream(12);
    const theta = exactTheta(model).map((value) => value + 0.15 * random.normal());
    // The decoder is the true one.
    const exact = exactTheta(model);
    const decoder = 2 * 3 + 3;
    theta.set(exact.subarray(exact.length - decoder), theta.length - decoder);
    const rows = 20_000;
    const evaluator = await openVaeEvaluator(model, { runner, rows, seed: 5, type: 'float64' });
    const images = Float64Array.from({ length: rows * 3 }, (_, at) => IMAGES[0]![at % 3]!);
    const integrand = await evaluator.integrand(theta, images, 0);
    const weights = Float64Array.from(integrand, (value) => Math.exp(value - logLikelihood(IMAGES[0]!)));
    await evaluator.close();
    const mean = weights.reduce((sum, value) => sum + value, 0) / rows;
    const variance = weights.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rows;
    // |z| < 4: false alarm 6e-5; the weights differ, or nothing would be tested.
    expect(variance).toBeGreaterThan(1e-3);
    expect(Math.abs(mean - 1) / Math.sqrt(variance / rows)).toBeLessThan(4);
  });

  it('grows in training, encoder, decoder and flows together, the same way every time', async () => {
    const model = vaeModel({ ...shape, hidden: [4] }, flows(2));
    const options = { steps: 150, batch: 32, learningRate: 0.02, seed: 1, runner, type: 'float64' } as const;
    const trainer = await openVaeTrainer(model, options);
    const random = randomStream(9);
    const images = Float64Array.from({ length: 32 * 3 }, (_, at) => BIAS[at % 3]! + random.normal());
    const run = async () => {
      let state = trainer.initial();
      const bounds: number[] = [];
      for (let step = 0; step < options.steps; step++) {
        const next = await trainer.step(state, images);
        bounds.push(next.info.elbo);
        ({ state } = next);
      }
      return { state, bounds };
    };
    const { state, bounds } = await run();
    const again = await run();
    await trainer.close();
    expect(state.theta).toHaveLength(parameterCount(model.parameters));
    expect(again.state.theta).toEqual(state.theta);
    const average = (from: number) =>
      bounds.slice(from, from + 30).reduce((sum, value) => sum + value, 0) / 30;
    expect(average(120)).toBeGreaterThan(average(0) + 0.3);
    const initial = trainer.initial().theta;
    expect(state.theta.filter((value, i) => value !== initial[i])).not.toHaveLength(0);
  });

  it('behind the exact encoder a flow that is the identity leaves the likelihood, and any flow its mean', async () => {
    const flow = buildFlow({ flow: 'realnvp', dim: 2, layers: 2, hidden: 4, aggregation: null });
    const model = vaeModel(shape, flow);
    const rows = 20_000;
    const evaluator = await openVaeEvaluator(model, { runner, rows, seed: 4, type: 'float64' });
    const images = Float64Array.from({ length: rows * 3 }, (_, at) => IMAGES[3]![at % 3]!);
    const theta = exactTheta(model);
    const exact = logLikelihood(IMAGES[3]!);
    for (const value of (await evaluator.integrand(theta, images, 0)).subarray(0, 50))
      expect(value).toBeCloseTo(exact, 10);
    const random = randomStream(31);
    const stirred = theta.map((value, i) => {
      return i < parameterCount(model.parts.between) ? value + 0.15 * random.normal() : value;
    });
    const weights = Float64Array.from(await evaluator.integrand(stirred, images, 1), (value) =>
      Math.exp(value - exact),
    );
    await evaluator.close();
    const { mean, se } = meanAndError(weights);
    expect(se).toBeGreaterThan(1e-4);
    // |z| < 4: false alarm 6e-5.
    expect(Math.abs(mean - 1) / se).toBeLessThan(4);
  });

  it('trains what stands between frozen nets alone, Hamiltonian steps too', async () => {
    const dim = 2;
    const path = pathModel({
      dim,
      groups: [
        { kernel: hamiltonianKernel({ dim, stepSize: 0.05, steps: 2 }), count: 2, conditioning: 'free' },
      ],
      initial: { law: 'frozen', scale: 1 },
      reverse: { law: 'product' },
    });
    const model = vaeModel(shape, path);
    const own = parameterCount(model.parts.between);
    // An encoder that is too narrow by a factor e: steps have something to mend.
    const nets = exactTheta(model)
      .subarray(own)
      .map((value, i) => (i === 14 || i === 15 ? value - 1 : value));
    const options = { steps: 200, batch: 32, learningRate: 0.03, seed: 2, runner, type: 'float64' } as const;
    const trainer = await openVaeTrainer(model, { ...options, frozen: nets });
    const images = Float64Array.from({ length: 32 * 3 }, (_, at) => IMAGES[(at / 3) & 3]![at % 3]!);
    let state = trainer.initial();
    expect(state.theta).toHaveLength(own);
    const infos: TrainInfo[] = [];
    for (let step = 0; step < options.steps; step++) {
      const next = await trainer.step(state, images);
      ({ state } = next);
      infos.push(next.info);
    }
    await trainer.close();
    const average = (from: number) => meanAndError(infos.slice(from, from + 40).map(({ elbo }) => elbo)).mean;
    expect(average(160)).toBeGreaterThan(average(0) + 0.3);
    const best = IMAGES.reduce((sum, image) => sum + logLikelihood(image), 0) / IMAGES.length;
    expect(average(160)).toBeLessThan(best);
    expect(infos.every(({ moved, broken }) => moved && broken === 0)).toBe(true);
    expect(infos[0]!.acceptRate).toHaveLength(2);
    expect(infos.at(-1)!.gradientNorm).toBeGreaterThan(0);
  });

  it('averages weights of several draws without a path only', async () => {
    const options = { steps: 1, batch: 2, learningRate: 0.1, seed: 1, copies: 3, runner };
    await expect(openVaeTrainer(vaeModel(shape, flows(1)), options)).rejects.toThrow(RangeError);
    const trainer = await openVaeTrainer(vaeModel(shape, null), options);
    const { info } = await trainer.step(trainer.initial(), new Float32Array(6));
    expect(info.elbo).toBeLessThan(0);
    await trainer.close();
  });
});

describe('the posterior of a frozen decoder', () => {
  const layer = {
    inputs: 2,
    outputs: 3,
    weight: Float64Array.of(1, -2, 0.5, 0.3, 0.7, -1.1),
    bias: Float64Array.of(0.1, 0, -0.4),
    activation: { kind: 'none' },
  } as const;
  const images = [
    [1, 0, 1],
    [0, 0, 1],
  ];
  const z = Float64Array.of(0.4, -1.3, 2, 0.2, -0.7, 0.5);

  /** By hand, pixel by pixel. */
  function expected(at: number, seen: readonly number[]): number {
    const point = z.subarray(2 * at, 2 * at + 2);
    let sum = -Math.log(2 * Math.PI) - (point[0]! ** 2 + point[1]! ** 2) / 2;
    for (const image of images)
      for (const pixel of seen) {
        const { weight, bias } = layer;
        const logit = point[0]! * weight[pixel]! + point[1]! * weight[3 + pixel]! + bias[pixel]!;
        const lit = 1 / (1 + Math.exp(-logit));
        sum += Math.log(image[pixel] === 1 ? lit : 1 - lit);
      }
    return sum;
  }

  it.each([
    ['all pixels', [0, 1, 2]],
    ['the pixels that were seen', [1, 2]],
  ] as const)('has the log joint of %s', async (_, seen) => {
    const mask = [0, 1, 2].map((pixel) => Number((seen as readonly number[]).includes(pixel)));
    const target = await openTarget(vaePosterior({ decoder: [layer], images, seen: mask }), {
      runner,
      rows: 3,
    });
    const values = await target.logDensity(z);
    for (const [at, value] of values.entries()) expect(value).toBeCloseTo(expected(at, seen), 10);
    await target.close();
  });

  it('refuses images of another size and grey pixels', () => {
    expect(() => vaePosterior({ decoder: [layer], images: [[1, 0]] })).toThrow(/as many pixels/);
    expect(() => vaePosterior({ decoder: [layer], images: [[1, 0, 0.5]] })).toThrow(/0 or 1/);
  });
});
