// Experiments without pictures of their own: their tables brought down to a few rows, with intervals.

import type { TableDef } from '#schemas/columns/column.ts';
import { DENSITY_CHANGES_TABLE, SPAN_CHANGES_TABLE } from '#schemas/columns/lens/compare.ts';
import { formatCount } from '../../cli/format.ts';
import { dataTable } from '../data-table.ts';
import { range, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section } from '../section.ts';

/** Means of a table by groups: over rows of one `unit` first, because rows of one point are not independent. */
interface Means {
  readonly table: string;
  readonly title: string;
  readonly groups: readonly string[];
  readonly unit: string;
  readonly values: readonly (readonly [sql: string, name: string])[];
}

/** Units as people call them. */
const UNITS: Readonly<Record<string, string>> = {
  point_id: 'points',
  point_a: 'first points',
  component: 'components',
};

const MEANS: readonly Means[] = [
  {
    table: 'local_complexity',
    title: 'Boundaries around points: share of units with a boundary through a cross-polytope, by radius',
    groups: ['model', 'layer_id', 'radius', 'split'],
    unit: 'point_id',
    values: [['fraction', 'share of units']],
  },
  {
    table: 'perturbations',
    title: 'Boundaries by direction from a sample',
    groups: ['model', 'direction'],
    unit: 'point_id',
    values: [
      ['crossings_per_length', 'crossings per unit of length'],
      ['first_crossing', 'first boundary, units'],
      ['CAST(class_change IS NOT NULL AS DOUBLE)', 'share whose class changes'],
    ],
  },
  {
    table: 'validity',
    title: 'How far directions hold, in units of the space',
    groups: ['model', 'space', "regexp_extract(direction, '^[a-z_]+')"],
    unit: 'point_id',
    values: [
      ['first_crossing', 'first boundary, units'],
      ['t_90', 'cosine below 0.9 at, units'],
      ['crossings_at_t_90', 'boundaries up to there'],
    ],
  },
  {
    table: 'code_directions',
    title: 'Ends of components: entropy of the labels of their points',
    groups: ['model', 'span', 'method'],
    unit: 'component',
    values: [
      ['entropy_bits', 'entropy, bits'],
      ['purity', 'purity'],
    ],
  },
  {
    table: 'paths',
    // Paths that share a point are not independent; by the first one they nearly are. Claims resample points at both ends.
    title: 'Paths between points, averaged by their first point (the intervals of claims are the exact ones)',
    groups: [
      'model',
      'kind',
      "CASE WHEN same_class THEN 'one class' WHEN NOT same_class THEN 'two classes' ELSE '' END",
    ],
    unit: 'point_a',
    values: [
      ['rho_h', 'Hamming over distance, bits per unit'],
      ['rho_x', 'crossings per unit of length'],
      ['h_norm', 'normalised Hamming distance, share of bits'],
    ],
  },
];

const WHOLE: readonly { readonly table: TableDef; readonly title: string }[] = [
  { table: SPAN_CHANGES_TABLE, title: 'Regions of two runs, by span (a: first, b: second)' },
  { table: DENSITY_CHANGES_TABLE, title: 'Boundary densities of two runs, by model and layer' },
];

export const plainTables: Section = {
  id: 'tables',
  title: 'Tables in short',
  async render({ runs }) {
    const parts: Markup[] = [];
    for (const run of runs) {
      for (const means of MEANS) if (run.has(means.table)) parts.push(await meansTable(run, means));
      for (const whole of WHOLE) if (run.has(whole.table.name)) parts.push(await wholeTable(run, whole));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function meansTable(run: ReportRun, { table, title, groups, unit, values }: Means): Promise<Markup> {
  const keys = groups.map((sql, i) => `${sql} AS g${i}`).join(', ');
  const inner = values.map(([sql], i) => `avg(${sql}) AS v${i}`).join(', ');
  const outer = values
    .map(
      (_, i) =>
        `avg(v${i}) AS m${i}, 1.96 * stddev_samp(v${i}) / sqrt(count(v${i})) AS h${i}, count(v${i}) AS n${i}`,
    )
    .join(', ');
  const names = groups.map((_, i) => `g${i}`).join(', ');
  const rows = await run.rows(`
    WITH units AS (SELECT ${keys}, ${unit}, ${inner} FROM {${table}} GROUP BY ALL)
    SELECT ${names}, ${outer} FROM units GROUP BY ${names} ORDER BY g0 <> 'trained', ${names}`);
  const columns = [...groups.map(groupName), ...values.flatMap(([, name]) => [name, '95 % interval', 'n'])];
  const cells = rows.map((row) => [
    ...groups.map((_, i) => groupCell(row[`g${i}`])),
    ...values.flatMap((_, i) => valueCells(row, i)),
  ]);
  const shown = dataTable(columns, cells, `${title} (table ${table}; n counts ${UNITS[unit] ?? unit})`);
  return rows.length > 24 ? html`<details><summary>${title}</summary>${shown}</details>` : shown;
}

function valueCells(row: Row, i: number): readonly string[] {
  const [mean, half] = [row[`m${i}`], row[`h${i}`]];
  if (typeof mean !== 'number') return ['–', '–', '0'];
  const interval = typeof half === 'number' ? range(mean - half, mean + half) : '–';
  return [significant(mean), interval, formatCount(Number(row[`n${i}`]))];
}

function groupName(sql: string): string {
  if (sql.startsWith('CASE')) return 'ends';
  return /^\w+$/.test(sql) ? sql.replaceAll('_', ' ') : 'direction';
}

function groupCell(value: unknown): string {
  return typeof value === 'number' ? significant(value, 4) : String(value ?? '');
}

async function wholeTable(run: ReportRun, { table, title }: (typeof WHOLE)[number]): Promise<Markup> {
  const rows = await run.rows(`SELECT * EXCLUDE (run_id) FROM {${table.name}}`);
  // What names a column of this table says nothing as a row of it.
  const names = Object.keys(rows[0] ?? {}).filter((name) => !['span', 'model', 'layer_id'].includes(name));
  const shown = (value: unknown) =>
    typeof value === 'number' ? significant(value, 4) : String(value ?? '–');
  const columns = ['column', ...rows.map((row) => String(row.span ?? `${row.model}, layer ${row.layer_id}`))];
  const defined = new Map(table.columns.map((column) => [column.name, column]));
  const cells = names.map((name) => {
    const { unit = '', description = '' } = defined.get(name) ?? {};
    const shownName = `${name.replaceAll('_', ' ')}${unit === '' ? '' : `, ${unit}`}`;
    return [html`<span title="${description}">${shownName}</span>`, ...rows.map((row) => shown(row[name]))];
  });
  return dataTable(columns, cells, title);
}
