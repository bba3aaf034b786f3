// densities.parquet: mean boundary density of pairs within and between classes, per model and span.

import type { TableDef } from '../column.ts';
import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';

export const DENSITIES_TABLE: TableDef = {
  name: 'densities',
  path: 'densities.parquet',
  order: 'model, span, measure, kind',
  description:
    'Mean boundary density of pairs, with 99 % intervals from resampling images: what the claims compare.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'span',
      type: 'utf8',
      unit: '',
      nullable: false,
      description:
        '`to_output from S`: all layers behind space S; `layer from S`: those up to the next space.',
    },
    {
      name: 'measure',
      type: 'utf8',
      unit: 'rho_h | rho_x | rho_h_matched | per_radian | above_null',
      nullable: false,
      description:
        'Differing bits per distance; crossings per distance; the same bits for pairs matched on distance and norms; bits per radian; share of bits above what the angle alone lets expect.',
    },
    {
      name: 'kind',
      type: 'utf8',
      unit: 'intra | inter',
      nullable: false,
      description: 'Pairs within one class, or between two.',
    },
    {
      name: 'mean',
      type: 'float64',
      unit: 'of the measure',
      nullable: true,
      description: 'Mean over pairs; null without any.',
    },
    {
      name: 'ci_low',
      type: 'float64',
      unit: 'of the measure',
      nullable: true,
      description: 'Low end of the 99 % bootstrap interval.',
    },
    {
      name: 'ci_high',
      type: 'float64',
      unit: 'of the measure',
      nullable: true,
      description: 'High end of the 99 % bootstrap interval.',
    },
    { name: 'pairs', type: 'int32', unit: 'pairs', nullable: false, description: 'Pairs behind the mean.' },
    {
      name: 'points',
      type: 'int32',
      unit: 'points',
      nullable: false,
      description: 'Different points that these pairs have as ends.',
    },
    RUN_ID_COLUMN,
  ],
};
