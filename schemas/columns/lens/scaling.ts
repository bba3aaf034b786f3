// scaling/ and validity.parquet: what becomes of codes, activations and answers when a vector is scaled or moved.

import type { ColumnDef, TableDef } from '../column.ts';
import { RUN_ID_COLUMN } from '../column.ts';

const KEY: readonly ColumnDef[] = [
  {
    name: 'model',
    type: 'utf8',
    unit: '',
    nullable: false,
    description:
      '`trained`, `bias_free` (the trained net without biases), or a control such as `random_init:3`.',
  },
  { name: 'space', type: 'utf8', unit: '', nullable: false, description: 'Tensor whose vector is moved.' },
  {
    name: 'layer_id',
    type: 'int32',
    unit: 'layer_id',
    nullable: false,
    description: 'First tap behind the space: the vector lies before it.',
  },
  {
    name: 'point_id',
    type: 'int32',
    unit: '',
    nullable: false,
    description: 'Sample of the data set (text: the sequence).',
  },
  {
    name: 'token_index',
    type: 'int32',
    unit: 'token within its sequence',
    nullable: true,
    description: 'Text only: the token whose vector is moved.',
  },
  {
    name: 'direction',
    type: 'utf8',
    unit: '',
    nullable: false,
    description:
      '`whole` (the vector itself), or the unit vector: `neuron:<unit>`, `pca:<component>`, `nmf:<component>`, `class_mean:<class>`, `random:<draw>`, `dictionary:<entry>`.',
  },
];

export const SCALING_TABLE: TableDef = {
  name: 'scaling',
  path: 'scaling/',
  order: 'model, space, point, direction, part, t, later_layer_id',
  description:
    'One row per place of a line through a point and later tap. E1 scales (part `scale`), E8 moves (part `move`).',
  columns: [
    ...KEY,
    {
      name: 'part',
      type: 'utf8',
      unit: 'scale | move',
      nullable: false,
      description: 'Whether alpha or t has the places.',
    },
    {
      name: 'later_layer_id',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'Tap behind the space that the row is about.',
    },
    {
      name: 'alpha',
      type: 'float64',
      unit: 'factor',
      nullable: true,
      description: 'Factor on the component along the direction; null where that component is 0.',
    },
    {
      name: 't',
      type: 'float64',
      unit: 'of the space',
      nullable: false,
      description: 'Signed distance from the point along the direction.',
    },
    {
      name: 'theta_rad',
      type: 'float32',
      unit: 'rad',
      nullable: true,
      description:
        "Angle between the tap's activations here and at the point; null where one is 0 or not known.",
    },
    {
      name: 'hamming',
      type: 'int32',
      unit: 'bits',
      nullable: false,
      description: 'Bits of the tap that differ from those at the point.',
    },
    {
      name: 'crossings',
      type: 'int64',
      unit: 'bit flips',
      nullable: false,
      description: 'Boundaries of the tap between the point and here; a lower bound where not exact.',
    },
    {
      name: 'pred_class',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'Argmax of the logits here.',
    },
    {
      name: 'prob',
      type: 'float32',
      unit: 'probability',
      nullable: true,
      description: 'Softmax probability of pred_class.',
    },
    {
      name: 'kl',
      type: 'float32',
      unit: 'nats',
      nullable: true,
      description: 'KL divergence of the softmax at the point from the one here: KL(point || here).',
    },
    {
      name: 'jv_cos',
      type: 'float32',
      unit: 'cosine',
      nullable: true,
      description:
        "Cosine of the logits' slope along the direction here with that at the point; part `move` only.",
    },
    {
      name: 'lin_err',
      type: 'float32',
      unit: 'fraction',
      nullable: true,
      description: '||f(a + t v) - f(a) - t J v|| / ||t J v|| for the logits f; part `move` only.',
    },
    {
      name: 'exact',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'False where codes were only sampled.',
    },
    RUN_ID_COLUMN,
  ],
};

export const VALIDITY_TABLE: TableDef = {
  name: 'validity',
  path: 'validity.parquet',
  order: 'model, space, point, direction, side',
  description: 'How far a direction keeps its meaning (E8): one row per point, direction and side; exact.',
  columns: [
    ...KEY,
    {
      name: 'side',
      type: 'int32',
      unit: '1 | -1',
      nullable: false,
      description: 'Along the direction or against it.',
    },
    {
      name: 'norm',
      type: 'float64',
      unit: 'of the space',
      nullable: false,
      description: 'Norm of the vector.',
    },
    {
      name: 'reach',
      type: 'float64',
      unit: 'of the space',
      nullable: false,
      description:
        'How far was looked: three standard deviations of the projections of the reference samples.',
    },
    {
      name: 'crossings',
      type: 'int64',
      unit: 'bit flips',
      nullable: false,
      description: 'Boundaries crossed within reach.',
    },
    {
      name: 'first_crossing',
      type: 'float64',
      unit: 'of the space',
      nullable: true,
      description: 'Distance of the first boundary; null where none is within reach.',
    },
    {
      name: 't_90',
      type: 'float64',
      unit: 'of the space',
      nullable: true,
      description: "Distance where the cosine of the logits' slope with that at the point falls below 0.9.",
    },
    { name: 't_50', type: 'float64', unit: 'of the space', nullable: true, description: 'The same for 0.5.' },
    {
      name: 'crossings_at_t_90',
      type: 'int64',
      unit: 'bit flips',
      nullable: true,
      description: 'Boundaries crossed up to t_90; null where it is beyond reach.',
    },
    {
      name: 't',
      type: 'float64',
      unit: 'of the space',
      nullable: false,
      description: 'A distance drawn at random within reach, for the columns that follow.',
    },
    {
      name: 'crossings_at_t',
      type: 'int64',
      unit: 'bit flips',
      nullable: false,
      description: 'Boundaries up to t.',
    },
    {
      name: 'jv_cos_at_t',
      type: 'float64',
      unit: 'cosine',
      nullable: true,
      description: "Cosine of the logits' slope at t with that at the point.",
    },
    {
      name: 'lin_err_at_t',
      type: 'float64',
      unit: 'fraction',
      nullable: true,
      description: 'Linearisation error at t.',
    },
    {
      name: 'affine_distance_at_t',
      type: 'float64',
      unit: '',
      nullable: true,
      description:
        'd_F of the maps at t and at the point: ||A - A*||_F / sqrt(||A||_F ||A*||_F), estimated with random probes.',
    },
    RUN_ID_COLUMN,
  ],
};
