// regions/: one row per distinct code and span.

import { RUN_ID_COLUMN } from './column.ts';
import type { TableDef } from './column.ts';

export const REGIONS_TABLE: TableDef = {
  name: 'regions',
  path: 'regions/',
  order: "span (in the order of the run's spans: taps, then network), count descending, digest (bytewise)",
  description: 'One row per distinct code and span: the polytopes (or level sets) that the corpus visits.',
  columns: [
    {
      name: 'span',
      type: 'utf8',
      unit: '',
      nullable: false,
      description: "The tap's tensor name, or `network` for all taps in order.",
    },
    {
      name: 'digest',
      type: 'fixed[16]',
      unit: '128-bit hash of span and words',
      nullable: false,
      description: 'Names the code within its span.',
    },
    {
      name: 'words',
      type: 'binary',
      unit: 'little-endian code words',
      nullable: true,
      description:
        'The code: bit j of a tap at bit j & 7 of byte j >> 3, each tap padded to 32 bits; null for wide spans.',
    },
    {
      name: 'count',
      type: 'int32',
      unit: 'points',
      nullable: false,
      description: 'How many points have this code.',
    },
    {
      name: 'first_point_id',
      type: 'int32',
      unit: 'row of the data set',
      nullable: false,
      description: 'The smallest point_id with this code.',
    },
    {
      name: 'class_ids',
      type: 'list<int32>',
      unit: 'class id',
      nullable: false,
      description: 'Labels that occur in the region, ascending; empty without labels.',
    },
    {
      name: 'class_counts',
      type: 'list<int32>',
      unit: 'points',
      nullable: false,
      description: 'How often each of class_ids occurs.',
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
      name: 'exemplar_point_ids',
      type: 'list<int32>',
      unit: 'row of the data set',
      nullable: false,
      description: 'A uniform sample of the points, in seeded random order: any prefix is a sample too.',
    },
    RUN_ID_COLUMN,
  ],
};
