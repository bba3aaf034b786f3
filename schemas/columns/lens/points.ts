// points.parquet of an experiment: the samples it used, with each model's answer.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';

export const LENS_POINTS_TABLE: TableDef = {
  name: 'points',
  path: 'points.parquet',
  order: 'model, point_id',
  description: 'One row per model and sample that the experiment used; empty for text.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'point_id',
      type: 'int32',
      unit: 'sample of the data set',
      nullable: false,
      description: 'Number of the sample within dataset.rows, from 0.',
    },
    {
      name: 'source_id',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'Where the sample came from: file and row.',
    },
    {
      name: 'label',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'Class of the sample; null without a label.',
    },
    {
      name: 'label_name',
      type: 'utf8',
      unit: '',
      nullable: true,
      description: 'Name of the label, where the data set names its classes.',
    },
    {
      name: 'pred_class',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'Argmax of the logits; null without logits.',
    },
    {
      name: 'pred_prob',
      type: 'float32',
      unit: 'probability',
      nullable: true,
      description: 'Softmax probability of pred_class.',
    },
    {
      name: 'norm_start',
      type: 'float32',
      unit: 'L2 norm of the model input',
      nullable: false,
      description: 'Norm of the sample as the model takes it.',
    },
    RUN_ID_COLUMN,
  ],
};
