// Targets by name and their options. A user's own target is a module.

import { z } from 'zod';
import { dataset } from './config.ts';

const modes = z.int().min(1).max(10_000);
const scale = z.number().positive().default(1).describe('Standard deviation of a mode.');
const dim = z.int().min(1).max(10_000).describe('Dimension.');

const net = z.string().min(1).describe('An .onnx file: an MLP from inputs to logits.');
const weights = z
  .enum(['none', 'random_init'])
  .default('none')
  .describe('random_init: the same for a net of fresh weights, a control.');

const walled = {
  model: net,
  control: weights,
  dataset: dataset.describe('A data set whose first row is the point that names the region: its code.'),
  centre: z.number().default(0).describe('Mean of the Gaussian in every input.'),
  scale: z.number().positive().default(1).describe('Standard deviation of the Gaussian.'),
  smoothing: z
    .strictObject({
      weight: z
        .number()
        .positive()
        .default(10)
        .describe('Nats that a unit on the wrong side costs per width.'),
      width: z.number().positive().default(0.1).describe('Distance over which a wall is soft.'),
    })
    .prefault({})
    .describe('Flows are trained on walls that are soft; draws meet the hard ones.'),
};

const builtIn = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('ring').describe('Equal Gaussians on a circle.'),
    modes: modes.default(8),
    radius: z.number().positive().default(10),
    scale,
  }),
  z.strictObject({
    name: z.literal('grid').describe('Equal Gaussians on a square grid.'),
    side: z.int().min(1).max(100).default(5).describe('Modes of one side.'),
    spacing: z.number().positive().default(5),
    scale,
  }),
  z.strictObject({
    name: z.literal('two_far').describe('Two Gaussians that nothing local crosses between.'),
    distance: z.number().positive().default(50).describe('Of each from the origin.'),
    scale,
  }),
  z.strictObject({
    name: z.literal('cube').describe('Gaussians of unit scale on random vertices of a cube.'),
    dim: dim.default(10),
    modes: modes.default(8),
    half: z.number().positive().default(3).describe('Half the side of the cube.'),
  }),
  z.strictObject({
    name: z.literal('student_mixture').describe('Student laws on random vertices of a cube.'),
    dim: dim.default(10),
    modes: modes.default(8),
    half: z.number().positive().default(3).describe('Half the side of the cube.'),
    freedom: z.number().gt(2).default(4).describe('Degrees of freedom.'),
  }),
  z.strictObject({ name: z.literal('banana').describe('A bent Gaussian.') }),
  z.strictObject({ name: z.literal('two_moons').describe('Two arcs of a circle.') }),
  z.strictObject({
    name: z.literal('funnel').describe('Its width is the exponential of its first coordinate.'),
    dim: z.int().min(2).max(10_000).default(2).describe('Dimension.'),
  }),
  z.strictObject({
    name: z.literal('gaussian').describe('Unit variances and equal correlations.'),
    dim: dim.default(2),
    correlation: z.number().gt(-1).lt(1).default(0.7),
  }),
  z.strictObject({
    name: z.literal('density_match').describe('The shapes t1 to t4 of Rezende and Mohamed, walled in.'),
    shape: z.enum(['t1', 't2', 't3', 't4']),
  }),
  z.strictObject({
    name: z.literal('logistic').describe('Posterior of a logistic regression.'),
    data: z
      .string()
      .min(1)
      .describe('A .csv file with a line of names; its last column is the label, 0 or 1.'),
    priorScale: z.number().positive().default(1).describe('Standard deviation of every coefficient.'),
  }),
  z.strictObject({
    name: z
      .literal('class_energy')
      .describe("Inputs of a classifier: a Gaussian, tilted by exp(tilt times a class's logit)."),
    model: z.string().min(1).describe('An .onnx file: an MLP from inputs to logits.'),
    class: z.int().min(0).describe('Its output that tilts.'),
    tilt: z.number().default(1).describe('Weight of the logit; 0 leaves the Gaussian.'),
    centre: z.number().default(0).describe('Mean of the Gaussian in every coordinate.'),
    scale: z.number().positive().default(1).describe('Standard deviation of the Gaussian.'),
  }),
  z.strictObject({
    name: z
      .literal('activation_energy')
      .describe(
        'Activations of a classifier, whitened: their density on data, tilted by exp(tilt times a class logit).',
      ),
    model: net,
    control: weights,
    tap: z
      .string()
      .min(1)
      .describe('The pre-activation, as `tessera inspect` names it; what follows it gives the logit.'),
    class: z.int().min(0).describe('The output that tilts.'),
    tilt: z.number().default(1).describe('Weight of the logit; 0 leaves the density on data.'),
    dataset: dataset.describe('Data whose activations are the centres of the kernel density estimate.'),
    bandwidth: z
      .number()
      .positive()
      .optional()
      .describe("Of the Gaussian around each, in whitened coordinates; not given: Scott's rule."),
  }),
  z.strictObject({
    name: z
      .literal('polytope')
      .describe(
        "A Gaussian on the inputs, cut down to the region of a point's code; what the first layer sees of it.",
      ),
    ...walled,
  }),
  z.strictObject({
    name: z
      .literal('polytope_levels')
      .describe("The mass of such a region by nested levels, each a region of more of the code's units."),
    ...walled,
    unitsPerLevel: z
      .int()
      .min(1)
      .optional()
      .describe('Units that a level adds to the one before; not given: a level per layer.'),
    leastShare: z
      .number()
      .min(0)
      .max(0.5)
      .default(0.1)
      .describe(
        'A level that fewer draws of a pilot chain pass is split: walls of its units stand further out first. 0: never.',
      ),
  }),
  z.strictObject({
    name: z.literal('vae_posterior').describe('Latent vector of a variational autoencoder, given images.'),
    decoder: z
      .string()
      .min(1)
      .describe(
        'An .onnx file: an MLP from latent vectors to Bernoulli pixels, as logits or behind a sigmoid.',
      ),
    data: z.string().min(1).optional().describe('An IDX file of images; pixels above half count as 1.'),
    images: z
      .array(z.int().min(0))
      .max(1000)
      .default([])
      .describe('Rows of it that share the latent vector; none: the prior.'),
    seen: z
      .tuple([z.int().min(0), z.int().min(1)])
      .refine(([from, to]) => from < to, 'the first pixel must lie below the second')
      .optional()
      .describe('Pixels [from, to) of an image that were seen, the others are missing; default: all.'),
  }),
]);

const module_ = z
  .strictObject({
    module: z
      .string()
      .min(1)
      .describe('A .ts or .mjs file that exports dim and logDensity(z); runs only with --allow-code.'),
    options: z.record(z.string(), z.json()).default({}).describe('Given to the module as it is.'),
  })
  .describe("A target of the user's own.");

export const metflowTarget = z
  .union([builtIn, module_])
  .describe('The density that is sampled: { name, ... } of a built-in one, or { module, options }.');

export type TargetConfig = z.infer<typeof metflowTarget>;
export type BuiltInTarget = z.infer<typeof builtIn>;
export type ModuleTarget = z.infer<typeof module_>;
