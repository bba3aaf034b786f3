// The config of `kind: lens` (contract section 3): the common sections, and one section of options per experiment.

import { z } from 'zod';
import { dataset, model, output, runId, seed } from './config.ts';
import { clustersOptions } from './experiments/clusters.ts';
import { codeDirectionsOptions } from './experiments/code-directions.ts';
import { complexityOptions } from './experiments/complexity.ts';
import { densityOptions } from './experiments/density.ts';
import { interpolationOptions } from './experiments/interpolation.ts';
import { pathsOptions } from './experiments/paths.ts';
import { perturbationOptions } from './experiments/perturbation.ts';
import { scalingOptions } from './experiments/scaling.ts';
import { sliceOptions } from './experiments/slice.ts';

const common = {
  kind: z.literal('lens'),
  run: runId,
  seed,
  output: output.pick({ dir: true }).prefault({}),
  stream: z
    .strictObject({
      partitions: z.int().min(1).max(1024).default(2).describe('Kafka partitions, and so collectors.'),
    })
    .prefault({})
    .describe('The log of result rows.'),
};

const onModel = {
  ...common,
  model: model.extend({
    control: z
      .literal('none')
      .default('none')
      .describe('Experiments measure controls beside the trained model: see controls.'),
  }),
  profile: z
    .enum(['tiny', 'paper'])
    .default('tiny')
    .describe(
      'Sizes where an option is not given: tiny takes minutes on 4 cores, paper is the specification.',
    ),
  controls: z
    .strictObject({
      randomInit: z
        .int()
        .min(0)
        .max(100)
        .default(5)
        .describe('Freshly initialised copies that are measured too.'),
      weightPermuted: z
        .int()
        .min(0)
        .max(100)
        .default(1)
        .describe('Copies with shuffled weights that are measured too.'),
    })
    .prefault({})
    .describe('Controls: what they show as well is not learned.'),
};

const onData = { ...onModel, dataset };

/** Schema of a `kind: lens` config: one member per experiment. */
export const lensConfig = z.discriminatedUnion('experiment', [
  z.strictObject({ ...onData, experiment: z.literal('paths'), paths: pathsOptions.prefault({}) }),
  z.strictObject({
    ...onModel,
    dataset: dataset.optional(),
    experiment: z.literal('slice'),
    slice: sliceOptions.prefault({}),
  }),
  z.strictObject({ ...onData, experiment: z.literal('clusters'), clusters: clustersOptions.prefault({}) }),
  z.strictObject({ ...onData, experiment: z.literal('scaling'), scaling: scalingOptions.prefault({}) }),
  z.strictObject({
    ...onData,
    experiment: z.literal('complexity'),
    complexity: complexityOptions.prefault({}),
  }),
  z.strictObject({
    ...onData,
    experiment: z.literal('perturbation'),
    perturbation: perturbationOptions.prefault({}),
  }),
  z.strictObject({
    ...onData,
    experiment: z.literal('code_directions'),
    code_directions: codeDirectionsOptions.prefault({}),
  }),
  z.strictObject({ ...onData, experiment: z.literal('density'), density: densityOptions.prefault({}) }),
  z.strictObject({
    ...onData,
    experiment: z.literal('interpolation'),
    interpolation: interpolationOptions.prefault({}),
  }),
  z.strictObject({
    ...common,
    experiment: z.literal('compare'),
    runs: z
      .tuple([z.string().min(1), z.string().min(1)])
      .describe('Folders of two finished runs: before and after, trained and control, two checkpoints.'),
  }),
]);

export type LensConfig = z.infer<typeof lensConfig>;
export type ExperimentName = LensConfig['experiment'];
/** Every experiment but `compare`, which reads finished runs instead of a model. */
export type ModelLensConfig = Exclude<LensConfig, { experiment: 'compare' }>;
