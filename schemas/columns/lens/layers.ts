// layers.parquet of an experiment: the taps, then the max-pools.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';
import { CODE_STATISTICS } from '../layers.ts';

export const LENS_LAYERS_TABLE: TableDef = {
  name: 'layers',
  path: 'layers.parquet',
  order: 'model, layer_id',
  description:
    'Geometry of every tap, in layer order, and of every max-pool behind them. Statistics of the codes are over the points of the run; null for max-pools, and where a run has no points of a data set.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'layer_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Number of the tap; max-pools are numbered behind the taps.',
    },
    {
      name: 'name',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: "The pre-activation's tensor name.",
    },
    {
      name: 'kind',
      type: 'utf8',
      unit: 'dense | conv | pool | mlp_block',
      nullable: false,
      description: 'What the tap is.',
    },
    {
      name: 'channels',
      type: 'int32',
      unit: 'channels',
      nullable: false,
      description: 'Channels (or neurons).',
    },
    { name: 'height', type: 'int32', unit: 'positions', nullable: false, description: '1 for dense taps.' },
    { name: 'width', type: 'int32', unit: 'positions', nullable: false, description: '1 for dense taps.' },
    {
      name: 'n_bits',
      type: 'int32',
      unit: 'bits',
      nullable: false,
      description: 'Bits of one code, without padding; windows of a max-pool.',
    },
    {
      name: 'bit_offset',
      type: 'int32',
      unit: 'bits',
      nullable: true,
      description:
        'Where the tap starts in the words of all taps together, padding included; null for max-pools.',
    },
    {
      name: 'activation',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'The activation function behind the tap.',
    },
    {
      name: 'exact',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'True where the activation is piecewise linear.',
    },
    ...CODE_STATISTICS,
    {
      name: 'relu_gap',
      type: 'float32',
      unit: 'of the pre-activation',
      nullable: true,
      description: 'Mean |gelu(z) - relu(z)|, at most 0.17; null where the activation is piecewise linear.',
    },
    RUN_ID_COLUMN,
  ],
};
