// Configs of `kind: metflow` about autoencoders of images: training several of one architecture (`experiment: vae`), and
// filling in the missing part of images with a trained one (`experiment: inpainting`).

import { z } from 'zod';
import { dataset, output, runId, seed } from './config.ts';

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
  .describe('Names the model in tables and files.');

const count = z.int().min(1).max(50).default(3).describe('Kernels, or flows, that follow each other.');

const reverse = z
  .enum(['uniform', 'product'])
  .default('product')
  .describe('Law of the acceptances given the end point in the bound.');

const coupling = {
  layers: z.int().min(1).max(64).default(2).describe('Coupling layers of a flow.'),
  hidden: z.int().min(1).max(4096).default(32).describe("Hidden units of a coupling's net."),
};

const realnvp = z.strictObject({
  type: z.literal('realnvp').describe("Flows without a Metropolis step, behind the encoder's Gaussian."),
  name: name.default('realnvp'),
  count,
  ...coupling,
});

const metflow = z.strictObject({
  type: z.literal('metflow').describe('Flows as proposals of Metropolis kernels.'),
  name: name.default('metflow'),
  count,
  flow: z.enum(['realnvp', 'spline', 'affine']).default('realnvp').describe('The invertible map.'),
  ...coupling,
  reverse,
});

const hmc = z.strictObject({
  type: z.literal('hmc').describe('Hamiltonian steps with partial refreshment, their step sizes learned.'),
  name: name.default('hmc'),
  count,
  steps: z.int().min(1).max(100).default(2).describe('Leapfrog steps of a trajectory.'),
  stepSize: z.number().positive().default(0.1).describe("The first step size, in units of the encoder's."),
  kept: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe(
      'Share of the momentum kept at first, which is learned; a kernel costs the bound dim * log(1 / kept) nats.',
    ),
  reverse,
});

const vaeModels = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('vae').describe("Nothing between the encoder's Gaussian and the decoder."),
    name: name.default('vae'),
  }),
  z.strictObject({
    type: z.literal('iwae').describe('The same, its weights averaged over several draws.'),
    name: name.default('iwae'),
    copies: z.int().min(2).max(1000).default(10).describe('Draws of an image.'),
  }),
  realnvp,
  hmc,
  metflow,
]);

const missing = z
  .enum(['drawn', 'summed_out'])
  .default('drawn')
  .describe(
    'What the latent vector is moved given: all pixels, the missing ones as last drawn (block Gibbs steps); or those seen, the missing ones summed out. The law is the same.',
  );

const samplers = z.discriminatedUnion('type', [
  z.strictObject({
    type: z
      .literal('encoder')
      .describe('The latent vector drawn from the encoder in every sweep: a baseline.'),
    name: name.default('encoder'),
  }),
  realnvp,
  hmc.extend({ missing }),
  metflow.extend({ missing }),
]);

function named<Member extends z.ZodType<{ readonly name: string }>>(member: Member) {
  const unique = (all: readonly { readonly name: string }[]) =>
    new Set(all.map((each) => each.name)).size === all.length;
  return z.array(member).min(1).max(50).refine(unique, 'each needs a name of its own');
}

const training = {
  steps: z.int().min(1).max(10_000_000).default(1000).describe('Updates.'),
  batch: z.int().min(1).max(100_000).default(100).describe('Images per update, their pixels drawn anew.'),
  learningRate: z.number().positive().default(0.001).describe('Adam, with half a cosine down to 0.'),
  checkpointEvery: z.int().min(1).default(200).describe('Updates between two checkpoints.'),
};

const shared = { kind: z.literal('metflow'), run: runId, seed };

/** Schema of `experiment: vae`. */
export const vaeConfig = z.strictObject({
  ...shared,
  experiment: z.literal('vae'),
  dataset: dataset.describe('Images to train with; grey values from 0 to 1 are probabilities of a pixel.'),
  test: dataset.describe('Images to judge by, binarised once at random.'),
  architecture: z
    .strictObject({
      latent: z.int().min(1).max(4096).default(16).describe('Dimension of the latent vector.'),
      hidden: z
        .array(z.int().min(1).max(65_536))
        .max(20)
        .default([200])
        .describe('Units of the hidden tanh layers of the encoder; the decoder has them in reverse.'),
    })
    .prefault({})
    .describe('Encoder and decoder, the same for all models.'),
  models: named(vaeModels).describe('What stands between encoder and decoder, one entry per model.'),
  seeds: z.int().min(1).max(1000).default(3).describe('Trainings of each model, with seeds from `seed` on.'),
  train: z
    .strictObject({
      ...training,
      evaluateEvery: z.int().min(1).default(200).describe('Updates between two evaluations of the bound.'),
    })
    .prefault({})
    .describe('Training of encoder, decoder and kernels together.'),
  evaluate: z
    .strictObject({
      images: z.int().min(2).max(100_000).default(200).describe('Test images, the first ones.'),
      draws: z.int().min(2).max(1_000_000).default(5000).describe('Importance draws of an image.'),
      checkpointEvery: z.int().min(1).default(500).describe('Draws between two checkpoints.'),
    })
    .prefault({})
    .describe('Log likelihood of test images by importance sampling.'),
  samples: z.int().min(0).max(10_000).default(16).describe('Pictures drawn of each trained model.'),
  output: output.pick({ dir: true }).prefault({}),
});

/** Schema of `experiment: inpainting`. */
export const inpaintingConfig = z.strictObject({
  ...shared,
  experiment: z.literal('inpainting'),
  encoder: z
    .string()
    .min(1)
    .describe('An .onnx file: an MLP from pixels to means and log scales, with hidden tanh layers.'),
  decoder: z
    .string()
    .min(1)
    .describe(
      'An .onnx file: an MLP from latent vectors to Bernoulli pixels, as logits or behind a sigmoid.',
    ),
  images: z
    .strictObject({
      data: z.string().min(1).describe('An IDX file of images; pixels above half count as 1.'),
      rows: z.array(z.int().min(0)).min(1).max(1000).describe('Rows of it.'),
    })
    .describe('Images of which a part is missing.'),
  seen: z
    .tuple([z.int().min(0), z.int().min(1)])
    .refine(([from, to]) => from < to, 'the first pixel must lie below the second')
    .describe('Pixels [from, to) of an image that were seen; the others are missing.'),
  samplers: named(samplers).describe('How the latent vector moves given all pixels, one entry per sampler.'),
  dataset: dataset.describe('Images that kernels are trained with, encoder and decoder frozen.'),
  train: z.strictObject(training).prefault({}).describe('Training of the kernels alone.'),
  sample: z
    .strictObject({
      chains: z.int().min(1).max(10_000).default(8).describe('Chains of each image.'),
      frames: z
        .int()
        .min(1)
        .max(100_000)
        .default(16)
        .describe('Recorded states of a chain, beside its start.'),
      sweeps: z.int().min(1).max(100_000).default(30).describe('Sweeps between two frames.'),
    })
    .prefault({})
    .describe('The chains. A sweep moves the latent vector, then draws the missing pixels.'),
  output: output.pick({ dir: true }).prefault({}),
});

export type VaeConfig = z.infer<typeof vaeConfig>;
export type InpaintingConfig = z.infer<typeof inpaintingConfig>;
export type ImagesConfig = VaeConfig | InpaintingConfig;
/** What stands between an encoder and a decoder. */
export type BetweenConfig = VaeConfig['models'][number] | InpaintingConfig['samplers'][number];
