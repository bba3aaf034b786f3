// E4: boundary density along interpolations.

import { z } from 'zod';

export const interpolationOptions = z
  .strictObject({
    chains: z
      .int()
      .min(1)
      .optional()
      .describe('Chains through different classes, and as many within one class; tiny 20, paper 50.'),
    images: z
      .int()
      .min(2)
      .max(100)
      .optional()
      .describe('Images of a chain; no image is in two chains. tiny 4, paper 6.'),
    curves: z
      .array(z.enum(['lerp', 'slerp']))
      .min(1)
      .refine((curves) => new Set(curves).size === curves.length, 'names a curve twice')
      .default(['lerp', 'slerp'])
      .describe('Straight lines, or arcs with interpolated norm (as chords, each of them solved exactly).'),
    samples: z
      .int()
      .min(8)
      .max(4096)
      .optional()
      .describe('Equal steps of a leg at which answers are recorded; chords of an arc. tiny 64, paper 256.'),
    bins: z.int().min(8).max(4096).default(64).describe('Bins of a leg in which crossings are counted.'),
    spaces: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'Where legs lie: input, or tensors that `tessera inspect` lists; by default the input and the first layer.',
      ),
    halfWidth: z
      .number()
      .positive()
      .max(0.25)
      .default(0.05)
      .describe('Near a change of class is this far from it, as a share of the leg.'),
    shifts: z.int().min(99).default(1000).describe('Random circular shifts behind each p-value.'),
  })
  .describe('E4: boundary density along interpolations.');
