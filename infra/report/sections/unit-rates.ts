// How often units are on, which never or always are, and which say most about the label.

import * as Plot from '@observablehq/plot';
import { formatCount } from '../../cli/format.ts';
import { colourOf, columnAxis, draw, inRows } from '../chart.ts';
import { dataTable } from '../data-table.ts';
import { fixed } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

const BINS = 25;
const MOST_UNITS = 8;

export const unitRates: Section = {
  id: 'units',
  title: 'Units',
  async render(context) {
    const bins = (await Promise.all(context.runs.map(rateBins))).flat();
    if (bins.length === 0) return null;
    const top = (await Promise.all(context.runs.map(informative))).flat();
    return html`${rateFigure(context, bins)}${top.length === 0 ? null : informativeTable(top)}`;
  },
};

async function rateBins(run: ReportRun): Promise<Row[]> {
  return ofRun(
    run,
    `
    SELECT l.name AS span, least(floor(u.rate * ${BINS}), ${BINS - 1}) / ${BINS} AS bin, count(*) AS units,
      any_value(u.n) AS n
    FROM {units} u JOIN {layers} l USING (layer_id) GROUP BY l.layer_id, l.name, bin ORDER BY l.layer_id, bin`,
  );
}

/** Units whose bit says most about the label. */
async function informative(run: ReportRun): Promise<Row[]> {
  return ofRun(
    run,
    `
    SELECT l.name AS span, u.* EXCLUDE (run_id) FROM {units} u JOIN {layers} l USING (layer_id)
    WHERE u.mutual_information_bits IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY u.layer_id ORDER BY u.mutual_information_bits DESC, u.unit) <= ${MOST_UNITS}
    ORDER BY u.layer_id, u.mutual_information_bits DESC, u.unit`,
  );
}

/** Rows with the run that they come from. */
async function ofRun(run: ReportRun, sql: string): Promise<Row[]> {
  return (await run.rows(sql)).map((row) => ({ ...row, run: run.runId }));
}

function rateFigure(context: SectionContext, bins: readonly Row[]): Markup {
  const { runs } = context;
  const drawing = inRows(bins, (some, names) =>
    draw(
      {
        height: 240,
        marginTop: 34,
        fx: columnAxis(names, 0.2),
        x: { label: 'share of points for which the unit is on →', domain: [0, 1], ticks: [0, 0.5, 1] },
        y: { label: '↑ units', grid: true, ticks: 5 },
        color: { domain: runs.map(({ runId }) => runId), range: runs.map((_, i) => colourOf(i)) },
        marks: [
          Plot.rectY(some, {
            x1: 'bin',
            x2: (row: Row) => Number(row.bin) + 1 / BINS,
            y2: 'units',
            y1: 0,
            fx: 'span',
            fill: 'run',
            fillOpacity: runs.length > 1 ? 0.55 : 0.85,
            insetLeft: 1,
          }),
          Plot.ruleY([0]),
        ],
      },
      runs.length < 2 ? [] : runs.map(({ runId }, i) => ({ label: runId, colour: colourOf(i) })),
    ),
  );
  const n = [...new Set(bins.map((row) => formatCount(Number(row.n))))].join(', ');
  return context.figure({
    id: 'unit-rates',
    title: 'How often units are on',
    caption: `Units by the share of n = ${n} rows for which their pre-activation is above 0; ${BINS} bins, runs overlaid. Units at 0 are dead, at 1 always on: neither adds bits to a code (counts: Layers).`,
    drawing,
  });
}

function informativeTable(rows: readonly Row[]): Markup {
  const columns = ['run', 'span', 'unit', 'channel', 'on', 'information about the label, bits', 'n'];
  const cells = rows.map((row) => [
    String(row.run),
    String(row.span),
    String(row.unit),
    String(row.channel),
    fixed(row.rate, 3),
    fixed(row.mutual_information_bits, 4),
    formatCount(Number(row.n)),
  ]);
  return html`<details><summary>Units that say most about the label (plug-in mutual information; biased upwards by about (classes − 1) / (2 n ln 2) bits)</summary>${dataTable(columns, cells)}</details>`;
}
