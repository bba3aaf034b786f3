// regions/ of the slice experiment: the codes of a plane.

import { RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';
import { SLICE_KEY } from './slices.ts';

export const SLICE_REGIONS_TABLE: TableDef = {
  name: 'regions',
  path: 'regions/',
  order: 'model, slice_id, first polygon',
  description:
    'One row per code of a plane: its polygons together. Several where a max-pool or a clip bends.',
  columns: [
    ...SLICE_KEY,
    {
      name: 'span_start',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'Layer before the plane: -1 for the input.',
    },
    {
      name: 'span_end',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'Last layer of the code.',
    },
    {
      name: 'digest',
      type: 'fixed[16]',
      unit: '128-bit hash of span and words',
      nullable: false,
      description: 'The code, as in slice_polygons.',
    },
    { name: 'count', type: 'int32', unit: 'polygons', nullable: false, description: 'Polygons of the code.' },
    {
      name: 'class_ids',
      type: 'list<int32>',
      unit: 'class id',
      nullable: true,
      description: 'Classes of the polygons, ascending; null without logits.',
    },
    {
      name: 'class_counts',
      type: 'list<int32>',
      unit: 'polygons',
      nullable: true,
      description: 'Polygons of each of them.',
    },
    {
      name: 'n_neighbors_h1',
      type: 'int32',
      unit: 'regions',
      nullable: true,
      description:
        'Other regions of the plane whose code differs in one bit; null where bits times regions exceed 2^25.',
    },
    {
      name: 'area',
      type: 'float64',
      unit: 'plane units squared',
      nullable: false,
      description: 'Area of all of its polygons.',
    },
    {
      name: 'jac_fro',
      type: 'float32',
      unit: 'logits per plane unit',
      nullable: true,
      description: 'Mean of the polygons’ jac_fro, weighted by area; null without logits.',
    },
    RUN_ID_COLUMN,
  ],
};
