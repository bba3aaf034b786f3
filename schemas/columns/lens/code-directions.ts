// code_directions.parquet: ends of components of codes and of activations, with how pure they are.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';
import { LAYER_ID } from './paths.ts';

export const CODE_DIRECTIONS_TABLE: TableDef = {
  name: 'code_directions',
  path: 'code_directions.parquet',
  order: 'model, layer_id, method, component, end',
  description:
    'One row per component and end: the points that have most (or least) of it, and their labels. NMF has no lower end.',
  columns: [
    MODEL_COLUMN,
    LAYER_ID,
    { name: 'span', type: 'utf8', unit: '', nullable: false, description: "The tap's name." },
    {
      name: 'method',
      type: 'utf8',
      unit: 'code_pca | code_nmf | act_pca | act_nmf | neuron | random_direction',
      nullable: false,
      description:
        'Principal components and (Bernoulli) NMF of the bits and of the activations; single neurons and random directions beside them.',
    },
    {
      name: 'component',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Number within the method, by descending share of the data; neurons by channel.',
    },
    {
      name: 'end',
      type: 'utf8',
      unit: 'top | bottom',
      nullable: false,
      description: 'Which end of the component.',
    },
    {
      name: 'point_ids',
      type: 'list<int32>',
      unit: 'points table; text: sample x context tokens + token',
      nullable: false,
      description: 'The points, furthest first.',
    },
    {
      name: 'purity',
      type: 'float32',
      unit: 'fraction',
      nullable: true,
      description: 'Share of the commonest label; null without labels.',
    },
    {
      name: 'entropy_bits',
      type: 'float32',
      unit: 'bits',
      nullable: true,
      description: 'Entropy of the labels.',
    },
    {
      name: 'eff_classes',
      type: 'float32',
      unit: 'classes',
      nullable: true,
      description: '2 to the entropy.',
    },
    {
      name: 'top_label',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'The commonest label, the lowest of equals.',
    },
    RUN_ID_COLUMN,
  ],
};
