// Masses of known modes against what they should be.

import * as Plot from '@observablehq/plot';
import { ACCENT, draw, type Drawing, INK } from '../chart.ts';
import { formatCount } from '../../cli/format.ts';
import { fixed, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

export const modes: Section = {
  id: 'modes',
  title: 'Modes',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      const rows = run.has('modes') ? await run.rows('SELECT * FROM {modes} ORDER BY mode') : [];
      if (rows.length > 0) parts.push(modeFigure(context, run, rows));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

function modeFigure(context: SectionContext, run: ReportRun, rows: readonly Row[]): Markup {
  const visited = rows.filter((row) => row.visited === true).length;
  return context.figure({
    id: `modes-${run.runId}`,
    title: `Mass of each mode, ${run.runId}`,
    caption: `Share of draws nearest to the centre of each mode, with 95 % intervals from the effective sample size of that indicator; ${visited} of ${rows.length} modes visited. Single-mode statistics cannot see a missing mode: read this first.`,
    drawing: modeDrawing(rows),
    data: modeNumbers(rows),
  });
}

function modeDrawing(rows: readonly Row[]): Drawing {
  const bars = rows.map((row) => {
    const [mass, error] = [Number(row.mass), Number(row.mass_se)];
    return {
      mode: Number(row.mode),
      mass,
      low: Math.max(0, mass - 1.96 * error),
      high: mass + 1.96 * error,
      weight: Number(row.weight),
    };
  });
  return draw(
    {
      height: 240,
      x: { label: 'mode', type: 'band' },
      y: { label: '↑ mass', grid: true, zero: true, ticks: 5 },
      marks: [
        Plot.tickY(bars, { x: 'mode', y: 'weight', stroke: INK, strokeWidth: 2 }),
        Plot.ruleX(
          bars.filter(({ high }) => Number.isFinite(high)),
          { x: 'mode', y1: 'low', y2: 'high', stroke: ACCENT, strokeWidth: 2 },
        ),
        Plot.dot(bars, { x: 'mode', y: 'mass', fill: ACCENT, r: 4.5 }),
        Plot.ruleY([0]),
      ],
    },
    [
      { label: 'estimated', colour: ACCENT },
      { label: 'known', colour: INK },
    ],
  );
}

function modeNumbers(rows: readonly Row[]) {
  return {
    columns: [
      'mode',
      'centre',
      'known mass',
      'estimated',
      'standard error',
      'error',
      'ESS, draws',
      'visited',
    ],
    rows: rows.map((row) => [
      String(row.mode),
      `(${(row.centre as number[])
        .slice(0, 4)
        .map((x) => significant(x))
        .join(', ')})`,
      fixed(row.weight, 4),
      fixed(row.mass, 4),
      fixed(row.mass_se, 4),
      fixed(row.mass_error, 4),
      formatCount(Number(row.ess)),
      row.visited === true ? 'yes' : 'no',
    ]),
  };
}
