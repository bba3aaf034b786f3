// E2: density clusters of activations and codes.

import { z } from 'zod';

/** One value, or several that are swept: claims are about the first. */
function sweep<T extends z.ZodType>(value: T) {
  return z.union([value, z.array(value).min(1)]);
}

export const CLUSTER_FEATURES = ['act_l2', 'act_cos', 'code_layer', 'code_to_output'] as const;

export const clustersOptions = z
  .strictObject({
    points: z
      .int()
      .min(2)
      .optional()
      .describe('Images, or tokens (6 positions a sequence); tiny 2000, paper 10000.'),
    span: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe(
        'Layers by the name of their tap, or `network` for the code of all layers; by default every layer.',
      ),
    feature: sweep(z.enum(['act', 'code', ...CLUSTER_FEATURES]))
      .default([...CLUSTER_FEATURES])
      .describe(
        'What is clustered: activations as they are (act_l2) or as directions (act_cos), the code of the layer (code_layer) or of all layers from it on (code_to_output); `act` and `code` mean both.',
      ),
    metric: sweep(z.enum(['euclid', 'cosine', 'hamming']))
      .optional()
      .describe('Keeps only features with this distance: act_l2 has euclid, act_cos cosine, codes hamming.'),
    values: z
      .enum(['post', 'pre', 'both'])
      .default('post')
      .describe(
        'Vectors behind or before the activation function, or both: then those before it are spaces of their own, `<layer>:pre`.',
      ),
    minClusterSize: sweep(z.int().min(2))
      .default([5, 10, 20, 50])
      .describe('Fewer points are no cluster. Claims are about the first value of each swept option.'),
    minSamples: sweep(z.union([z.int().min(1), z.literal('minClusterSize')]))
      .default([1, 5, 'minClusterSize'])
      .describe('Points of a neighbourhood, the point itself counted, as in scikit-learn.'),
    selection: sweep(z.enum(['eom', 'leaf']))
      .default(['eom', 'leaf'])
      .describe('Which clusters of the hierarchy: most stable, or smallest.'),
    epsilon: z
      .number()
      .min(0)
      .default(0)
      .describe('Clusters that part at smaller distances are not told apart.'),
    components: z
      .int()
      .min(1)
      .optional()
      .describe('Components of PCA, NMF and ICA that clusters are compared with; tiny 20, paper 50.'),
    shuffles: z.int().min(19).default(1000).describe('Shuffles of the labels: what agreement chance gives.'),
  })
  .describe('E2: density clusters of activations and codes.');
