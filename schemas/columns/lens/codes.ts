// codes/: the codes of the points that an experiment compares, layer by layer.

import { MODEL_COLUMN, RUN_ID_COLUMN } from '../column.ts';
import type { TableDef } from '../column.ts';

export const LENS_CODES_TABLE: TableDef = {
  name: 'codes',
  path: 'codes/',
  order: 'model, span_end, point_id',
  description:
    'The code of every point in every layer. Codes of longer spans are those of their layers one behind the other.',
  columns: [
    MODEL_COLUMN,
    {
      name: 'point_id',
      type: 'int32',
      unit: 'sample of the data set',
      nullable: false,
      description: 'Sample; for text sample x contextTokens + token.',
    },
    {
      name: 'span_start',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'Layer before the span: -1 where it starts at the input.',
    },
    {
      name: 'span_end',
      type: 'int32',
      unit: 'layer_id',
      nullable: false,
      description: 'Last layer of the span: its tap (layers table).',
    },
    {
      name: 'granularity',
      type: 'utf8',
      unit: 'image | position | token',
      nullable: false,
      description: 'All units of the layer, all channels at the centre of its map, or all units of a token.',
    },
    {
      name: 'digest',
      type: 'fixed[16]',
      unit: '128-bit hash of span and words',
      nullable: false,
      description: "Names the code, as a sweep's regions table does.",
    },
    {
      name: 'words',
      type: 'binary',
      unit: 'little-endian uint32',
      nullable: true,
      description:
        'Bit j at bit j & 31 of word j >> 5, pad bits zero; null for codes of more than 65,536 bits.',
    },
    { name: 'n_on', type: 'int32', unit: 'bits', nullable: false, description: 'Bits that are on.' },
    {
      name: 'n_ambiguous',
      type: 'int32',
      unit: 'bits',
      nullable: true,
      description: 'Bits with |z| < 1e-5 (|w| |a| + |b|), which rounding could flip.',
    },
    RUN_ID_COLUMN,
  ],
};
