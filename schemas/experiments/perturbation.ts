// E6: random and adversarial directions.

import { z } from 'zod';

export const perturbationOptions = z
  .strictObject({
    points: z.int().min(2).optional().describe('Samples that are perturbed; tiny 50, paper 200.'),
    length: z
      .number()
      .positive()
      .optional()
      .describe(
        'Length of every path, in units of the model input; default half the median distance of two samples.',
      ),
    attack: z
      .strictObject({
        epsilon: z
          .number()
          .positive()
          .default(8 / 255)
          .describe('Largest change of one input value.'),
        step: z
          .number()
          .positive()
          .default(2 / 255)
          .describe('Change of one input value per step.'),
        steps: z.int().min(1).default(10).describe('Steps.'),
      })
      .prefault({})
      .describe(
        'Projected gradient descent on the margin, in units of the model input, from a random start.',
      ),
    crossings: z.boolean().default(false).describe('Also write every crossing into the crossings table.'),
  })
  .describe('E6: random and adversarial directions.');
