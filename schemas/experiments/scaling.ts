// E1 and E8: scaling a vector, or moving along a direction.

import { z } from 'zod';

export const scalingOptions = z
  .strictObject({
    spaces: z
      .union([z.literal('auto'), z.array(z.string().min(1)).min(1)])
      .default('auto')
      .describe(
        'Spaces whose vectors are scaled: auto takes the input and the first space behind each group of taps. Text models: name the output of a LayerNorm.',
      ),
    points: z
      .int()
      .min(2)
      .optional()
      .describe('Samples that are scaled; tiny 100, paper 200; text models 10, one token of each.'),
    factors: z
      .strictObject({
        from: z.number().positive().lt(1).default(0.1).describe('Smallest factor.'),
        to: z.number().gt(1).default(10).describe('Largest factor.'),
        count: z
          .int()
          .min(3)
          .max(1025)
          .default(33)
          .describe('Factors, in geometric steps; 1 is always one of them.'),
      })
      .prefault({})
      .describe('Factors that vectors are scaled by.'),
    directions: z
      .array(z.enum(['whole', 'neuron', 'pca', 'nmf', 'class_mean', 'random', 'dictionary']))
      .min(1)
      .refine((kinds) => new Set(kinds).size === kinds.length, 'names a kind twice')
      .default(['whole', 'neuron', 'pca', 'nmf', 'class_mean', 'random'])
      .describe('What is scaled: the whole vector, or its component along a unit vector of these kinds.'),
    dictionary: z
      .array(z.array(z.number()).min(1))
      .min(1)
      .optional()
      .describe(
        'Vectors for the kind `dictionary`, such as decoder columns of a sparse autoencoder; every space must have their length.',
      ),
    cases: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Point and direction pairs per space whose validity radius is measured; tiny 100, paper 500; 0 for none.',
      ),
    reference: z
      .int()
      .min(10)
      .optional()
      .describe('Samples that components, class means and spreads are taken from; tiny 500, paper 2000.'),
    probes: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Random probes per estimate of how far two affine maps are apart; tiny 16, paper 64; 0 for none.',
      ),
  })
  .describe('E1 and E8: scaling a vector, or moving along a direction.');
