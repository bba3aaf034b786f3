// bounds.parquet: the trained path's bound beside that of a Gaussian of independent coordinates.

import { number, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

export const BOUNDS_TABLE: TableDef = {
  name: 'bounds',
  path: 'bounds.parquet',
  order: 'path, mean_field',
  description:
    'One row per trained law: its evidence lower bound on one large batch, under the whole target. No row where nothing is trained.',
  columns: [
    {
      name: 'law',
      type: 'utf8',
      unit: '',
      nullable: false,
      description:
        '`path`, the trained kernels; `mean_field`, a Gaussian of independent coordinates trained the same way.',
    },
    number('elbo', 'nats', 'The bound.'),
    number('elbo_se', 'nats', 'Its standard error over the paths.'),
    {
      name: 'paths',
      type: 'int64',
      unit: 'paths',
      nullable: false,
      description: 'Independent paths of the batch.',
    },
    {
      name: 'updates',
      type: 'int64',
      unit: 'updates',
      nullable: false,
      description: 'Updates of the training.',
    },
    number(
      'reverse_loss',
      'nats',
      'What the uniform law of the acceptances loses at least: K log 2 less the entropies of the mean acceptances; null for another law.',
      true,
    ),
    number(
      'log_z',
      'nats',
      'Log of the normalising constant, which no bound exceeds; null where it is not known.',
      true,
    ),
    RUN_ID_COLUMN,
  ],
};
