// E7 and single paths: crossings between pairs of rows.

import { z } from 'zod';

export const pathsOptions = z
  .strictObject({
    pairs: z
      .union([
        z.array(z.tuple([z.int().min(0), z.int().min(0)])).min(1),
        z.strictObject({ intra: z.int().min(0), inter: z.int().min(0) }),
      ])
      .default({ intra: 200, inter: 200 })
      .describe('Pairs of rows of the data set, or how many pairs to draw within and between classes.'),
    curve: z.enum(['lerp', 'slerp']).default('lerp').describe('Straight line, or great arc with interpolated norm.'),
    space: z.string().min(1).default('input').describe('Where paths lie: input, or a tensor that `tessera inspect` lists.'),
    crossings: z.boolean().default(false).describe('Also write every crossing into the crossings table.'),
  })
  .describe('Crossings of polytope boundaries on paths between pairs of rows.');
