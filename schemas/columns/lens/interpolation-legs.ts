// interpolation_legs.parquet: the density along each leg of a chain, and where the model changes its mind.

import type { TableDef } from '../column.ts';
import { RUN_ID_COLUMN } from '../column.ts';
import { PATH_KEY } from './paths.ts';

export const INTERPOLATION_LEGS_TABLE: TableDef = {
  name: 'interpolation_legs',
  path: 'interpolation_legs.parquet',
  order: 'model, path_id',
  description:
    'One row per leg, track and model: the curve that the claims of the interpolation experiment are about.',
  columns: [
    ...PATH_KEY,
    { name: 'chain', type: 'int32', unit: '', nullable: false, description: 'Chain of images, from 0.' },
    { name: 'leg', type: 'int32', unit: '', nullable: false, description: 'Leg of the chain, from 0.' },
    {
      name: 'chain_kind',
      type: 'utf8',
      unit: 'between | within',
      nullable: false,
      description: 'Through images of different classes, or of one class.',
    },
    {
      name: 'space',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'Start space that the leg lies in.',
    },
    {
      name: 'curve',
      type: 'utf8',
      unit: 'lerp | slerp',
      nullable: false,
      description: 'Straight line, or arc with interpolated norm; arcs of less than 1e-4 rad are lines.',
    },
    {
      name: 'length',
      type: 'float64',
      unit: 'of the start space',
      nullable: false,
      description: 'Length of the leg.',
    },
    {
      name: 'class_changes',
      type: 'list<float64>',
      unit: 'fraction of the leg, 0 to 1',
      nullable: false,
      description:
        'Where the largest logit changes, ascending; exact, or within 1e-6 where codes are sampled.',
    },
    {
      name: 'density',
      type: 'list<float64>',
      unit: 'crossings per unit of length',
      nullable: false,
      description: 'Mean density of all layers in bins of equal width in t; max-pools do not count.',
    },
    RUN_ID_COLUMN,
  ],
};
