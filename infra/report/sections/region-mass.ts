// How much of the target's mass lies in each region of the model that draws were encoded with.

import * as Plot from '@observablehq/plot';
import { plural } from '../../cli/format.ts';
import { ACCENT, draw, INK } from '../chart.ts';
import { range, shortDigest, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

const SHOWN = 24;

export const regionMass: Section = {
  id: 'region-mass',
  title: 'Mass of regions',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) if (run.has('region_mass')) parts.push(await massFigures(context, run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function massFigures(context: SectionContext, run: ReportRun): Promise<Markup> {
  const rows = await run.rows(`
    SELECT *, count(*) OVER (PARTITION BY span) AS regions FROM {region_mass}
    QUALIFY row_number() OVER (PARTITION BY span ORDER BY mass DESC, digest) <= ${SHOWN} ORDER BY span, mass DESC, digest`);
  const spans = [...new Set(rows.map(({ span }) => String(span)))];
  return html`${spans.map((span) => massFigure(context, run, { span, rows: rows.filter((row) => row.span === span) }))}`;
}

function massFigure(
  context: SectionContext,
  run: ReportRun,
  { span, rows }: { readonly span: string; readonly rows: readonly Row[] },
): Markup {
  const bars = rows.map((row) => ({ ...row, name: shortDigest(row.digest as Uint8Array) }));
  const drawing = draw(
    {
      height: 60 + 17 * bars.length,
      marginLeft: 120,
      x: { label: 'mass →', grid: true, zero: true },
      y: { domain: bars.map(({ name }) => name), label: null, tickSize: 0 },
      marks: [
        Plot.tickX(bars, { x: 'frequency', y: 'name', stroke: INK }),
        Plot.ruleY(bars, { x1: 'ci_low', x2: 'ci_high', y: 'name', stroke: ACCENT, strokeWidth: 2 }),
        Plot.dot(bars, { x: 'mass', y: 'name', fill: ACCENT, r: 3.5 }),
      ],
    },
    [
      { label: 'mass', colour: ACCENT },
      { label: 'frequency among the draws', colour: INK },
    ],
  );
  const total = Number(rows[0]?.regions ?? 0);
  return context.figure({
    id: `region-mass-${span.replace(/\W+/g, '-')}-${run.runId}`,
    title: `Mass of regions of ${span}, ${run.runId}`,
    caption: `The ${bars.length} regions with most mass of ${plural(total, 'region')} that draws fell into; bars: intervals of region_mass.parquet.`,
    drawing,
    data: {
      columns: ['region', 'mass', 'interval', 'standard error', 'frequency'],
      rows: bars.map((row) => {
        const cells = row as Row & { readonly name: string };
        return [
          cells.name,
          significant(cells.mass),
          range(cells.ci_low, cells.ci_high),
          significant(cells.se),
          significant(cells.frequency),
        ];
      }),
    },
  });
}
