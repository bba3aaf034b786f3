// E3: boundary density between and within classes.

import { z } from 'zod';

export const densityOptions = z
  .strictObject({
    classes: z
      .int()
      .min(2)
      .optional()
      .describe('Classes, drawn where the data has more; tiny 10, paper 100.'),
    pointsPerClass: z
      .int()
      .min(2)
      .default(20)
      .describe('Images of each class (text: tokens), drawn at random; all their pairs are measured.'),
    exactPairs: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Pairs within, and as many between classes whose crossings are solved too; tiny 200, paper 500.',
      ),
    spaces: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe(
        'Where points lie: input, or tensors that `tessera inspect` lists; by default the input and the first tensor behind each layer.',
      ),
    exactSpaces: z
      .array(z.string().min(1))
      .optional()
      .describe('Spaces in which crossings are solved: all, unless deep convolutional nets make it slow.'),
  })
  .describe('E3: boundary density between and within classes.');
