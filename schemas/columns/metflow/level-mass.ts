// level_mass.parquet: the mass of a rare region by nested levels, where the target has levels.

import { numberOrNull, RUN_ID_COLUMN, type TableDef } from '../column.ts';

export const LEVEL_MASS_TABLE: TableDef = {
  name: 'level_mass',
  path: 'level_mass.parquet',
  order: 'level',
  description:
    'One row per level of a rare region, the last of which is the region itself; no row where the target has no levels.',
  columns: [
    { name: 'level', type: 'int32', unit: '', nullable: false, description: 'Level, from 1.' },
    {
      name: 'units',
      type: 'int32',
      unit: 'units',
      nullable: false,
      description:
        'Units of the code that it fixes; as many as the level before where it only draws walls of further units nearer.',
    },
    numberOrNull(
      'share',
      'probability',
      'Share of the draws of the level before that lie in it: P(L_j | L_{j-1}).',
    ),
    numberOrNull('share_se', 'probability', 'Its standard error; null where it is not defined.'),
    numberOrNull('ess', 'draws', "Effective sample size of the level's indicator."),
    {
      name: 'reliable',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'Whether every chain enters and leaves the level, with 50 effective draws.',
    },
    numberOrNull(
      'log_mass',
      'nats',
      'Logarithm of the mass of the level, the product of the shares so far; null for none.',
    ),
    numberOrNull(
      'log_mass_se',
      'nats',
      "Its standard error, the mass's relative one: relative variances add.",
    ),
    numberOrNull('ci_low', 'probability', 'Lower end of the 95 % interval of the mass.'),
    numberOrNull('ci_high', 'probability', 'Upper end.'),
    RUN_ID_COLUMN,
  ],
};
