// layers.parquet: one row per tap, then one per network span.

import { RUN_ID_COLUMN } from './column.ts';
import type { ColumnDef, TableDef } from './column.ts';

/** What the codes of one tap, or of all together, look like over the points. */
export const CODE_STATISTICS: readonly ColumnDef[] = [
  {
    name: 'dead_units',
    type: 'int32',
    unit: 'units',
    nullable: true,
    description: 'Units that are never on.',
  },
  {
    name: 'always_on_units',
    type: 'int32',
    unit: 'units',
    nullable: true,
    description: 'Units that are on for every point.',
  },
  {
    name: 'soft_fraction',
    type: 'float32',
    unit: 'fraction',
    nullable: true,
    description: 'Share of pre-activations with |z| < 2; null where the activation is piecewise linear.',
  },
  {
    name: 'h_ind_bits',
    type: 'float64',
    unit: 'bits',
    nullable: true,
    description: "Sum of the units' entropies: upper bound on the code entropy.",
  },
  {
    name: 'h_code_bits',
    type: 'float64',
    unit: 'bits',
    nullable: true,
    description: 'Plug-in entropy of the code; null where the span is not recorded.',
  },
  {
    name: 'h_code_corrected_bits',
    type: 'float64',
    unit: 'bits',
    nullable: true,
    description: 'The same with the Miller-Madow correction; not to be trusted where occupancy > 0.5.',
  },
  {
    name: 'occupancy',
    type: 'float32',
    unit: 'fraction',
    nullable: true,
    description: 'Distinct codes over points.',
  },
  {
    name: 'participation_ratio',
    type: 'float32',
    unit: 'dimensions',
    nullable: true,
    description:
      '(tr C)^2 / tr C^2 of the bit covariance C, on a seeded sample of at most 1,000 points; null for wide spans.',
  },
  {
    name: 'two_nn_dim',
    type: 'float32',
    unit: 'dimensions',
    nullable: true,
    description:
      'Two-nearest-neighbour intrinsic dimension in Hamming distance, on the same sample; ties are spread evenly.',
  },
];

export const LAYERS_TABLE: TableDef = {
  name: 'layers',
  path: 'layers.parquet',
  order: 'layer_id: taps in layer order, then network spans',
  description: 'Geometry and code statistics of every tap, and of all taps together (kind `network`).',
  columns: [
    {
      name: 'layer_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Number of the tap; network spans follow the taps.',
    },
    {
      name: 'name',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: "The pre-activation's tensor name: the `span` of the regions table.",
    },
    {
      name: 'kind',
      type: 'utf8',
      unit: 'dense | conv | pool | mlp_block | network',
      nullable: false,
      description: 'What the tap is.',
    },
    {
      name: 'channels',
      type: 'int32',
      unit: 'channels',
      nullable: true,
      description: 'Null for network spans.',
    },
    {
      name: 'height',
      type: 'int32',
      unit: 'positions',
      nullable: true,
      description: 'Null for network spans.',
    },
    {
      name: 'width',
      type: 'int32',
      unit: 'positions',
      nullable: true,
      description: 'Null for network spans.',
    },
    {
      name: 'n_bits',
      type: 'int32',
      unit: 'bits',
      nullable: false,
      description: 'Bits of one code, without padding.',
    },
    {
      name: 'bit_offset',
      type: 'int32',
      unit: 'bits',
      nullable: false,
      description: 'Where the tap starts in the words of its network span, padding included.',
    },
    {
      name: 'activation',
      type: 'utf8',
      unit: '',
      nullable: true,
      description: 'The activation function behind the tap.',
    },
    ...CODE_STATISTICS,
    RUN_ID_COLUMN,
  ],
};
