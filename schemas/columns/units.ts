// units.parquet: one row per unit of every tap.

import { RUN_ID_COLUMN } from './column.ts';
import type { TableDef } from './column.ts';

export const UNITS_TABLE: TableDef = {
  name: 'units',
  path: 'units.parquet',
  order: 'layer_id, unit',
  description: 'Bit rate and label information of every unit.',
  columns: [
    { name: 'layer_id', type: 'int32', unit: '', nullable: false, description: 'Number of the tap.' },
    {
      name: 'unit',
      type: 'int32',
      unit: 'bit of the code',
      nullable: false,
      description: 'Bit j of the tap.',
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
      description: 'Null for dense taps and per-position codes.',
    },
    {
      name: 'x',
      type: 'int16',
      unit: 'column of the conv grid',
      nullable: true,
      description: 'Null for dense taps and per-position codes.',
    },
    {
      name: 'rate',
      type: 'float32',
      unit: 'fraction of rows',
      nullable: false,
      description: 'How often the unit is on.',
    },
    { name: 'dead', type: 'bool', unit: '', nullable: false, description: 'Never on.' },
    { name: 'always_on', type: 'bool', unit: '', nullable: false, description: 'On for every row.' },
    {
      name: 'mutual_information_bits',
      type: 'float32',
      unit: 'bits',
      nullable: true,
      description: 'Plug-in mutual information of bit and label over labelled rows; null without labels.',
    },
    { name: 'n', type: 'int64', unit: 'rows', nullable: false, description: 'Code rows behind the rate.' },
    RUN_ID_COLUMN,
  ],
};
