// local_complexity.parquet and region_geometry/: boundaries around points, and the regions that points lie in.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

const LAYER_ID: ColumnDef = {
  name: 'layer_id',
  type: 'int32',
  unit: 'layer_id',
  nullable: false,
  description: 'The tap (layers table).',
};

export const LOCAL_COMPLEXITY_TABLE: TableDef = {
  name: 'local_complexity',
  path: 'local_complexity.parquet',
  order: 'model, split, point_id, radius, layer_id',
  description:
    'Units with a boundary through a cross-polytope around a point: exact for the first layer, a lower bound behind it.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'point_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description: 'Sample of the data set; for random points the number of the draw.',
    },
    LAYER_ID,
    {
      name: 'radius',
      type: 'float32',
      unit: 'of the model input',
      nullable: false,
      description: 'Of the vertices.',
    },
    {
      name: 'n_vertices',
      type: 'int32',
      unit: 'points',
      nullable: false,
      description: 'Two per direction; the point itself is none.',
    },
    {
      name: 'crossing_units',
      type: 'int32',
      unit: 'units',
      nullable: false,
      description: 'Units whose bit differs between any vertex and the first.',
    },
    {
      name: 'fraction',
      type: 'float32',
      unit: 'fraction',
      nullable: false,
      description: 'crossing_units over the units of the tap.',
    },
    {
      name: 'split',
      type: 'utf8',
      unit: 'train | test | random',
      nullable: false,
      description: 'Part of the data set, or uniform in the box that holds the measured samples.',
    },
    {
      name: 'checkpoint',
      type: 'int64',
      unit: 'step',
      nullable: true,
      description: 'Null: a run measures one model file. Kept for tables that join several.',
    },
    RUN_ID_COLUMN,
  ],
};

export const REGION_GEOMETRY_TABLE: TableDef = {
  name: 'region_geometry',
  path: 'region_geometry/',
  order: 'model, layer_id, count descending, first_point_id',
  description: 'Regions (level sets of one tap) that a sample of the data visits, with where they lie.',
  columns: [
    MODEL_COLUMN,
    LAYER_ID,
    {
      name: 'digest',
      type: 'fixed[16]',
      unit: '128-bit hash of span and words',
      nullable: false,
      description: "Names the code, as a sweep's regions table does.",
    },
    {
      name: 'count',
      type: 'int32',
      unit: 'points',
      nullable: false,
      description: 'Points of the sample in it.',
    },
    {
      name: 'first_point_id',
      type: 'int32',
      unit: 'sample of the data set',
      nullable: false,
      description: 'The smallest one.',
    },
    {
      name: 'class_ids',
      type: 'list<int32>',
      unit: 'class id',
      nullable: false,
      description: 'Labels of the points, ascending; empty without labels.',
    },
    {
      name: 'class_counts',
      type: 'list<int32>',
      unit: 'points',
      nullable: false,
      description: 'Points with each of them.',
    },
    {
      name: 'entropy_bits',
      type: 'float32',
      unit: 'bits',
      nullable: true,
      description: 'Entropy of the labels in the region; null without labels.',
    },
    {
      name: 'purity',
      type: 'float32',
      unit: 'fraction',
      nullable: true,
      description: 'Share of the most frequent label; null without labels.',
    },
    {
      name: 'centroid',
      type: 'list<float32>',
      unit: "of the tap's activations",
      nullable: true,
      description: 'Mean activation of the points; null for taps of more than 4,096 units.',
    },
    {
      name: 'var_mean',
      type: 'float32',
      unit: "of the tap's activations, squared",
      nullable: false,
      description: 'Mean over the units of the variance of the activations; 0 for a single point.',
    },
    {
      name: 'n_neighbors_h1',
      type: 'int32',
      unit: 'regions',
      nullable: false,
      description: 'Other regions of the table (same model and tap) whose code differs in one bit.',
    },
    {
      name: 'boundary_distance',
      type: 'float32',
      unit: 'of the model input',
      nullable: true,
      description:
        'Least distance of its points to a boundary of the first layer; null behind it, and for networks that are not piecewise linear.',
    },
    RUN_ID_COLUMN,
  ],
};
