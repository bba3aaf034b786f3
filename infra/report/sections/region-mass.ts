// How much of the target's mass lies in each region of the model that draws were encoded with, and how often data lie there.

import * as Plot from '@observablehq/plot';
import { formatCount, plural } from '../../cli/format.ts';
import { ACCENT, CONTROL, draw, type Drawing, INK } from '../chart.ts';
import { dataTable } from '../data-table.ts';
import { percent, range, shortDigest, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Regions of a span: those with most mass. */
const SHOWN = 24;

export const regionMass: Section = {
  id: 'region-mass',
  title: 'Mass of regions',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      if (!run.has('region_mass')) continue;
      const rows = await run.rows(`
        SELECT * FROM {region_mass} WHERE estimate = 'chains' AND kind = 'region'
        QUALIFY row_number() OVER (PARTITION BY span ORDER BY mass DESC, digest) <= ${SHOWN} ORDER BY span, mass DESC, digest`);
      const spans = [...new Set(rows.map(({ span }) => String(span)))];
      parts.push(
        ...spans.map((span) =>
          massFigure(context, run, { span, rows: rows.filter((row) => row.span === span) }),
        ),
      );
      if (run.has('region_summary')) parts.push(await summaryTable(run));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

interface OfSpan {
  readonly span: string;
  readonly rows: readonly Row[];
}

function massFigure(context: SectionContext, run: ReportRun, { span, rows }: OfSpan): Markup {
  const unreliable = rows.filter(({ reliable }) => reliable !== true).length;
  const doubt =
    unreliable === 0
      ? ''
      : ` Grey: ${plural(unreliable, 'region')} that some chain never enters or never leaves, or with fewer than 50 effective draws; do not lean on these.`;
  return context.figure({
    id: `region-mass-${span.replace(/\W+/g, '-')}-${run.runId}`,
    title: `Mass of regions of ${span}, ${run.runId}`,
    caption: `The ${plural(rows.length, 'region')} with most mass under the target, with 95 % intervals from each region's own effective sample size; ticks: share of the data points in it, where data were given.${doubt}`,
    drawing: massDrawing(rows),
    data: {
      columns: [
        'region',
        'mass',
        '95 % interval',
        'standard error',
        'ESS, draws',
        'visits, draws',
        'share of data',
        'reliable',
      ],
      rows: rows.map((row) => [
        shortDigest(row.digest as Uint8Array),
        significant(row.mass),
        range(row.ci_low, row.ci_high),
        significant(row.se),
        significant(row.ess),
        formatCount(Number(row.visits)),
        significant(row.data_frequency),
        row.reliable === true ? 'yes' : 'no',
      ]),
    },
  });
}

function massDrawing(rows: readonly Row[]): Drawing {
  const bars = rows.map((row) => ({
    ...row,
    name: shortDigest(row.digest as Uint8Array),
    colour: row.reliable === true ? ACCENT : CONTROL,
  }));
  const withData = rows.some(({ data_frequency: share }) => typeof share === 'number');
  return draw(
    {
      height: 60 + 17 * bars.length,
      marginLeft: 120,
      x: { label: 'mass →', grid: true, zero: true },
      y: { domain: bars.map(({ name }) => name), label: null, tickSize: 0 },
      marks: [
        Plot.tickX(withData ? bars : [], { x: 'data_frequency', y: 'name', stroke: INK }),
        Plot.ruleY(bars, { x1: 'ci_low', x2: 'ci_high', y: 'name', stroke: 'colour', strokeWidth: 2 }),
        Plot.dot(bars, { x: 'mass', y: 'name', fill: 'colour', r: 3.5 }),
      ],
    },
    [{ label: 'mass', colour: ACCENT }, ...(withData ? [{ label: 'share of the data', colour: INK }] : [])],
  );
}

async function summaryTable(run: ReportRun): Promise<Markup> {
  const rows = await run.rows('SELECT * FROM {region_summary}');
  const columns = [
    'estimate',
    'span',
    'regions',
    'mass of all others',
    'unseen mass',
    'data in regions seen',
    'divergence, bits',
    '95 % interval',
    'draws',
    'data points',
  ];
  const cells = rows.map((row) => [
    String(row.estimate).replaceAll('_', ' '),
    String(row.span),
    formatCount(Number(row.regions)),
    percent(row.other_mass),
    percent(row.unseen_mass),
    percent(row.data_seen),
    significant(row.js_bits),
    range(row.js_low, row.js_high),
    formatCount(Number(row.draws)),
    row.data_points === null ? '–' : formatCount(Number(row.data_points)),
  ]);
  return dataTable(
    columns,
    cells,
    `Regions of the draws as a whole, ${run.runId}: unseen mass by Good and Turing, divergence of Jensen and Shannon from the data`,
  );
}
