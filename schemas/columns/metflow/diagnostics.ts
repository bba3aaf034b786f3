// diagnostics.parquet: what the chains say of each parameter, and how far to trust it.

import { number, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

export const DIAGNOSTICS_TABLE: TableDef = {
  name: 'diagnostics',
  path: 'diagnostics.parquet',
  order: 'coordinates, log density, modes',
  description: 'One row per parameter, over all chains and draws. NaN where a figure is not defined.',
  columns: [
    {
      name: 'parameter',
      type: 'utf8',
      unit: '',
      nullable: false,
      description:
        '`z[0]` and so on, `log_density`, and where modes are known `mode[0]` and so on: whether it is the nearest.',
    },
    number('mean', '', 'Mean of the draws.'),
    number('sd', '', 'Standard deviation of the draws.'),
    number('mcse_mean', '', 'Monte Carlo standard error of the mean.'),
    number('ess_bulk', 'draws', 'Effective sample size of the centre (normal scores of ranks).'),
    number('ess_tail', 'draws', 'The smaller one of those of the 5 % and the 95 % quantile.'),
    number('r_hat', '', 'Rank-normalised split R-hat; above 1.01 the chains have not mixed.'),
    RUN_ID_COLUMN,
  ],
};
