// The regions with most mass, and how much of the mass has an error that can be trusted: what a run ends with.

import { REGION_MASS_TABLE } from '#schemas/columns/metflow/region-mass.ts';
import type { SpanMasses } from '#schemas/messages.ts';
import { finiteOrNull } from '../../activities/numeric/finite-or-null.ts';
import { readRows } from './small-tables.ts';

/** Regions of a span that are named. */
const NAMED = 10;

const NUMBERS = ['mass', 'se', 'ess', 'data_frequency', 'difference', 'p_adjusted'] as const;
const COLUMNS = ['estimate', 'span', 'kind', 'digest', 'reliable', ...NUMBERS] as const;

/** A row of region_mass by column name. */
export type MassRow = Readonly<Record<(typeof COLUMNS)[number], unknown>>;

/** What {@link massesOf} says of a run's region_mass. */
export async function heaviestRegions(runDir: string): Promise<SpanMasses[]> {
  const columns = REGION_MASS_TABLE.columns.filter(({ name }) =>
    (COLUMNS as readonly string[]).includes(name),
  );
  return massesOf((await readRows(runDir, { ...REGION_MASS_TABLE, columns })) as MassRow[]);
}

/**
 * The chains' masses, a span each in the order of the rows, which are by mass within a span.
 * @param rows - of all estimates; controls and unseen masses are left out.
 */
export function massesOf(rows: readonly MassRow[]): SpanMasses[] {
  const own = rows.filter(({ estimate, kind }) => estimate === 'chains' && kind === 'region');
  const spans = [...new Set(own.map(({ span }) => String(span)))];
  return spans.map((span) => {
    const regions = own.filter((row) => row.span === span);
    const reliable = regions.filter((row) => row.reliable === true);
    const total = (of: readonly MassRow[], name: 'mass' | 'data_frequency') =>
      of.reduce((sum, row) => sum + Number(row[name] ?? 0), 0);
    const named = regions.filter((row) => Number(row.mass) > 0).slice(0, NAMED);
    const hasData = regions.some((row) => row.data_frequency !== null);
    return {
      span,
      heaviest: named.map((row) => ({
        region: Buffer.from(row.digest as Uint8Array).toString('hex'),
        reliable: row.reliable === true,
        ...Object.fromEntries(NUMBERS.map((name) => [name, finiteOrNull(row[name])])),
      })),
      rest: {
        mass: 1 - total(named, 'mass'),
        data_frequency: hasData ? 1 - total(named, 'data_frequency') : null,
      },
      rows: regions.length,
      reliableRows: reliable.length,
      reliableMass: total(reliable, 'mass'),
    };
  });
}
