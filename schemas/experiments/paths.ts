// E7 and single paths: crossings between pairs of points.

import { z } from 'zod';

const count = z.int().min(0);

export const pathsOptions = z
  .strictObject({
    pairs: z
      .union([
        z.array(z.tuple([count, count])).min(1),
        z.strictObject({ intra: count, inter: count }).refine(hasPairs, 'asks for no pair'),
        z.strictObject({ any: z.int().min(1) }),
      ])
      .optional()
      .describe(
        'Pairs of rows of the data set (text: sequence x contextTokens + token), or how many to draw: within and between classes, or any, for data without labels. tiny 200 + 200, paper 1000 + 1000; a tenth where crossings are sampled.',
      ),
    alike: z
      .enum(['label', 'token'])
      .default('label')
      .describe('What makes two tokens of a text one class: their label, or that they are the same token.'),
    curve: z
      .enum(['lerp', 'slerp'])
      .default('lerp')
      .describe(
        'Straight line, or great arc with interpolated norm (as chords, each of them solved exactly).',
      ),
    chords: z.int().min(2).max(4096).default(256).describe('Chords of an arc.'),
    space: z
      .string()
      .min(1)
      .default('input')
      .describe(
        'Where paths lie: input, or a tensor that `tessera inspect` lists. Text models need one, such as the output of a LayerNorm; other tokens stay as they are.',
      ),
    bins: z.int().min(2).max(4096).default(64).describe('Bins of a path in which crossings are counted.'),
    steps: z
      .int()
      .min(1)
      .max(4096)
      .default(32)
      .describe('Equal steps of a path at which answers are recorded; changes of class are recorded too.'),
    crossings: z.boolean().default(false).describe('Also write every crossing into the crossings table.'),
  })
  .describe('E7 and single paths: crossings of polytope boundaries on paths between pairs of points.');

function hasPairs({ intra, inter }: { intra: number; inter: number }): boolean {
  return intra + inter > 0;
}
