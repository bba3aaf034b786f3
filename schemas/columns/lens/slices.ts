// slices.parquet, slice_polygons/ and slice_edges/: the exact partition of planes.

import type { ColumnDef, TableDef } from '../column.ts';
import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';

/** First columns of every table about slices. */
export const SLICE_KEY: readonly ColumnDef[] = [
  MODEL_COLUMN,
  {
    name: 'slice_id',
    type: 'utf8',
    unit: '',
    nullable: false,
    description: 'Name of the plane in the plan; the same plane has it in every model.',
  },
];

export const SLICES_TABLE: TableDef = {
  name: 'slices',
  path: 'slices.parquet',
  order: 'model, slice_id',
  description: 'One row per plane and model: where the plane lies, and what its partition comes to.',
  columns: [
    ...SLICE_KEY,
    {
      name: 'space',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: 'Where the plane lies: input, or a tensor.',
    },
    {
      name: 'start_layer',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'First tap that is counted.',
    },
    {
      name: 'point_ids',
      type: 'list<int32>',
      unit: '',
      nullable: false,
      description: 'The three points that the plane goes through (points table); empty without.',
    },
    {
      name: 'anchors',
      type: 'list<float64>',
      unit: 'plane coordinates',
      nullable: false,
      description: 'x and y of these points.',
    },
    {
      name: 'x0',
      type: 'float64',
      unit: 'plane coordinates',
      nullable: false,
      description: 'Left side of the box. Distances in the plane are those of the space.',
    },
    {
      name: 'y0',
      type: 'float64',
      unit: 'plane coordinates',
      nullable: false,
      description: 'Lower side of the box.',
    },
    {
      name: 'x1',
      type: 'float64',
      unit: 'plane coordinates',
      nullable: false,
      description: 'Right side of the box.',
    },
    {
      name: 'y1',
      type: 'float64',
      unit: 'plane coordinates',
      nullable: false,
      description: 'Upper side of the box.',
    },
    {
      name: 'n_polygons',
      type: 'int32',
      unit: 'polygons',
      nullable: false,
      description: 'Pieces on which the net is affine and every bit constant.',
    },
    {
      name: 'n_codes',
      type: 'int32',
      unit: 'codes',
      nullable: false,
      description: 'Distinct codes; fewer than polygons where max-pools or Clip bend without a flip.',
    },
    {
      name: 'n_slivers',
      type: 'int32',
      unit: 'polygons',
      nullable: false,
      description: 'Pieces smaller than 1e-14 of the box, which are left out.',
    },
    {
      name: 'n_classes',
      type: 'int32',
      unit: 'classes',
      nullable: true,
      description: 'Distinct classes of polygons; null without logits.',
    },
    {
      name: 'boundary_length',
      type: 'float64',
      unit: 'plane units',
      nullable: false,
      description: 'Length of all edges inside the box.',
    },
    {
      name: 'decision_length',
      type: 'float64',
      unit: 'plane units',
      nullable: true,
      description: 'Length of the decision boundary; null without logits.',
    },
    RUN_ID_COLUMN,
  ],
};

export const SLICE_POLYGONS_TABLE: TableDef = {
  name: 'slice_polygons',
  path: 'slice_polygons/',
  order: 'model, slice_id, polygon_id',
  description: 'One row per polygon of a plane: within it every bit is constant and the net affine.',
  columns: [
    ...SLICE_KEY,
    { name: 'polygon_id', type: 'int32', unit: '', nullable: false, description: 'From 0 within its slice.' },
    {
      name: 'digest',
      type: 'fixed[16]',
      unit: '128-bit hash of span and words',
      nullable: false,
      description: 'Code of all taps behind the start (max-pools left out), as regions name it.',
    },
    {
      name: 'n_vertices',
      type: 'int16',
      unit: 'vertices',
      nullable: false,
      description: 'Corners, and points where a neighbour has one.',
    },
    {
      name: 'xy',
      type: 'list<float64>',
      unit: 'plane coordinates',
      nullable: false,
      description: 'x and y of every vertex, anticlockwise.',
    },
    {
      name: 'area',
      type: 'float64',
      unit: 'plane units squared',
      nullable: false,
      description: 'Area of the polygon.',
    },
    {
      name: 'pred_class',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'Class at the polygon’s mean vertex; null without logits.',
    },
    {
      name: 'jac_fro',
      type: 'float32',
      unit: 'logits per plane unit',
      nullable: true,
      description: 'Frobenius norm of the affine map from the plane to the logits; null without logits.',
    },
    RUN_ID_COLUMN,
  ],
};

export const SLICE_EDGES_TABLE: TableDef = {
  name: 'slice_edges',
  path: 'slice_edges/',
  order: 'model, slice_id, then by mesh',
  description:
    'Boundaries between polygons, the edge of the plane, and the decision boundary between classes.',
  columns: [
    ...SLICE_KEY,
    { name: 'x0', type: 'float64', unit: 'plane coordinates', nullable: false, description: 'First end.' },
    { name: 'y0', type: 'float64', unit: 'plane coordinates', nullable: false, description: 'First end.' },
    { name: 'x1', type: 'float64', unit: 'plane coordinates', nullable: false, description: 'Second end.' },
    { name: 'y1', type: 'float64', unit: 'plane coordinates', nullable: false, description: 'Second end.' },
    {
      name: 'layer_id',
      type: 'int32',
      unit: '',
      nullable: false,
      description:
        'Tap whose unit changes; -1 on the sides of the box, -2 between two classes, -3 where model.taps leaves the tap out.',
    },
    {
      name: 'unit',
      type: 'int32',
      unit: 'bit of the code',
      nullable: false,
      description: 'Unit of the tap (window of a max-pool); -1 where there is none.',
    },
    {
      name: 'left',
      type: 'int32',
      unit: 'polygon_id',
      nullable: false,
      description: 'Polygon on the left on the way from the first end; -2 where a sliver was left out.',
    },
    {
      name: 'right',
      type: 'int32',
      unit: 'polygon_id',
      nullable: false,
      description:
        'Polygon on the right; -1 outside the box, -2 where a sliver was left out. On a decision boundary it is the left one.',
    },
    {
      name: 'class_left',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'On a decision boundary the class on its left, else null.',
    },
    {
      name: 'class_right',
      type: 'int32',
      unit: 'class id',
      nullable: true,
      description: 'On a decision boundary the class on its right, else null.',
    },
    RUN_ID_COLUMN,
  ],
};
