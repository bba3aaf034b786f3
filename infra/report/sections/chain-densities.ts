// Where the draws lie: against the target where it can be drawn, else as histograms of coordinates.

import * as Plot from '@observablehq/plot';
import { formatCount } from '../../cli/format.ts';
import { ACCENT, beside, draw, type Drawing, INK, stack } from '../chart.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';
import { gridMarginal, type TargetGrid, targetGrid } from '../target-grid.ts';

const SCATTERED = 3000;
const BINS = 50;
/** Of a scatter, whose two axes have one scale while there is room. */
const [MOST_WIDTH, MOST_HEIGHT] = [644, 520];
const COORDINATES = 4;
/** Contours where the log density is so far below its maximum: 1, 2 and 3 standard deviations of a Gaussian. */
const CONTOURS = [-4.5, -2, -0.5];

export const chainDensities: Section = {
  id: 'densities',
  title: 'Draws against the target',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) if (run.has('draws')) parts.push(await densityFigure(context, run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function densityFigure(context: SectionContext, run: ReportRun): Promise<Markup> {
  const { config } = run.manifest;
  if (!('target' in config)) return html``;
  const [size] = await run.rows('SELECT count(*) AS n, any_value(len(z)) AS dim FROM {draws}');
  const dim = Number(size?.dim);
  const ranges = await rangesOf(run, Math.min(dim, COORDINATES));
  const grid =
    dim === 2
      ? await targetGrid(config.target, {
          seed: config.seed,
          box: { x0: ranges[0]!.low, x1: ranges[0]!.high, y0: ranges[1]!.low, y1: ranges[1]!.high },
        })
      : null;
  const essOf = await effectiveSizes(run);
  const histograms: Drawing[] = [];
  for (const [i, range] of ranges.entries())
    histograms.push(await histogram(run, { i, range, grid, ess: essOf.get(`z[${i}]`) ?? Number.NaN }));
  const rows = Array.from({ length: Math.ceil(histograms.length / 2) }, (_, i) =>
    beside(histograms.slice(2 * i, 2 * i + 2)),
  );
  const drawing = dim === 2 ? stack([await scatter(run, ranges, grid), ...rows]) : stack(rows);
  const against =
    grid === null
      ? ''
      : ' Lines: the target (contours 1, 2 and 3 standard deviations of a Gaussian below its peak; curves: its marginals, integrated over the box that is shown).';
  return context.figure({
    id: `draws-${run.runId}`,
    title: `Draws, ${run.runId}`,
    caption: `n = ${formatCount(Number(size?.n))} draws of ${dim} coordinates${dim > COORDINATES ? `, the first ${COORDINATES} shown` : ''}. Bars: density of a coordinate; whiskers: two standard errors of a bin with the effective sample size.${against}`,
    drawing,
  });
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/** From the 0.1 % to the 99.9 % quantile, with a margin. */
async function rangesOf(run: ReportRun, coordinates: number): Promise<Range[]> {
  const ranges: Range[] = [];
  for (let i = 1; i <= coordinates; i++) {
    const [row] = await run.rows(
      `SELECT quantile_cont(z[${i}], 0.001) AS low, quantile_cont(z[${i}], 0.999) AS high FROM {draws}`,
    );
    const [low, high] = [Number(row?.low), Number(row?.high)];
    const margin = 0.08 * (high - low) || 1;
    ranges.push({ low: low - margin, high: high + margin });
  }
  return ranges;
}

async function effectiveSizes(run: ReportRun): Promise<Map<string, number>> {
  if (!run.has('diagnostics')) return new Map();
  const rows = await run.rows('SELECT parameter, ess_bulk FROM {diagnostics}');
  return new Map(rows.map((row) => [String(row.parameter), Number(row.ess_bulk)]));
}

async function scatter(run: ReportRun, [x, y]: readonly Range[], grid: TargetGrid | null): Promise<Drawing> {
  const rows = await run.rows(`
    SELECT z[1] AS x, z[2] AS y FROM {draws}
    QUALIFY (row_number() OVER (ORDER BY chain, draw) - 1) % (SELECT greatest(1, count(*) // ${SCATTERED}) FROM {draws}) = 0`);
  const contours =
    grid === null
      ? []
      : [
          Plot.contour(Array.from(grid.logDensity), {
            width: grid.side,
            height: grid.side,
            ...{ x1: grid.box.x0, y1: grid.box.y0, x2: grid.box.x1, y2: grid.box.y1 },
            thresholds: CONTOURS,
            stroke: INK,
            strokeWidth: 1.1,
          }),
        ];
  const ratio = (y!.high - y!.low) / (x!.high - x!.low);
  const innerWidth = Math.max(MOST_WIDTH / 3, Math.min(MOST_WIDTH, MOST_HEIGHT / ratio));
  return draw({
    width: innerWidth + 76,
    height: Math.max(160, Math.min(MOST_HEIGHT, innerWidth * ratio)) + 60,
    x: { label: 'z[0]', domain: [x!.low, x!.high] },
    y: { label: 'z[1]', domain: [y!.low, y!.high] },
    marks: [
      Plot.dot(rows, { x: 'x', y: 'y', r: 1.4, fill: ACCENT, fillOpacity: 0.4, clip: true }),
      ...contours,
    ],
  });
}

async function histogram(
  run: ReportRun,
  {
    i,
    range,
    grid,
    ess,
  }: { readonly i: number; readonly range: Range; readonly grid: TargetGrid | null; readonly ess: number },
): Promise<Drawing> {
  const bars = await histogramBars(run, { i, range, ess });
  const marginal = grid === null || i > 1 ? [] : gridMarginal(grid, i === 0 ? 0 : 1);
  return draw({
    width: 360,
    height: 200,
    marginLeft: 46,
    x: { label: `z[${i}]`, domain: [range.low, range.high], ticks: 5 },
    y: { label: '↑ density', grid: true, ticks: 4 },
    marks: [
      Plot.rectY(bars, { x1: 'x1', x2: 'x2', y: 'density', fill: ACCENT, fillOpacity: 0.45 }),
      ...(Number.isFinite(ess)
        ? [Plot.ruleX(bars, { x: 'middle', y1: 'low', y2: 'high', stroke: ACCENT })]
        : []),
      Plot.line(marginal, { x: 'x', y: 'density', stroke: INK, strokeWidth: 1.4 }),
      Plot.ruleY([0]),
    ],
  });
}

/** Densities of bins with two standard errors. */
async function histogramBars(
  run: ReportRun,
  { i, range, ess }: { readonly i: number; readonly range: Range; readonly ess: number },
) {
  const step = (range.high - range.low) / BINS;
  const rows = await run.rows(`
    SELECT floor((z[${i + 1}] - ${range.low}) / ${step}) AS bin, count(*) / any_value(total) AS share
    FROM {draws}, (SELECT count(*) AS total FROM {draws}) GROUP BY bin HAVING bin >= 0 AND bin < ${BINS} ORDER BY bin`);
  return rows.map((row: Row) => {
    const [bin, share] = [Number(row.bin), Number(row.share)];
    const error = (2 * Math.sqrt((share * (1 - share)) / ess)) / step;
    const from = range.low + bin * step;
    return {
      x1: from,
      x2: from + step,
      middle: from + step / 2,
      density: share / step,
      low: Math.max(0, share / step - error),
      high: share / step + error,
    };
  });
}
