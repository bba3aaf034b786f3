// Entropy and purity by layer, each against what chance gives.

import * as Plot from '@observablehq/plot';
import { type ClusterSums, ratioInterval } from '../../../activities/numeric/ratio-interval.ts';
import { type RunSummary, type SpanSummary, summariseRun } from '../../aggregate/summarise-run.ts';
import { parquetFault } from '../../datasets/parquet-query.ts';
import { formatCount } from '../../cli/format.ts';
import { colourOf, draw, type Drawing, INK, shortenedByName, SOFT } from '../chart.ts';
import { dataTable } from '../data-table.ts';
import { fixed, range } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

interface SpanLine extends SpanSummary {
  readonly runId: string;
  readonly colour: string;
  readonly alwaysOn: number | null;
  readonly boundBits: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Characters of a span's name beside a figure. */
const NAME_LENGTH = 28;

export const sweepLayers: Section = {
  id: 'layers',
  title: 'Layers',
  async render(context) {
    const lines = (await Promise.all(context.runs.map(spanLines))).flat();
    return html`<p>Each row is a span: one tapped layer, or <em>network</em> for all of them together. A region is one spline code
that some point has; where nearly every point has a region of its own (occupancy near 1), entropy sits at its ceiling log₂ n and says
little. Purity is about shared regions only: the share of their commonest label, against what shuffled labels give.</p>
${spanTable(lines)}${entropyFigure(context, lines)}${purityFigure(context, lines)}`;
  },
};

async function spanLines(run: ReportRun, index: number): Promise<SpanLine[]> {
  const summary = await summaryOf(run);
  const layers = new Map((await run.rows('SELECT * FROM {layers}')).map((row) => [String(row.name), row]));
  const sums = await purityOf(run);
  return summary.spans.map((span) => {
    const interval = sums.has(span.span) ? ratioInterval(sums.get(span.span)!) : null;
    const layer = layers.get(span.span) ?? {};
    return {
      ...span,
      runId: run.runId,
      colour: colourOf(index),
      alwaysOn: numberOrNull(layer.always_on_units),
      boundBits: numberOrNull(layer.h_ind_bits),
      low: interval?.low ?? null,
      high: interval?.high ?? null,
    };
  });
}

async function summaryOf(run: ReportRun): Promise<RunSummary> {
  try {
    return await summariseRun(run.runDir);
  } catch (error) {
    throw parquetFault(run.runDir, error);
  }
}

/** Sums over shared regions: points with the commonest label, of all labelled points. */
async function purityOf(run: ReportRun): Promise<Map<string, ClusterSums>> {
  const rows = await run.rows(`
    SELECT span, count(*) AS clusters, sum(a) AS a, sum(b) AS b, sum(a * a) AS aa, sum(a * b) AS ab, sum(b * b) AS bb FROM (
      SELECT span, CAST(list_max(class_counts) AS DOUBLE) AS a, CAST(list_sum(class_counts) AS DOUBLE) AS b
      FROM {regions} WHERE "count" > 1 AND len(class_ids) > 0) GROUP BY span`);
  return new Map(rows.map(({ span, ...sums }) => [String(span), sums as unknown as ClusterSums]));
}

function spanTable(lines: readonly SpanLine[]): Markup {
  // With one run its name says nothing, and the table fits.
  const labelled = lines.some(({ purity }) => purity !== null);
  const several = new Set(lines.map(({ runId }) => runId)).size > 1;
  const columns = [
    ...(several ? ['run'] : []),
    'span',
    'bits',
    'points',
    'regions',
    'with one point',
    'shared points',
    'entropy, bits',
    'occupancy',
    ...(labelled ? ['purity', '95 % interval', 'by chance'] : []),
    'dead units',
    'always on',
  ];
  const rows = lines.map((line) => [
    ...(several ? [line.runId] : []),
    line.span,
    formatCount(line.units),
    formatCount(line.points),
    formatCount(line.regions),
    formatCount(line.singletons),
    formatCount(line.points - line.singletons),
    fixed(line.entropyBits, 2),
    fixed(line.occupancy, 3),
    ...(labelled ? [fixed(line.purity, 3), range(line.low, line.high), fixed(line.chancePurity, 3)] : []),
    line.deadUnits === null ? '–' : formatCount(line.deadUnits),
    line.alwaysOn === null ? '–' : formatCount(line.alwaysOn),
  ]);
  return dataTable(columns, rows, 'Regions by span');
}

function entropyFigure(context: SectionContext, lines: readonly SpanLine[]): Markup {
  const ceiling = Math.log2(Math.max(...lines.map(({ points }) => points)));
  const drawing = draw(
    {
      ...byLayer(lines),
      x: { label: 'entropy of the code, bits →', domain: [0, Math.ceil(ceiling * 1.04)], grid: true },
      marks: [
        Plot.ruleX([ceiling], { stroke: SOFT, strokeDasharray: '4 3' }),
        Plot.dot(lines, { x: 'entropyBits', fy: 'span', y: 'runId', fill: 'colour', r: 5, symbol: 'circle' }),
      ],
    },
    runLegend(context),
  );
  return context.figure({
    id: 'entropy-by-layer',
    title: 'Entropy of the code by layer',
    caption: `Plug-in entropy in bits of all n = ${countsOf(lines)} points; the dashed line is its ceiling log₂ n, where every point has its own region. The Miller-Madow correction is in layers.parquet; neither is to be trusted where occupancy is above 0.5.`,
    drawing,
    data: {
      columns: ['run', 'span', 'entropy, bits', 'corrected, bits', 'sum of unit entropies, bits', 'n'],
      rows: lines.map((line) => [
        line.runId,
        line.span,
        fixed(line.entropyBits, 3),
        fixed(line.correctedEntropyBits, 3),
        fixed(line.boundBits, 1),
        formatCount(line.points),
      ]),
    },
  });
}

function purityFigure(context: SectionContext, lines: readonly SpanLine[]): Markup | null {
  const labelled = lines.filter(({ purity }) => purity !== null);
  if (labelled.length === 0) return null;
  return context.figure({
    id: 'purity-by-layer',
    title: 'Purity of shared regions by layer',
    caption:
      'Dots: purity of regions with two points or more, weighted by points, with the 95 % interval over regions as independent units (Wilson, effective number). Ticks: mean purity of the same regions under shuffled labels.',
    drawing: purityDrawing(context, labelled),
    data: {
      columns: ['run', 'span', 'purity', '95 % interval', 'by chance', 'points', 'shared regions'],
      rows: labelled.map((line) => [
        line.runId,
        line.span,
        fixed(line.purity, 4),
        range(line.low, line.high, 4),
        fixed(line.chancePurity, 4),
        formatCount(line.points - line.singletons),
        formatCount(line.regions - line.singletons),
      ]),
    },
  });
}

function purityDrawing(context: SectionContext, labelled: readonly SpanLine[]): Drawing {
  return draw(
    {
      ...byLayer(labelled),
      x: { label: 'share of points with the commonest label of their region →', domain: [0, 1], grid: true },
      marks: [
        Plot.ruleY(labelled, {
          x1: 'low',
          x2: 'high',
          fy: 'span',
          y: 'runId',
          stroke: 'colour',
          strokeWidth: 2,
        }),
        Plot.dot(labelled, { x: 'purity', fy: 'span', y: 'runId', fill: 'colour', r: 5 }),
        Plot.tickX(labelled, { x: 'chancePurity', fy: 'span', y: 'runId', stroke: INK, strokeWidth: 2 }),
      ],
    },
    [...runLegend(context), { label: 'by chance (shuffled labels)', colour: INK }],
  );
}

function byLayer(lines: readonly SpanLine[]): Plot.PlotOptions {
  const spans = [...new Set(lines.map(({ span }) => span))];
  const runs = [...new Set(lines.map(({ runId }) => runId))];
  const shown = shortenedByName(spans, NAME_LENGTH);
  return {
    height: 64 + spans.length * Math.max(26, runs.length * 16),
    marginLeft: 8 + 7 * Math.max(...[...shown.values()].map(({ length }) => length)),
    marginRight: 20,
    fy: { label: null, domain: spans, axis: 'left', tickFormat: (span: string) => shown.get(span) ?? span },
    y: { axis: null, domain: runs },
  };
}

function runLegend({ runs }: SectionContext): { label: string; colour: string }[] {
  return runs.length < 2 ? [] : runs.map(({ runId }, i) => ({ label: runId, colour: colourOf(i) }));
}

function countsOf(lines: readonly SpanLine[]): string {
  return [...new Set(lines.map(({ points }) => formatCount(points)))].join(', ');
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
