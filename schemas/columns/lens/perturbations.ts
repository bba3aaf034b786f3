// perturbations.parquet: what lies on straight paths away from a sample, by where the direction comes from.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';

export const PERTURBATIONS_TABLE: TableDef = {
  name: 'perturbations',
  path: 'perturbations.parquet',
  order: 'model, path_id',
  description:
    'One row per path of the paths table: all paths are equally long, in the space of the model input.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'path_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Number of the path; the same path has it in every model.',
    },
    {
      name: 'point_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Sample that the path starts at.',
    },
    {
      name: 'direction',
      type: 'utf8',
      unit: 'gaussian | other_image | gradient | pgd',
      nullable: false,
      description:
        'Random, towards another sample, against the gradient of the margin, or to the end of projected gradient descent.',
    },
    {
      name: 'length',
      type: 'float64',
      unit: 'of the model input',
      nullable: false,
      description: 'Length of the path.',
    },
    {
      name: 'crossings',
      type: 'int64',
      unit: 'bit flips',
      nullable: false,
      description: 'Boundaries on the path.',
    },
    {
      name: 'crossings_per_length',
      type: 'float64',
      unit: 'crossings per unit of length',
      nullable: false,
      description: 'crossings over length.',
    },
    {
      name: 'first_crossing',
      type: 'float64',
      unit: 'of the model input',
      nullable: true,
      description: 'Distance of the first boundary; null without any.',
    },
    {
      name: 'pred_class',
      type: 'int32',
      unit: 'class id',
      nullable: false,
      description: "The model's answer at the sample.",
    },
    {
      name: 'margin',
      type: 'float64',
      unit: 'logits',
      nullable: false,
      description: 'Logit of that class less the largest other one, at the sample.',
    },
    {
      name: 'class_change',
      type: 'float64',
      unit: 'of the model input',
      nullable: true,
      description: 'Distance at which the answer first changes; null where it does not on the path.',
    },
    {
      name: 'changes_to',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'The class behind that change.',
    },
    {
      name: 'crossings_before_change',
      type: 'int64',
      unit: 'bit flips',
      nullable: true,
      description: 'Boundaries before that change; null where there is none.',
    },
    RUN_ID_COLUMN,
  ],
};
