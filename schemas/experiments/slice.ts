// E5: the exact partition of planes.

import { z } from 'zod';

const row = z.int().min(0);
const side = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high, 'must be two numbers, the lower first');

export const sliceOptions = z
  .strictObject({
    planes: z
      .union([z.array(z.tuple([row, row, row])).min(1), z.int().min(1)])
      .optional()
      .describe(
        'Planes through three rows of the data set each, or how many to draw, through rows of three classes. tiny 3, paper 20. Not used with box.',
      ),
    margin: z
      .number()
      .gt(-0.5)
      .default(0.25)
      .describe('Widens the box around the three rows by this share of its sides; negative narrows it.'),
    box: z
      .strictObject({ x: side, y: side })
      .optional()
      .describe('For models of two inputs, in place of rows: the rectangle that is cut up.'),
    space: z
      .string()
      .min(1)
      .default('input')
      .describe('Where planes lie: input, or a tensor that `tessera inspect` lists.'),
    maxPolygons: z
      .int()
      .min(1)
      .default(200_000)
      .describe(
        'Most polygons of a plane: an error beyond it. Convolutional nets need small boxes or late spaces.',
      ),
    maxMegabytes: z
      .int()
      .min(1)
      .default(1024)
      .describe('Most memory for the values at the vertices of a plane.'),
  })
  .describe('E5: the exact partition of planes into polytopes.');
