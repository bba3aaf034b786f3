// Local complexity (Humayun et al. 2024).

import { z } from 'zod';

export const complexityOptions = z
  .strictObject({
    points: z.int().min(2).optional().describe('Points of each split; tiny 200, paper 1000.'),
    testFrom: z
      .int()
      .min(1)
      .optional()
      .describe(
        'First sample of the test part of the data set; without it all samples count as training data.',
      ),
    directions: z
      .int()
      .min(1)
      .default(25)
      .describe('Orthonormal directions, shared by all points: each gives two vertices.'),
    radii: z
      .array(z.number().positive())
      .min(1)
      .refine((radii) => new Set(radii).size === radii.length, 'names a radius twice')
      .default([0.05, 0.1, 0.5, 1, 5])
      .describe('Distances of the vertices from the point, in units of the model input.'),
    regionPoints: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Samples whose regions are described in region_geometry; tiny 2000, paper 10000; 0 for none.',
      ),
  })
  .describe('Local complexity (Humayun et al. 2024).');
