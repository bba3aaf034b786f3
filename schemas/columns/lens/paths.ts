// paths.parquet and path_layers.parquet: how many boundaries lie on a path, in all and per tap.

import type { ColumnDef, TableDef } from '../column.ts';
import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';

/** First columns of every table about paths: together they name a path. */
export const PATH_KEY: readonly ColumnDef[] = [
  MODEL_COLUMN,
  {
    name: 'path_id',
    type: 'int32',
    unit: '',
    nullable: false,
    description: 'Number of the path in the plan; the same path has it in every model.',
  },
];

/** A tap, or a max-pool: pools are numbered behind the taps. */
export const LAYER_ID: ColumnDef = {
  name: 'layer_id',
  type: 'int32',
  unit: '',
  nullable: false,
  description: 'The tap (layers table); max-pools are numbered behind the taps.',
};

export const PATHS_TABLE: TableDef = {
  name: 'paths',
  path: 'paths.parquet',
  order: 'model, path_id',
  description:
    'One row per path and model: boundaries between its ends and on the way. Max-pools do not count.',
  columns: [
    ...PATH_KEY,
    { name: 'experiment', type: 'utf8', unit: '', nullable: false, description: 'What drew the path.' },
    {
      name: 'kind',
      type: 'utf8',
      unit: 'lerp | slerp | ray | adversarial | gaussian | token',
      nullable: false,
      description: 'Shape of the path, or where its direction comes from.',
    },
    {
      name: 'point_a',
      type: 'int32',
      unit: '',
      nullable: true,
      description: 'Point at the start (points table).',
    },
    {
      name: 'point_b',
      type: 'int32',
      unit: '',
      nullable: true,
      description: 'Point at the end; null where the end is no point of the data set.',
    },
    {
      name: 'same_class',
      type: 'bool',
      unit: '',
      nullable: true,
      description: 'Whether both ends have one label; null without labels.',
    },
    {
      name: 'start_layer',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'First tap that is counted: the path lies before it.',
    },
    {
      name: 'end_layer',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'Last tap that is counted.',
    },
    {
      name: 'length',
      type: 'float64',
      unit: 'of the start space',
      nullable: false,
      description: 'Length of the path (of its chords, for curves).',
    },
    {
      name: 'angle_rad',
      type: 'float64',
      unit: 'rad',
      nullable: true,
      description: 'Angle between the ends at the origin; null where one is the origin.',
    },
    {
      name: 'norm_a',
      type: 'float64',
      unit: 'of the start space',
      nullable: false,
      description: 'L2 norm of the start.',
    },
    {
      name: 'norm_b',
      type: 'float64',
      unit: 'of the start space',
      nullable: false,
      description: 'L2 norm of the end.',
    },
    {
      name: 'hamming',
      type: 'int32',
      unit: 'bits',
      nullable: false,
      description: 'Bits in which the codes of the ends differ.',
    },
    { name: 'h_norm', type: 'float32', unit: 'fraction', nullable: false, description: 'hamming over bits.' },
    {
      name: 'crossings',
      type: 'int64',
      unit: 'bit flips',
      nullable: true,
      description: 'Boundaries crossed on the way; a lower bound where not exact, null where not solved.',
    },
    {
      name: 'events',
      type: 'int64',
      unit: 'places',
      nullable: true,
      description: 'Distinct places of the crossings: regions less one.',
    },
    {
      name: 'rho_h',
      type: 'float64',
      unit: 'bits per unit of length',
      nullable: false,
      description: 'hamming over the distance of the ends.',
    },
    {
      name: 'rho_x',
      type: 'float64',
      unit: 'crossings per unit of length',
      nullable: true,
      description: 'crossings over length.',
    },
    {
      name: 'soft_dist',
      type: 'float64',
      unit: 'soft bits',
      nullable: true,
      description: 'Sum of |Φ(z_a) - Φ(z_b)|; null where every activation is piecewise linear.',
    },
    {
      name: 'null_h_norm',
      type: 'float32',
      unit: 'fraction',
      nullable: true,
      description: 'h_norm expected from the angle alone: wide layers of Gaussian weights without biases.',
    },
    {
      name: 'exact',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'False where codes were only sampled: then crossings and events are lower bounds.',
    },
    {
      name: 'n_samples',
      type: 'int32',
      unit: 'points',
      nullable: false,
      description: 'Points at which codes were sampled; 0 where exact.',
    },
    RUN_ID_COLUMN,
  ],
};

export const PATH_LAYERS_TABLE: TableDef = {
  name: 'path_layers',
  path: 'path_layers.parquet',
  order: 'model, path_id, layer_id',
  description:
    'One row per path, model and tap behind the start, max-pools included (their symbols count as bits).',
  columns: [
    ...PATH_KEY,
    LAYER_ID,
    {
      name: 'crossings',
      type: 'int64',
      unit: 'bit flips',
      nullable: true,
      description: 'Boundaries of the tap that are crossed; null where not solved.',
    },
    {
      name: 'hamming',
      type: 'int32',
      unit: 'bits',
      nullable: false,
      description: 'Bits of the tap in which the ends differ.',
    },
    {
      name: 'h_norm',
      type: 'float32',
      unit: 'fraction',
      nullable: false,
      description: 'hamming over bits of the tap.',
    },
    {
      name: 'null_h_norm',
      type: 'float32',
      unit: 'fraction',
      nullable: true,
      description: 'Expected from the angle at the start after as many Gaussian layers; null for max-pools.',
    },
    {
      name: 'soft_dist',
      type: 'float64',
      unit: 'soft bits',
      nullable: true,
      description: 'Sum of |Φ(z_a) - Φ(z_b)|; null where the activation is piecewise linear.',
    },
    {
      name: 'trajectory_ratio',
      type: 'float64',
      unit: '',
      nullable: true,
      description:
        "Length of the path's image behind the activation over its length at the start (Raghu et al. 2017); null where not exact.",
    },
    RUN_ID_COLUMN,
  ],
};
