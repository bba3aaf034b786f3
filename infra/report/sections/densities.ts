// Boundary density between and within classes, by span, trained net and controls on axes of their own.

import * as Plot from '@observablehq/plot';
import {
  beside,
  colourOf,
  CONTROL,
  draw,
  type Drawing,
  rowAxis,
  shortened,
  stack,
  titleLine,
} from '../chart.ts';
import { formatCount } from '../../cli/format.ts';
import { range, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { kindOfModel, mainModel } from '../models.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Pixels of a panel, two of them beside each other, and characters of a span's name in its margin. */
const WIDTH = 430;
const NAME_LENGTH = 26;

const MEASURES: Readonly<Record<string, string>> = {
  rho_h: 'Hamming distance over distance, bits per unit',
  rho_x: 'crossings over length, crossings per unit',
  rho_h_matched: 'Hamming over distance, pairs matched on distance and norms, bits per unit',
  per_radian: 'Hamming distance over angle, bits per radian',
  above_null: 'normalised Hamming distance above what angles let expect, fraction',
};

export const densities: Section = {
  id: 'densities',
  title: 'Density between and within classes',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) if (run.has('densities')) parts.push(await densityFigure(context, run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function densityFigure(context: SectionContext, run: ReportRun): Promise<Markup> {
  const rows = (await run.rows('SELECT * FROM {densities}')).filter(({ mean }) => typeof mean === 'number');
  const main = await mainModel(run);
  const measures = Object.keys(MEASURES).filter((measure) => rows.some((row) => row.measure === measure));
  const panels = measures.map((measure) => {
    const of = rows.filter((row) => row.measure === measure);
    const isMain = ({ model }: Row) => model === main;
    return stack([
      titleLine(MEASURES[measure]!),
      beside([
        panel(of.filter(isMain), main),
        panel(
          of.filter((row) => !isMain(row)),
          'controls',
        ),
      ]),
    ]);
  });
  const columns = ['model', 'span', 'measure', 'pairs of', 'mean', '99 % interval', 'pairs', 'points'];
  const cells = rows.map((row) =>
    [row.model, row.span, row.measure, row.kind === 'inter' ? 'two classes' : 'one class']
      .map(String)
      .concat([
        significant(row.mean),
        range(row.ci_low, row.ci_high),
        formatCount(Number(row.pairs)),
        formatCount(Number(row.points)),
      ]),
  );
  return context.figure({
    id: `densities-${run.runId}`,
    title: `Boundary density of pairs, ${run.runId}`,
    caption:
      'Means over pairs with 99 % bootstrap intervals, resampled by image. Controls have their own axis. Density depends on distance and norms even in random nets: the matched and per-angle measures are the fair ones. n: see the numbers.',
    drawing: stack(panels),
    data: { columns, rows: cells },
  });
}

function panel(rows: readonly Row[], title: string): Drawing | null {
  if (rows.length === 0) return null;
  const spans = [...new Set(rows.map(({ span }) => String(span)))];
  const models = [...new Set(rows.map(({ model }) => String(model)))];
  const placed = rows.map((row) => ({ ...row, y: placeOf(row, spans, models) }));
  const kinds = title === 'controls' ? [...new Set(models.map(kindOfModel))].join(', ') : title;
  const [inter, intra] = [colourOf(2), colourOf(0)];
  const colour = (row: Row) => (row.kind === 'inter' ? inter : intra);
  return draw(
    {
      width: WIDTH,
      height: 56 + spans.length * 34,
      marginLeft: 186,
      marginRight: 18,
      marginTop: 8,
      x: { grid: true, ticks: 4, label: null },
      y: rowAxis(shortened(spans, NAME_LENGTH)),
      marks: [
        ...(rows.some(({ measure }) => measure === 'above_null')
          ? [Plot.ruleX([0], { stroke: CONTROL })]
          : []),
        Plot.ruleY(placed, {
          x1: 'ci_low',
          x2: 'ci_high',
          y: 'y',
          stroke: colour,
          strokeWidth: models.length > 1 ? 1 : 2,
        }),
        Plot.dot(placed, { x: 'mean', y: 'y', fill: colour, r: models.length > 1 ? 2.4 : 4 }),
      ],
    },
    [
      { label: `${kinds}: two classes`, colour: inter },
      { label: 'one class', colour: intra },
    ],
  );
}

/** Pairs between classes above those within one; models next to one another. */
function placeOf(row: Row, spans: readonly string[], models: readonly string[]): number {
  const kind = row.kind === 'inter' ? -0.16 : 0.16;
  const model =
    models.length < 2 ? 0 : (models.indexOf(String(row.model)) / (models.length - 1) - 0.5) * 0.22;
  return spans.indexOf(String(row.span)) + kind + model;
}
