// path_outputs.parquet: what the model answers along a path.

import type { TableDef } from '../column.ts';
import { RUN_ID_COLUMN } from '../column.ts';
import { PATH_KEY } from './paths.ts';

export const PATH_OUTPUTS_TABLE: TableDef = {
  name: 'path_outputs',
  path: 'path_outputs.parquet',
  order: 'model, path_id, t',
  description: "The model's answer at points of a path, and at every change of class.",
  columns: [
    ...PATH_KEY,
    {
      name: 't',
      type: 'float64',
      unit: 'fraction of the path, 0 to 1',
      nullable: false,
      description: 'Parameter of the point.',
    },
    {
      name: 'pred_class',
      type: 'int32',
      unit: 'class id',
      nullable: false,
      description: 'Argmax of the logits; the class behind the change, at a change of class.',
    },
    {
      name: 'prob',
      type: 'float32',
      unit: 'probability',
      nullable: false,
      description: 'Softmax probability of pred_class.',
    },
    {
      name: 'entropy_nats',
      type: 'float32',
      unit: 'nats',
      nullable: false,
      description: 'Entropy of the softmax.',
    },
    {
      name: 'kl_from_start',
      type: 'float32',
      unit: 'nats',
      nullable: false,
      description:
        'KL divergence of the softmax at the start of the path from the one here: KL(start || here).',
    },
    {
      name: 'theta_rad',
      type: 'float32',
      unit: 'rad',
      nullable: true,
      description: 'Angle between the logits here and at the start; null where one is the origin.',
    },
    {
      name: 'is_class_change',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'True where the row stands at a change of class.',
    },
    RUN_ID_COLUMN,
  ],
};
