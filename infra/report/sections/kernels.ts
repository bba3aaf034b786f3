// How the kernels worked while sampling: acceptance, jumps, and how long chains stood still.

import * as Plot from '@observablehq/plot';
import { ACCENT, draw, type Drawing } from '../chart.ts';
import { formatCount } from '../../cli/format.ts';
import { dataTable } from '../data-table.ts';
import { percent, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

export const kernels: Section = {
  id: 'kernels',
  title: 'Kernels',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs)
      if (run.has('kernel_health')) parts.push(await kernelFigure(context, run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function kernelFigure(context: SectionContext, run: ReportRun): Promise<Markup> {
  const rows = await run.rows("SELECT *, place || ' ' || kernel AS name FROM {kernel_health} ORDER BY place");
  const names = rows.map(({ name }) => String(name));
  const drawing = acceptanceDrawing(rows, names);
  const figure = context.figure({
    id: `acceptance-${run.runId}`,
    title: `Acceptance by kernel, ${run.runId}`,
    caption: `Share of steps that moved the chain, counted over all chains and recorded sweeps: n = ${formatCount(Number(rows[0]?.steps ?? 0))} steps of each kernel. They are not independent, so no interval is given; it is what happened in this run.`,
    drawing,
  });
  return html`${figure}${kernelTable(rows)}`;
}

/** Bars with their shares. */
function acceptanceDrawing(rows: readonly Row[], names: readonly string[]): Drawing {
  return draw({
    height: 62 + 24 * rows.length,
    marginLeft: 110,
    x: { label: 'share of steps that moved the chain →', domain: [0, 1], grid: true, tickFormat: '.0%' },
    y: { domain: names, label: null, tickSize: 0 },
    marks: [
      Plot.barX(rows, {
        x: 'accepted_share',
        y: 'name',
        fill: ACCENT,
        fillOpacity: 0.75,
        insetTop: 3,
        insetBottom: 3,
      }),
      Plot.text(rows, {
        x: 'accepted_share',
        y: 'name',
        text: (row: Row) => percent(row.accepted_share),
        dx: 6,
        textAnchor: 'start',
      }),
    ],
  });
}

function kernelTable(rows: readonly Row[]): Markup {
  const columns = [
    'kernel',
    'moved',
    'mean acceptance',
    'backward',
    'forward',
    'squared jump',
    'log ratio, nats',
    'its sd',
    'diverged',
    'longest stay, steps',
    'evaluations',
    'steps',
  ];
  const cells = rows.map((row) => [
    String(row.name),
    percent(row.accepted_share),
    percent(row.mean_acceptance),
    percent(row.backward_share),
    percent(row.forward_share),
    significant(row.squared_jump),
    significant(row.mean_log_ratio),
    significant(row.sd_log_ratio),
    formatCount(Number(row.diverged)),
    formatCount(Number(row.longest_rejection_run)),
    formatCount(Number(row.evaluations)),
    formatCount(Number(row.steps)),
  ]);
  return dataTable(
    columns,
    cells,
    'Kernels, by place in the sweep; a stay of more than 100 steps is a chain that is stuck',
  );
}
