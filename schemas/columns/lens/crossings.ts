// crossings/ and crossing_bins.parquet: where on a path its boundaries lie.

import type { TableDef } from '../column.ts';
import { RUN_ID_COLUMN } from '../column.ts';
import { LAYER_ID, PATH_KEY } from './paths.ts';

export const CROSSINGS_TABLE: TableDef = {
  name: 'crossings',
  path: 'crossings/',
  order: 'model, path_id, t, layer_id, unit',
  description: 'One row per crossing, where the config asks for them.',
  columns: [
    ...PATH_KEY,
    {
      name: 'event_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Place on the path, from 0: flips less than 1e-12 apart in t share it.',
    },
    {
      name: 't',
      type: 'float64',
      unit: 'fraction of the path, 0 to 1',
      nullable: false,
      description: 'Parameter at the crossing.',
    },
    LAYER_ID,
    {
      name: 'unit',
      type: 'int32',
      unit: 'bit of the code',
      nullable: false,
      description: 'Bit j of the tap; window of a max-pool.',
    },
    {
      name: 'channel',
      type: 'int32',
      unit: 'channel',
      nullable: false,
      description: 'Channel (or neuron) of the unit.',
    },
    {
      name: 'y',
      type: 'int16',
      unit: 'row of the conv grid',
      nullable: true,
      description: 'Null for dense taps.',
    },
    {
      name: 'x',
      type: 'int16',
      unit: 'column of the conv grid',
      nullable: true,
      description: 'Null for dense taps.',
    },
    {
      name: 'kind',
      type: 'utf8',
      unit: 'relu | pool',
      nullable: false,
      description: 'A bit flips, or the winner of a max-pool window changes.',
    },
    {
      name: 'to_on',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'Whether the bit (the winner, for pools) is positive behind the crossing.',
    },
    RUN_ID_COLUMN,
  ],
};

export const CROSSING_BINS_TABLE: TableDef = {
  name: 'crossing_bins',
  path: 'crossing_bins.parquet',
  order: 'model, path_id, layer_id, bin',
  description: 'Crossings per path and tap in bins of equal width in t; bins without crossings are rows too.',
  columns: [
    ...PATH_KEY,
    LAYER_ID,
    { name: 'bin', type: 'int16', unit: '', nullable: false, description: 'From 0.' },
    {
      name: 't_low',
      type: 'float32',
      unit: 'fraction of the path',
      nullable: false,
      description: 'Bound that belongs to the bin.',
    },
    {
      name: 't_high',
      type: 'float32',
      unit: 'fraction of the path',
      nullable: false,
      description: 'Bound that belongs to the next bin.',
    },
    {
      name: 'crossings',
      type: 'int32',
      unit: 'crossings',
      nullable: false,
      description: 'Flips of the tap (symbol changes of a max-pool) in the bin.',
    },
    {
      name: 'density',
      type: 'float64',
      unit: 'crossings per unit of length',
      nullable: false,
      description: 'crossings over the arc length of the bin.',
    },
    RUN_ID_COLUMN,
  ],
};
