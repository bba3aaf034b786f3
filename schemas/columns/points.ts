// points/: one row per point. By `codes.keep`, `digest_<span>` or `words_<span>` columns follow, in span
// order.

import { RUN_ID_COLUMN } from './column.ts';
import type { ColumnDef, TableDef } from './column.ts';

const COLUMNS: readonly ColumnDef[] = [
  {
    name: 'point_id',
    type: 'int32',
    unit: 'row of the data set',
    nullable: false,
    description: 'Running number of the image, position or token, from 0.',
  },
  {
    name: 'source_id',
    type: 'utf8',
    unit: '',
    nullable: false,
    description: 'Where the point came from: file and row, or document.',
  },
  {
    name: 'label',
    type: 'int32',
    unit: 'class id',
    nullable: true,
    description: 'Class of the point; null without a label.',
  },
  {
    name: 'label_name',
    type: 'dictionary<int32,utf8>',
    unit: '',
    nullable: true,
    description: 'Name of the label, where the data set names its classes.',
  },
  {
    name: 'split',
    type: 'utf8',
    unit: '',
    nullable: true,
    description: 'Part of the data set; null for a sweep, which reads one part.',
  },
  {
    name: 'position_y',
    type: 'int16',
    unit: 'row of the conv grid',
    nullable: true,
    description: 'Spatial position; null for whole images and tokens.',
  },
  {
    name: 'position_x',
    type: 'int16',
    unit: 'column of the conv grid',
    nullable: true,
    description: 'Spatial position; null for whole images and tokens.',
  },
  {
    name: 'token_index',
    type: 'int32',
    unit: 'token within its document',
    nullable: true,
    description: 'Text only.',
  },
  { name: 'token_id', type: 'int32', unit: 'vocabulary id', nullable: true, description: 'Text only.' },
  {
    name: 'context',
    type: 'utf8',
    unit: '',
    nullable: true,
    description: 'Text only: the tokens around the point, itself between guillemets.',
  },
  {
    name: 'pred_class',
    type: 'int32',
    unit: 'class id',
    nullable: true,
    description: 'Argmax of the logits.',
  },
  {
    name: 'pred_prob',
    type: 'float32',
    unit: 'probability',
    nullable: true,
    description: 'Softmax probability of pred_class.',
  },
  {
    name: 'norm_start',
    type: 'float32',
    unit: 'L2 norm of the model input',
    nullable: true,
    description: 'Null for token ids.',
  },
  {
    name: 'n_ambiguous',
    type: 'int32',
    unit: 'bits',
    nullable: true,
    description: 'Bits that rounding could flip; null unless codes.countAmbiguous.',
  },
];

export const POINTS_TABLE: TableDef = {
  name: 'points',
  path: 'points/',
  order: 'point_id',
  description: 'One row per point; by codes.keep followed by digest_<span> or words_<span>.',
  columns: [...COLUMNS, RUN_ID_COLUMN],
};

/** Columns of a run's points table: the fixed ones, one code column per `codes`, and the run id. */
export function pointsTable(
  codes: readonly { readonly name: string; readonly type: 'fixed[16]' | 'binary' }[],
): TableDef {
  const kept = codes.map(
    ({ name, type }): ColumnDef => ({
      name,
      type,
      unit: type === 'binary' ? 'little-endian code words' : '128-bit hash of span and words',
      nullable: true,
      description: "The point's code; null where the point is not on the span's grid.",
    }),
  );
  return { ...POINTS_TABLE, columns: [...COLUMNS, ...kept, RUN_ID_COLUMN] };
}
