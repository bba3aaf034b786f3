// Tables of `compare`: what became of regions, and of boundary densities, from one run to another.

import { numberOrNull, RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, TableDef } from '../column.ts';

const count = (name: string, unit: string, description: string): ColumnDef => ({
  name,
  type: 'int32',
  unit,
  nullable: false,
  description,
});

const SPAN: ColumnDef = {
  name: 'span',
  type: 'utf8',
  unit: '',
  nullable: false,
  description: 'The tap, or `network` for all taps.',
};

export const SPAN_CHANGES_TABLE: TableDef = {
  name: 'span_changes',
  path: 'span_changes.parquet',
  order: 'spans in the order of the first run',
  description: 'One row per span of two sweeps a (first) and b (second) of the same data.',
  columns: [
    SPAN,
    count('n_points', 'points', 'Points with a code in both runs.'),
    count('regions_a', 'regions', 'Distinct codes in the first run.'),
    count('regions_b', 'regions', 'Distinct codes in the second run.'),
    count('kept', 'codes', 'Codes that both runs visit.'),
    count('gained', 'codes', 'Codes that only the second run visits.'),
    count('lost', 'codes', 'Codes that only the first run visits.'),
    count('split', 'regions', 'Regions of a with two points or more whose points are apart in b.'),
    count('merged', 'regions', 'Regions of b with two points or more whose points are apart in a.'),
    count(
      'unchanged',
      'regions',
      'Regions of two points or more that hold the same points in both, whatever their codes.',
    ),
    numberOrNull(
      'purity_a',
      'fraction',
      'Purity of regions with two labelled points or more, weighted by points.',
    ),
    numberOrNull('purity_b', 'fraction', 'The same in b.'),
    numberOrNull('purity_change', 'fraction', 'purity_b - purity_a.'),
    numberOrNull('h_code_bits_a', 'bits', 'Plug-in entropy of the code in a.'),
    numberOrNull('h_code_bits_b', 'bits', 'The same in b.'),
    numberOrNull('h_code_bits_change', 'bits', 'h_code_bits_b - h_code_bits_a.'),
    numberOrNull(
      'occupancy_a',
      'fraction',
      'Distinct codes over points in a: how densely regions lie where the data are.',
    ),
    numberOrNull('occupancy_b', 'fraction', 'The same in b.'),
    numberOrNull('occupancy_change', 'fraction', 'occupancy_b - occupancy_a.'),
    numberOrNull('participation_ratio_a', 'dimensions', 'Effective dimension of the codes in a.'),
    numberOrNull('participation_ratio_b', 'dimensions', 'The same in b.'),
    numberOrNull('two_nn_dim_a', 'dimensions', 'Intrinsic dimension of the codes in a.'),
    numberOrNull('two_nn_dim_b', 'dimensions', 'The same in b.'),
    numberOrNull(
      'agreement_change',
      'fraction',
      'Mean over points that share a region in both runs: share of the others in it with their class, b less a.',
    ),
    numberOrNull('agreement_ci_low', 'fraction', 'Lower end of the 99 % interval, resampled by point.'),
    numberOrNull('agreement_ci_high', 'fraction', 'Upper end.'),
    numberOrNull('agreement_p', '', 'Two-sided p-value of no change, not corrected.'),
    count('agreement_n', 'points', 'Points behind agreement_change.'),
    RUN_ID_COLUMN,
  ],
};

export const REGION_CHANGES_TABLE: TableDef = {
  name: 'region_changes',
  path: 'region_changes/',
  order: 'spans in the order of the first run; count_a descending, first_point_id',
  description:
    'Regions of the first run with two points or more: among how many regions of the second their points lie.',
  columns: [
    SPAN,
    {
      name: 'digest_a',
      type: 'fixed[16]',
      unit: '128-bit hash of span and words',
      nullable: false,
      description: 'The region in the first run.',
    },
    count('count_a', 'points', 'Points in it.'),
    count('first_point_id', 'row of the data set', 'The smallest point_id.'),
    count('parts_b', 'regions', 'Regions of b among which its points lie: 1 where it stays together.'),
    count('largest_part_b', 'points', 'Points in the largest of them.'),
    numberOrNull('purity_a', 'fraction', 'Share of the most frequent label.'),
    numberOrNull('purity_parts_b', 'fraction', 'The same within the parts, weighted by points.'),
    RUN_ID_COLUMN,
  ],
};

export const DENSITY_CHANGES_TABLE: TableDef = {
  name: 'density_changes',
  path: 'density_changes.parquet',
  order: 'model, layer_id',
  description:
    'Boundary densities of two experiments on the same paths, per model and layer (max-pools as layers behind the taps).',
  columns: [
    { name: 'model', type: 'utf8', unit: '', nullable: false, description: 'Model that both runs measured.' },
    count('layer_id', 'layer_id', 'The tap, or max-pool.'),
    count('n_paths', 'paths', 'Paths with the same ends in both runs.'),
    numberOrNull('rho_h_a', 'bits per unit of length', 'Mean Hamming distance over length in a.'),
    numberOrNull('rho_h_b', 'bits per unit of length', 'The same in b.'),
    numberOrNull(
      'rho_x_a',
      'crossings per unit of length',
      'Mean crossings over length in a; null where not solved.',
    ),
    numberOrNull('rho_x_b', 'crossings per unit of length', 'The same in b.'),
    numberOrNull(
      'log_ratio',
      'nats',
      'Mean logarithm of rho_h in b over rho_h in a, over paths where both are above 0.',
    ),
    numberOrNull('log_ratio_ci_low', 'nats', 'Lower end of the 99 % interval, resampled by point.'),
    numberOrNull('log_ratio_ci_high', 'nats', 'Upper end.'),
    numberOrNull('log_ratio_p', '', 'Two-sided p-value of no change, not corrected.'),
    count('log_ratio_n', 'points', 'Points at the ends of the paths behind log_ratio.'),
    RUN_ID_COLUMN,
  ],
};
