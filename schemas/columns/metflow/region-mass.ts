// region_mass.parquet and region_summary.parquet: how much of the target lies in each region of a network, and how often
// data lie there.

import { RUN_ID_COLUMN } from '../column.ts';
import type { ColumnDef, ColumnType, TableDef } from '../column.ts';

function column(
  name: string,
  { type, unit = '', nullable = false }: { type: ColumnType; unit?: string; nullable?: boolean },
  description: string,
): ColumnDef {
  return { name, type, unit, nullable, description };
}

const COUNT = { type: 'int64', unit: 'draws' } as const;
const POINTS = { type: 'int64', unit: 'points', nullable: true } as const;
const SHARE = { type: 'float64', unit: 'probability' } as const;
const MAYBE = { type: 'float64', nullable: true } as const;

const ESTIMATE = column(
  'estimate',
  { type: 'utf8' },
  '`chains`, or a control: `base_law` (independent draws of the law that the target tilts), `random_init` (the same draws in a net with fresh weights).',
);
const SPAN = column(
  'span',
  { type: 'utf8' },
  "The tap's tensor name, or `network` for all taps in order, as in a sweep.",
);

export const REGION_MASS_TABLE: TableDef = {
  name: 'region_mass',
  path: 'region_mass.parquet',
  order: 'estimate, span, regions by mass (ties by digest), then the bin of all others, then the unseen mass',
  description:
    "One row per region of the network: its mass under the target, with an error from the region's own effective size. Masses of `region` and `other` rows sum to 1.",
  columns: [
    ESTIMATE,
    SPAN,
    column(
      'kind',
      { type: 'utf8' },
      '`region`; `other`: all regions without a row together; `unseen`: mass of regions that no draw is in (Good and Turing).',
    ),
    column(
      'digest',
      { type: 'fixed[16]', nullable: true },
      'The code, as in the regions table of a sweep; null for the bins.',
    ),
    column('mass', SHARE, 'Share of the draws in the region.'),
    column(
      'se',
      MAYBE,
      'Standard error of the mass: from the effective size where reliable, else from how much chains differ.',
    ),
    column('ess', { ...MAYBE, unit: 'draws' }, "Effective sample size of the region's indicator."),
    column(
      'ci_low',
      { ...SHARE, nullable: true },
      'Lower end of the 95 % interval (Beta where reliable, else Student).',
    ),
    column(
      'ci_high',
      { ...SHARE, nullable: true },
      'Upper end; of a region without a draw 3 over the least effective size, which assumes that the chains mix.',
    ),
    column(
      'reliable',
      { type: 'bool' },
      'False where some chain never enters or never leaves the region, or it has fewer than 50 effective draws.',
    ),
    column('visits', COUNT, 'Draws in the region.'),
    column('ambiguous', COUNT, 'Of these, draws with a pre-activation that rounding could turn.'),
    column(
      'data_count',
      POINTS,
      'Data points in the region. This and what follows is null without data to compare with.',
    ),
    column('data_frequency', { ...MAYBE, unit: 'probability' }, 'Share of the data points in the region.'),
    column('difference', { ...MAYBE, unit: 'probability' }, 'Mass less frequency.'),
    column(
      'log_ratio',
      { ...MAYBE, unit: 'nats' },
      'log of mass over frequency, half a draw and half a point added to each.',
    ),
    column('p_value', MAYBE, 'That both are one number, two-sided; null where the mass has no error.'),
    column('p_adjusted', MAYBE, 'The same after Benjamini and Hochberg over the rows of estimate and span.'),
    RUN_ID_COLUMN,
  ],
};

export const REGION_SUMMARY_TABLE: TableDef = {
  name: 'region_summary',
  path: 'region_summary.parquet',
  order: 'estimate, span',
  description: 'One row per estimate and span: how the masses of all regions together compare with the data.',
  columns: [
    ESTIMATE,
    SPAN,
    column('bits', { type: 'int32', unit: 'bits' }, 'Units of the span.'),
    column('chains', { type: 'int32' }, 'Chains; 1 stands for independent draws.'),
    column('draws', COUNT, 'Draws of all chains.'),
    column('regions', { type: 'int64', unit: 'regions' }, 'Different regions among the draws.'),
    column('reported', { type: 'int64', unit: 'regions' }, 'Rows of their own in region_mass.'),
    column('other_mass', SHARE, 'Mass of all others.'),
    column('unseen_mass', SHARE, 'Mass of regions that none of unseen_draws is in, by Good and Turing.'),
    column('unseen_draws', COUNT, 'Draws, an autocorrelation time apart, that it was estimated from.'),
    column('ambiguous', COUNT, 'Draws with a pre-activation that rounding could turn.'),
    column('least_ess', { ...MAYBE, unit: 'draws' }, 'Least effective size of the reported regions.'),
    column('data_points', POINTS, 'Data points.'),
    column('data_regions', { ...POINTS, unit: 'regions' }, 'Different regions among the data points.'),
    column(
      'data_seen',
      { ...MAYBE, unit: 'probability' },
      'Share of the data points in regions that some draw is in.',
    ),
    column('js_bits', { ...MAYBE, unit: 'bits' }, 'Jensen-Shannon divergence of masses and frequencies.'),
    column(
      'js_low',
      { ...MAYBE, unit: 'bits' },
      'Lower end of its 95 % interval: bootstrap over chains and data, less the bias of the replicates.',
    ),
    column('js_high', { ...MAYBE, unit: 'bits' }, 'Upper end.'),
    column('g_statistic', MAYBE, 'G of masses against frequencies, draws counted as least_ess ones.'),
    column('g_p_value', MAYBE, 'Its p-value.'),
    RUN_ID_COLUMN,
  ],
};
