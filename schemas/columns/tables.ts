// Every final table of a sweep, for the commit, the docs and `tessera schema`.

import type { TableDef } from './column.ts';
import { LAYERS_TABLE } from './layers.ts';
import { POINTS_TABLE } from './points.ts';
import { REGIONS_TABLE } from './regions.ts';
import { RUNS_TABLE } from './runs.ts';
import { UNITS_TABLE } from './units.ts';

export const TABLES: readonly TableDef[] = [
  RUNS_TABLE,
  LAYERS_TABLE,
  UNITS_TABLE,
  POINTS_TABLE,
  REGIONS_TABLE,
];
