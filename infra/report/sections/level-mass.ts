// How rare a region is: the mass of each level that leads to it.

import * as Plot from '@observablehq/plot';
import { formatCount, plural } from '../../cli/format.ts';
import { ACCENT, CONTROL, draw, type Drawing } from '../chart.ts';
import { fixed, range, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

export const levelMass: Section = {
  id: 'level-mass',
  title: 'Mass of a rare region',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      if (!run.has('level_mass')) continue;
      parts.push(levelFigure(context, run, await run.rows('SELECT * FROM {level_mass} ORDER BY level')));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

function levelFigure(context: SectionContext, run: ReportRun, rows: readonly Row[]): Markup {
  return context.figure({
    id: `level-mass-${run.runId}`,
    title: `Mass by nested levels, ${run.runId}`,
    caption: `${verdict(rows)} Each level's mass is the product of the shares so far, on a logarithmic scale, with its 95 % interval; the last level is the region.${doubt(rows)}`,
    drawing: levelDrawing(rows),
    data: {
      columns: [
        'level',
        'units fixed',
        'share of the level before',
        'standard error',
        'ESS, draws',
        'log mass, nats',
        'standard error',
        '95 % interval of the mass',
        'reliable',
      ],
      rows: rows.map((row) => [
        String(row.level),
        formatCount(Number(row.units)),
        significant(row.share),
        significant(row.share_se),
        significant(row.ess),
        fixed(row.log_mass, 3),
        fixed(row.log_mass_se, 3),
        range(row.ci_low, row.ci_high),
        isTrusted(row) ? 'yes' : 'no',
      ]),
    },
  });
}

function verdict(rows: readonly Row[]): string {
  const { log_mass: log, ci_low: low, ci_high: high } = rows.at(-1)!;
  if (typeof log !== 'number') return `No draw passes all of ${plural(rows.length, 'level')}: no mass.`;
  return `The region's mass is ${significant(Math.exp(log))} (95 %: ${range(low, high)}).`;
}

function doubt(rows: readonly Row[]): string {
  const count = rows.filter((row) => !isTrusted(row)).length;
  if (count === 0) return '';
  return ` Grey: ${plural(count, 'level')} that some chain never enters or never leaves, or with fewer than 50 effective draws; do not lean on these, nor on what is behind them.`;
}

/** A level that every draw passes is no factor. */
function isTrusted({ reliable, share }: Row): boolean {
  return reliable === true || share === 1;
}

function levelDrawing(rows: readonly Row[]): Drawing {
  const shown = rows
    .filter(({ log_mass: log }) => typeof log === 'number')
    .map((row) => ({
      ...row,
      mass: Math.exp(Number(row.log_mass)),
      colour: isTrusted(row) ? ACCENT : CONTROL,
    }));
  return draw(
    {
      height: 240,
      x: { label: 'level', type: 'band', domain: rows.map(({ level }) => Number(level)) },
      y: { label: '↑ mass', type: 'log', grid: true, ticks: 5 },
      marks: [
        Plot.ruleX(shown, { x: 'level', y1: 'ci_low', y2: 'ci_high', stroke: 'colour', strokeWidth: 2 }),
        Plot.dot(shown, { x: 'level', y: 'mass', fill: 'colour', r: 4 }),
      ],
    },
    [{ label: 'mass of the level', colour: ACCENT }],
  );
}
