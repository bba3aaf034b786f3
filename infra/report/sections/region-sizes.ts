// How many points regions hold, and how pure those that hold several are.

import * as Plot from '@observablehq/plot';
import { formatCount } from '../../cli/format.ts';
import {
  colourOf,
  columnAxis,
  type ColumnNames,
  draw,
  type Drawing,
  inRows,
  type LegendEntry,
} from '../chart.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

interface SizeStep {
  readonly runId: string;
  readonly span: string;
  readonly points: number;
  /** Regions of at least so many points. */
  readonly regions: number;
}

interface PurityBin {
  readonly runId: string;
  readonly span: string;
  /** Lower bound of a bin of width 0.05. */
  readonly purity: number;
  readonly points: number;
}

const BIN = 0.05;
/** Steps of one curve that are drawn. */
const MOST_STEPS = 200;

export const regionSizes: Section = {
  id: 'sizes',
  title: 'Regions by count',
  async render(context) {
    const sizes = (await Promise.all(context.runs.map(sizeSteps))).flat();
    const purities = (await Promise.all(context.runs.map(purityBins))).flat();
    if (sizes.every(({ points }) => points === 1))
      return html`<p>No two points share a region, in any span: every region holds one point.</p>`;
    return html`${sizeFigure(context, sizes)}${purities.length === 0 ? null : purityFigure(context, purities)}`;
  },
};

async function sizeSteps(run: ReportRun): Promise<SizeStep[]> {
  const rows = await run.rows(`
    SELECT span, points, regions FROM (
      SELECT span, points, sum(n) OVER (PARTITION BY span ORDER BY points DESC) AS regions,
        row_number() OVER (PARTITION BY span ORDER BY points) AS place, count(*) OVER (PARTITION BY span) AS steps
      FROM (SELECT span, "count" AS points, count(*) AS n FROM {regions} GROUP BY span, points))
    WHERE place % CAST(ceil(steps / ${MOST_STEPS}.0) AS INTEGER) = 0 OR place IN (1, steps) ORDER BY span, points`);
  return rows.map((row) => ({
    runId: run.runId,
    span: String(row.span),
    points: Number(row.points),
    regions: Number(row.regions),
  }));
}

async function purityBins(run: ReportRun): Promise<PurityBin[]> {
  const rows = await run.rows(`
    SELECT span, least(floor(purity / ${BIN} + 1e-6), ${1 / BIN - 1}) * ${BIN} AS bin, sum("count") AS points
    FROM {regions} WHERE "count" > 1 AND purity IS NOT NULL GROUP BY span, bin ORDER BY span, bin`);
  return rows.map((row) => ({
    runId: run.runId,
    span: String(row.span),
    purity: Number(row.bin),
    points: Number(row.points),
  }));
}

function sizeFigure(context: SectionContext, steps: readonly SizeStep[]): Markup {
  const drawing = sizeDrawing(context, steps);
  return context.figure({
    id: 'region-sizes',
    title: 'Regions by the number of points that they hold',
    caption:
      'Both axes logarithmic: how many regions hold at least so many points. A steep fall means that hardly any two points share a region.',
    drawing,
    data: {
      columns: ['run', 'span', 'at least, points', 'regions'],
      rows: steps
        .slice(0, 120)
        .map((step) => [step.runId, step.span, formatCount(step.points), formatCount(step.regions)]),
    },
  });
}

/** Curves on logarithmic axes, a column for each span. */
function sizeDrawing(context: SectionContext, all: readonly SizeStep[]): Drawing {
  const most = Math.max(...all.map(({ points }) => points));
  const mostRegions = Math.max(...all.map(({ regions }) => regions));
  return inRows(all, (steps, names) =>
    draw(
      {
        ...faceted(names, 210),
        x: {
          type: 'log',
          label: 'points in a region (at least) →',
          domain: [1, Math.max(10, most)],
          ticks: powersOfTen(Math.max(10, most)),
          tickFormat: count,
        },
        y: {
          type: 'log',
          label: '↑ regions',
          grid: true,
          domain: [1, Math.max(10, mostRegions)],
          ticks: powersOfTen(mostRegions),
          tickFormat: count,
        },
        color: runColours(context),
        marks: [
          Plot.line(steps, {
            x: 'points',
            y: 'regions',
            fx: 'span',
            z: 'runId',
            stroke: 'runId',
            curve: 'step-before',
            strokeWidth: 1.8,
          }),
          Plot.dot(steps, { x: 'points', y: 'regions', fx: 'span', fill: 'runId', r: 2 }),
        ],
      },
      legendOf(context),
    ),
  );
}

function purityFigure(context: SectionContext, all: readonly PurityBin[]): Markup {
  const drawing = inRows(all, (bins, names) =>
    draw(
      {
        ...faceted(names, 200),
        x: { label: 'purity of the region →', domain: [0, 1], ticks: [0, 0.5, 1] },
        y: { label: '↑ points in shared regions', grid: true, ticks: 5 },
        color: runColours(context),
        marks: [
          Plot.rectY(bins, {
            x1: 'purity',
            x2: (bin: PurityBin) => bin.purity + BIN,
            y1: 0,
            y2: 'points',
            fx: 'span',
            fill: 'runId',
            fillOpacity: context.runs.length > 1 ? 0.55 : 0.85,
            insetLeft: 1,
          }),
          Plot.ruleY([0]),
        ],
      },
      legendOf(context),
    ),
  );
  return context.figure({
    id: 'region-purity',
    title: 'Points by the purity of their region',
    caption:
      'Only regions of two points or more; bins of 0.05; bars of several runs are overlaid. Two points alone are pure or at 0.5, so compare with chance (Layers) before reading much into a peak at 1.',
    drawing,
  });
}

function faceted(names: ColumnNames, height: number): Plot.PlotOptions {
  return { height: height + 60, marginTop: 34, marginLeft: 64, fx: columnAxis(names, 0.2) };
}

function runColours({ runs }: SectionContext): Plot.ScaleOptions {
  return { domain: runs.map(({ runId }) => runId), range: runs.map((_, i) => colourOf(i)) };
}

function legendOf({ runs }: SectionContext): LegendEntry[] {
  return runs.length < 2 ? [] : runs.map(({ runId }, i) => ({ label: runId, colour: colourOf(i) }));
}

function count(value: number): string {
  return formatCount(value);
}

/** 1, 10, 100 and so on up to a number. */
function powersOfTen(most: number): number[] {
  return Array.from({ length: Math.floor(Math.log10(most)) + 1 }, (_, power) => 10 ** power);
}
