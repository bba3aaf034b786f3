// kernel_health.parquet: how each kernel of the sampler fared.

import { number, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

function whole(name: string, unit: string, description: string): ColumnDef {
  return { name, type: 'int64', unit, nullable: false, description };
}

export const KERNEL_HEALTH_TABLE: TableDef = {
  name: 'kernel_health',
  path: 'kernel_health.parquet',
  order: 'place',
  description: 'One row per kernel of a sweep, over all chains and recorded sweeps.',
  columns: [
    { name: 'place', type: 'int32', unit: '', nullable: false, description: 'Place in the sweep, from 0.' },
    { name: 'kernel', type: 'utf8', unit: '', nullable: false, description: 'Kind of kernel.' },
    whole('steps', 'steps', 'Steps of all chains together.'),
    number('accepted_share', '', 'Share of steps that moved the chain.'),
    number('mean_acceptance', '', 'Mean probability of acceptance.'),
    number('backward_share', '', 'Share of moves by the inverse map.'),
    number('forward_share', '', 'Share of moves forward.'),
    number('squared_jump', '', 'Expected squared jump of a step.'),
    number('squared_jump_per_dimension', '', 'The same, divided by the dimension.'),
    number('mean_log_ratio', 'nats', 'Mean of the finite log Metropolis ratios; NUTS: of its energy errors.'),
    number('sd_log_ratio', 'nats', 'Their standard deviation.'),
    whole('diverged', 'steps', 'Steps with a density that is not a number, or an energy error above 1000.'),
    whole('evaluations', '', 'Evaluations of the target.'),
    whole('longest_rejection_run', 'steps', 'Most rejections of a chain in a row; above 100 it is stuck.'),
    RUN_ID_COLUMN,
  ],
};
