// Segments: what one aggregator has learnt from one range of offsets. Readable while a run is going, merged
// by the commit.

import type { ColumnDef } from './column.ts';

const span: ColumnDef = {
  name: 'span',
  type: 'int16',
  unit: "index into the plan's spans",
  nullable: false,
  description: 'Span.',
};
const digest: ColumnDef = {
  name: 'digest',
  type: 'fixed[16]',
  unit: '128-bit hash of span and words',
  nullable: false,
  description: 'Code.',
};
const words: ColumnDef = {
  name: 'words',
  type: 'binary',
  unit: 'little-endian code words',
  nullable: false,
  description: 'Empty for wide spans.',
};

/** Partial regions, sorted by (span, digest). */
export const SEGMENT_REGION_COLUMNS: readonly ColumnDef[] = [
  span,
  digest,
  words,
  { name: 'count', type: 'int32', unit: 'points', nullable: false, description: 'Points of this segment.' },
  {
    name: 'first_point_id',
    type: 'int32',
    unit: 'row of the data set',
    nullable: false,
    description: 'Smallest point_id.',
  },
  {
    name: 'class_ids',
    type: 'list<int32>',
    unit: 'class id',
    nullable: false,
    description: 'Labels, ascending.',
  },
  {
    name: 'class_counts',
    type: 'list<int32>',
    unit: 'points',
    nullable: false,
    description: 'Points per label.',
  },
  {
    name: 'exemplar_point_ids',
    type: 'list<int32>',
    unit: 'row of the data set',
    nullable: false,
    description: 'Bottom-k by seeded hash.',
  },
];

/** The points with the smallest seeded hash, with their codes: the sample behind the layers table. */
export const SEGMENT_SAMPLE_COLUMNS: readonly ColumnDef[] = [
  span,
  { name: 'point_id', type: 'int32', unit: 'row of the data set', nullable: false, description: 'Point.' },
  words,
];

/** Summed units messages, one row per tap and class. */
export const SEGMENT_UNIT_COLUMNS: readonly ColumnDef[] = [
  { name: 'tap', type: 'int16', unit: "index into the plan's taps", nullable: false, description: 'Tap.' },
  { name: 'class', type: 'int32', unit: 'class id, -1 for none', nullable: false, description: 'Class.' },
  { name: 'rows', type: 'int32', unit: 'code rows', nullable: false, description: 'Rows of this class.' },
  {
    name: 'on',
    type: 'binary',
    unit: 'uint32 counts',
    nullable: false,
    description: 'Rows in which each unit was on.',
  },
  {
    name: 'soft',
    type: 'float64',
    unit: 'pre-activations',
    nullable: false,
    description: 'How often |z| < 2; NaN where piecewise linear.',
  },
];
