// draws/: the recorded states of all chains.

import { RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

/** Columns of a draw, without the run's id. */
export const DRAW_COLUMNS: readonly ColumnDef[] = [
  { name: 'chain', type: 'int32', unit: '', nullable: false, description: 'Chain, from 0.' },
  {
    name: 'draw',
    type: 'int64',
    unit: '',
    nullable: false,
    description: 'Number of the draw within its chain, from 0, behind the warm-up.',
  },
  {
    name: 'z',
    type: 'list<float64>',
    unit: '',
    nullable: false,
    description: 'The state, one entry per coordinate of the target.',
  },
  {
    name: 'log_density',
    type: 'float64',
    unit: 'nats',
    nullable: false,
    description: 'Log density of the target there, unnormalised.',
  },
  {
    name: 'kernel',
    type: 'dictionary<int32,utf8>',
    unit: '',
    nullable: false,
    description:
      'Kernel that moved the chain last since the draw before; the last one tried where none moved it.',
  },
  {
    name: 'accepted',
    type: 'bool',
    unit: '',
    nullable: false,
    description: 'Whether any kernel moved the chain since the draw before.',
  },
  {
    name: 'direction',
    type: 'int8',
    unit: '-1 | 0 | 1',
    nullable: false,
    description: 'Direction of that last move: 1, -1 for an inverse map, 0 for none.',
  },
  {
    name: 'jump',
    type: 'float32',
    unit: '',
    nullable: false,
    description: 'Distance from the draw before, or from the end of the warm-up.',
  },
  {
    name: 'digest',
    type: 'fixed[16]',
    unit: '',
    nullable: true,
    description:
      'Spline code of the draw in the model, as in the regions table of a sweep; null without a model.',
  },
];

export const DRAWS_TABLE: TableDef = {
  name: 'draws',
  path: 'draws/',
  order: 'one part per segment and group of chains, named by its draws; inside by chain and draw',
  description:
    'One row per chain and draw. A part is final as soon as it is there, also while the run goes on.',
  columns: [...DRAW_COLUMNS, RUN_ID_COLUMN],
};
