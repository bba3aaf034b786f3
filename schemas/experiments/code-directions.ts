// E9: directions in spline-code space.

import { z } from 'zod';

export const codeDirectionsOptions = z
  .strictObject({
    points: z
      .int()
      .min(2)
      .optional()
      .describe('Images, or tokens (6 positions a sequence); tiny 2000, paper 10000.'),
    span: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe('Layers by the name of their tap; by default every layer.'),
    values: z
      .enum(['post', 'pre'])
      .default('post')
      .describe('Activations that codes are compared with: behind or before the activation function.'),
    components: z.int().min(1).optional().describe('Components of each decomposition; tiny 20, paper 50.'),
    topPoints: z
      .int()
      .min(2)
      .default(20)
      .describe('Points at either end of a component that are scored together.'),
  })
  .describe('E9: directions in spline-code space.');
