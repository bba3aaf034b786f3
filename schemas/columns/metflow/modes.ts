// modes.parquet: where a target's modes are known, how long the chains stayed in each.

import { number, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

export const MODES_TABLE: TableDef = {
  name: 'modes',
  path: 'modes.parquet',
  order: 'mode',
  description: 'One row per known mode of the target; no row where none is known.',
  columns: [
    { name: 'mode', type: 'int32', unit: '', nullable: false, description: 'Mode, from 0.' },
    {
      name: 'centre',
      type: 'list<float64>',
      unit: '',
      nullable: false,
      description: 'Its centre, one entry per coordinate.',
    },
    number('weight', 'probability', 'Its known mass.'),
    number('mass', 'probability', 'Estimated mass: share of draws nearest to this centre.'),
    number('mass_error', 'probability', 'Estimated mass less the known one.'),
    number('mass_se', 'probability', 'Standard error of the mass; NaN where the indicator never changes.'),
    number('ess', 'draws', 'Effective sample size of the indicator.'),
    number('inside_share', '', 'Share of all draws within the radius that holds 99 % of the mode.'),
    {
      name: 'visited',
      type: 'bool',
      unit: '',
      nullable: false,
      description: 'Whether that share is above a tenth of the known mass.',
    },
    RUN_ID_COLUMN,
  ],
};
