// The config of `kind: metflow` (contract section 3): a target, the kernels, how they are trained and sampled.

import { z } from 'zod';
import { dataset, model, output, runId, seed } from './config.ts';
import { metflowTarget } from './metflow-targets.ts';

const acceptRule = z.enum(['metropolis', 'barker']);

const use = z
  .enum(['train', 'sample', 'both'])
  .describe('Whether the kernel is part of the trained path, of the sampler, or of both.');

const count = z.int().min(1).max(250).default(1).describe('How many such kernels follow each other.');

const stepSize = z
  .number()
  .positive()
  .optional()
  .describe('Step size; where it is not given, warm-up adapts it and the variances, per chain.');

const rwm = z.strictObject({ type: z.literal('rwm'), count, stepSize, use: use.default('sample') });

const mala = z.strictObject({ type: z.literal('mala'), count, stepSize, use: use.default('sample') });

const hmc = z.strictObject({
  type: z.literal('hmc'),
  count,
  stepSize,
  steps: z.int().min(1).max(10_000).default(10).describe('Leapfrog steps of a trajectory.'),
  kept: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Share of the momentum that a step keeps; 0 is full refreshment. A trained kernel keeps some.'),
  use: use.default('sample'),
});

const nuts = z.strictObject({
  type: z.literal('nuts'),
  stepSize,
  maxDepth: z.int().min(1).max(20).default(10).describe('Doublings of a trajectory at most.'),
  use: z.literal('sample').default('sample'),
});

const hitAndRun = z.strictObject({
  type: z.literal('hit_and_run'),
  lines: z.int().min(1).max(10_000).default(10).describe('Random lines of a step.'),
  use: z.literal('sample').default('sample'),
});

const reflective = z.strictObject({
  type: z.literal('reflective'),
  reflections: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .describe('Walls that a trajectory meets before it is given up and the point stays.'),
  use: z.literal('sample').default('sample'),
});

const metflow = z.strictObject({
  type: z.literal('metflow'),
  count,
  flow: z.enum(['realnvp', 'spline', 'affine']).default('realnvp').describe('The invertible map.'),
  layers: z.int().min(1).max(64).default(2).describe('Coupling layers of a flow.'),
  hidden: z.int().min(1).max(4096).default(32).describe("Hidden units of a coupling's net."),
  forward: z
    .enum(['half', 'learned'])
    .default('half')
    .describe('How often a flow goes forward: half of the time, or with a learned probability.'),
  rotation: z
    .enum(['identity', 'random'])
    .default('identity')
    .describe(
      'How a flow starts. random: with a learned rotation drawn at random in front, for modes that lie around a centre.',
    ),
  reflections: z
    .int()
    .min(1)
    .max(4096)
    .optional()
    .describe(
      'Householder reflections that a rotation is made of; 1 swaps two modes. Not given: as many as there are dimensions, made even.',
    ),
  bound: z
    .number()
    .positive()
    .default(5)
    .describe('Splines: beyond it they are the identity; it should cover the target.'),
  bins: z.int().min(2).max(256).default(8).describe('Splines: pieces.'),
  conditioning: z
    .enum(['none', 'fixed', 'free'])
    .default('none')
    .describe(
      'none: flows of their own; fixed: one flow, an innovation per kernel drawn once; free: drawn at every step.',
    ),
  aggregation: z
    .enum(['stacking', 'addition'])
    .default('stacking')
    .describe('How the innovation enters the net.'),
  use: z
    .enum(['train', 'both'])
    .default('both')
    .describe('Whether the flow is only trained, or sampled with as well; an untrained flow does not move.'),
});

const kernel = z.discriminatedUnion('type', [metflow, nuts, hmc, mala, rwm, hitAndRun, reflective]);

const pilot = z
  .strictObject({
    chains: z.int().min(2).max(10_000).default(64).describe('Chains of the pilot.'),
    warmup: z.int().min(1).default(200).describe('Steps in which step sizes adapt.'),
    draws: z.int().min(2).default(200).describe('Draws that a place is the mean of.'),
  })
  .describe(
    'Short NUTS chains from N(0, initialScale^2) before the training: flows begin as swaps of the places where they end, the initial law at one of them. Not given: flows begin as their rotation says.',
  );

const train = z
  .strictObject({
    steps: z.int().min(1).max(10_000_000).default(2000).describe('Updates.'),
    batch: z.int().min(1).max(1_000_000).default(400).describe('Paths per update.'),
    learningRate: z.number().positive().default(0.001).describe('Adam, with half a cosine down to 0.'),
    accept: acceptRule.default('barker').describe('Acceptance function while training.'),
    anneal: z
      .number()
      .min(0)
      .max(1)
      .default(0.25)
      .describe('Share of the updates over which the target fades in.'),
    clip: z.number().positive().default(10).describe('Largest norm of a gradient.'),
    reverse: z
      .enum(['uniform', 'product', 'exact'])
      .default('uniform')
      .describe(
        'Law of the acceptances given the end point in the bound; exact enumerates at most 12 kernels.',
      ),
    initial: z.enum(['frozen', 'learned']).default('learned').describe('Whether the initial law is trained.'),
    initialScale: z.number().positive().default(1).describe('Standard deviation of the initial law.'),
    pilot: pilot.optional(),
    evaluateEvery: z.int().min(1).default(100).describe('Updates between two evaluations of the bound.'),
    evaluateRows: z.int().min(2).max(1_000_000).default(1000).describe('Paths of an evaluation.'),
    patience: z
      .int()
      .min(1)
      .optional()
      .describe(
        'Evaluations without a better bound after which training ends; the best parameters then sample. Counted once the target has faded in. Not given: all updates are made and the last parameters sample.',
      ),
    checkpointEvery: z.int().min(1).default(200).describe('Updates between two checkpoints.'),
  })
  .describe('Variational training of the kernels.');

const sample = z
  .strictObject({
    chains: z.int().min(1).max(1_000_000).default(4).describe('Chains.'),
    groups: z
      .int()
      .min(1)
      .max(1024)
      .default(4)
      .describe('Groups of chains that are sampled side by side; at most one per chain.'),
    warmup: z.int().min(0).default(200).describe('Sweeps before the first draw, in which step sizes adapt.'),
    draws: z.int().min(1).default(1000).describe('Draws of each chain.'),
    thin: z.int().min(1).default(1).describe('Sweeps over all kernels per draw.'),
    checkpointEvery: z
      .int()
      .min(1)
      .default(200)
      .describe('Draws of one segment, which ends in a checkpoint.'),
    accept: acceptRule.default('metropolis').describe('Acceptance function of the draws.'),
    startScale: z
      .number()
      .positive()
      .default(1)
      .describe('Standard deviation of the starts around 0; trained runs start from their initial law.'),
  })
  .describe('The chains.');

const regions = z
  .strictObject({
    sweep: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder of a finished sweep of the same model: its regions are what masses are compared with.',
      ),
    dataset: dataset.optional().describe('Or a data set, which is passed through the model here.'),
    controls: z
      .array(z.enum(['base_law', 'random_init']))
      .default(['base_law', 'random_init'])
      .describe(
        'What the same is done for: independent draws of the base law; the draws in a net of fresh weights.',
      ),
    most: z
      .int()
      .min(1)
      .max(100_000)
      .default(500)
      .describe('Regions of a span that get a row by their mass.'),
  })
  .refine(
    (value) => value.sweep === undefined || value.dataset === undefined,
    'give sweep or dataset, not both',
  )
  .describe("Masses of the model's regions under the target.");

/** Schema of a `kind: metflow` config. */
export const metflowConfig = z
  .strictObject({
    kind: z.literal('metflow'),
    run: runId,
    seed,
    target: metflowTarget,
    kernels: z.array(kernel).min(1).max(250).describe('Kernels, applied in this order in every sweep.'),
    directions: z
      .enum(['reversible', 'lifted'])
      .default('reversible')
      .describe(
        'How flows choose between map and inverse: reversible, a coin every time; lifted, the direction is kept until a rejection turns it.',
      ),
    train: train.prefault({}),
    sample: sample.prefault({}),
    model: model
      .extend({
        control: z.literal('none').default('none').describe('Draws pass through the model as it is.'),
        through: z
          .string()
          .min(1)
          .optional()
          .describe('An .onnx file that turns a draw into an input of the model, such as a decoder.'),
      })
      .optional()
      .describe('A network that every draw is passed through: its code is recorded with the draw.'),
    regions: regions.optional(),
    output: output.pick({ dir: true }).prefault({}),
    stream: z
      .strictObject({
        partitions: z.int().min(1).max(1024).default(2).describe('Kafka partitions, and so collectors.'),
      })
      .prefault({})
      .describe('The log of draws.'),
  })
  .superRefine(({ train: { pilot: wanted, anneal }, kernels }, context) => {
    if (wanted === undefined) return;
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (anneal !== 0) refuse(['train', 'anneal'], 'a pilot starts where the target lies: give anneal 0');
    for (const [place, each] of kernels.entries()) {
      if (
        each.type !== 'metflow' ||
        (each.flow === 'affine' && each.reflections === 1 && each.rotation === 'random')
      )
        continue;
      refuse(
        ['kernels', place],
        'a flow that a pilot starts has flow affine, rotation random, reflections 1',
      );
    }
  });

export type MetflowConfig = z.infer<typeof metflowConfig>;
export type RegionsConfig = NonNullable<MetflowConfig['regions']>;
export type KernelConfig = MetflowConfig['kernels'][number];
export type FlowKernelConfig = Extract<KernelConfig, { type: 'metflow' }>;
export type LocalKernelConfig = Exclude<KernelConfig, FlowKernelConfig>;

/** Whether a kernel takes part in sampling or training. */
export function isUsed({ use: where }: KernelConfig, purpose: 'train' | 'sample'): boolean {
  return where === purpose || where === 'both';
}

/** Whether a run trains anything: a flow has parameters even where it only samples, a local kernel where it is trained. */
export function trainsKernels({ kernels }: Pick<MetflowConfig, 'kernels'>): boolean {
  return kernels.some((each) => isUsed(each, 'train'));
}
