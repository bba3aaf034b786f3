// What scaling a vector changes: strips of class over the factor, and how far activations turn.

import * as Plot from '@observablehq/plot';
import { formatCount } from '../../cli/format.ts';
import { beside, colourOf, CONTROL, draw, type Drawing, INK, SOFT, stack } from '../chart.ts';
import { html, type Markup } from '../markup.ts';
import { kindOfModel, mainModel, sqlText } from '../models.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Points of a strip: the first of the table. */
const POINTS = 40;

export const scaling: Section = {
  id: 'scaling',
  title: 'Scaling',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      if (!run.has('scaling')) continue;
      const main = await mainModel(run);
      const spaces = (
        await run.rows('SELECT space, min(layer_id) AS l FROM {scaling} GROUP BY space ORDER BY l, space')
      ).map(({ space }) => String(space));
      parts.push(
        await stripFigure(context, run, { main, spaces }),
        await angleFigure(context, run, { main, spaces }),
      );
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

/** A mean with its half interval on both sides. */
const BAND = {
  y1: (row: Row) => Number(row.mean) - Number(row.half),
  y2: (row: Row) => Number(row.mean) + Number(row.half),
};

interface Asked {
  readonly main: string;
  readonly spaces: readonly string[];
}

async function stripFigure(
  context: SectionContext,
  run: ReportRun,
  { main, spaces }: Asked,
): Promise<Markup> {
  const book = context.exemplars(run);
  const models = await shownModels(run, main);
  const rows = await run.rows(`
    SELECT model, space, point_id, alpha, any_value(pred_class) AS id FROM {scaling}
    WHERE direction = 'whole' AND part = 'scale' AND model IN (${models.map(sqlText).join(', ')}) AND pred_class IS NOT NULL AND token_index IS NULL
      AND point_id IN (SELECT DISTINCT point_id FROM {scaling} ORDER BY point_id LIMIT ${POINTS})
    GROUP BY ALL ORDER BY model, space, point_id, alpha`);
  if (rows.length === 0) return html``;
  const ids = [...new Set(rows.map(({ id }) => Number(id)))].sort((a, b) => a - b);
  const panels = spaces.map((space) =>
    beside(
      models.map((model) =>
        strip(
          rows.filter((row) => row.model === model && row.space === space),
          `${kindOfModel(model)}, ${space}`,
        ),
      ),
    ),
  );
  const legend = ids.map((id) => ({ label: book.className(id) ?? String(id), colour: colourOf(id) }));
  const key = draw({ height: 1, margin: 0, axis: null, marks: [] }, legend);
  return context.figure({
    id: `scaling-classes-${run.runId}`,
    title: `Class over the factor, ${run.runId}`,
    caption: `Each row is a point, its whole vector multiplied by the factor on the axis (logarithmic); colour: the class of the largest logit. The first ${POINTS} points of the table. Without biases a class could not change with the factor.`,
    drawing: stack([key, ...panels]),
  });
}

/** The main model and one control of each kind. */
async function shownModels(run: ReportRun, main: string): Promise<string[]> {
  const models = (await run.rows('SELECT DISTINCT model FROM {scaling} ORDER BY model')).map(({ model }) =>
    String(model),
  );
  const kinds = new Map<string, string>();
  for (const model of models)
    if (model !== main && !kinds.has(kindOfModel(model))) kinds.set(kindOfModel(model), model);
  return [main, ...kinds.values()].slice(0, 4);
}

function strip(rows: readonly Row[], title: string): Drawing {
  const points = [...new Set(rows.map(({ point_id: id }) => Number(id)))];
  const alphas = [...new Set(rows.map(({ alpha }) => Number(alpha)))].sort((a, b) => a - b);
  const bars = classBars(rows, points, alphas);
  return draw({
    width: 260,
    height: 60 + points.length * 5,
    marginLeft: 16,
    marginRight: 14,
    marginTop: 26,
    x: { type: 'log', label: 'factor α', ticks: 3, tickFormat: (value: number) => String(value) },
    y: { axis: null, domain: [points.length, 0] },
    marks: [
      Plot.text([title], {
        frameAnchor: 'top-left',
        dy: -18,
        text: (text: string) => text,
        fill: INK,
        fontWeight: 600,
      }),
      Plot.rect(bars, {
        x1: 'x1',
        x2: 'x2',
        y1: 'y',
        y2: (bar: { y: number }) => bar.y + 1,
        fill: 'colour',
        insetBottom: 0.6,
      }),
      Plot.ruleX([1], { stroke: INK }),
    ],
  });
}

interface ClassBar {
  readonly x1: number;
  x2: number;
  readonly y: number;
  readonly id: number;
  readonly colour: string;
}

/** Stretches of one class along the factor, a row for each point; places reach half way (in the logarithm) to the next. */
function classBars(rows: readonly Row[], points: readonly number[], alphas: readonly number[]): ClassBar[] {
  const middle = (i: number) => Math.sqrt(alphas[i]! * alphas[i + 1]!);
  const bars: ClassBar[] = [];
  for (const row of rows) {
    const at = alphas.indexOf(Number(row.alpha));
    const [y, id] = [points.indexOf(Number(row.point_id)), Number(row.id)];
    const x1 = at === 0 ? alphas[0]! : middle(at - 1);
    const x2 = at === alphas.length - 1 ? alphas.at(-1)! : middle(at);
    const last = bars.at(-1);
    if (last?.y === y && last.id === id) last.x2 = x2;
    else bars.push({ x1, x2, y, id, colour: colourOf(id) });
  }
  return bars;
}

async function angleFigure(
  context: SectionContext,
  run: ReportRun,
  { main, spaces }: Asked,
): Promise<Markup> {
  const rows = await run.rows(`
    SELECT s.space, l.name AS tap, s.model = ${sqlText(main)} AS is_main, s.model, s.alpha, avg(theta_rad) AS mean,
      1.96 * stddev_samp(theta_rad) / sqrt(count(theta_rad)) AS half, count(theta_rad) AS n
    FROM {scaling} s JOIN {layers} l ON l.layer_id = s.later_layer_id AND l.model = s.model
    WHERE direction = 'whole' AND part = 'scale' AND theta_rad IS NOT NULL GROUP BY ALL ORDER BY s.alpha`);
  if (rows.length === 0) return html``;
  const [mains, controls] = [
    rows.filter((row) => row.is_main === true),
    rows.filter((row) => row.is_main !== true),
  ];
  const drawing = angleDrawing({ main, spaces, mains, controls });
  return context.figure({
    id: `scaling-angle-${run.runId}`,
    title: `How far activations turn, ${run.runId}`,
    caption: `Mean angle in rad between a later tap's activations at factor α and at 1, with 95 % bands over n = ${formatCount(Number(mains[0]?.n ?? 0))} points; columns: the space that is scaled. A straight-line direction would keep the angle at 0.`,
    drawing,
  });
}

/** Means and bands by tap and space, controls grey. */
function angleDrawing({
  main,
  spaces,
  mains,
  controls,
}: Asked & { readonly mains: readonly Row[]; readonly controls: readonly Row[] }): Drawing {
  const taps = [...new Set(mains.map(({ tap }) => String(tap)))];
  return draw(
    {
      height: 260,
      marginTop: 30,
      fx: { domain: spaces, label: null },
      x: { type: 'log', label: 'factor α →', ticks: 3, tickFormat: (value: number) => String(value) },
      y: { label: '↑ angle, rad', grid: true, ticks: 5 },
      color: { domain: taps, range: taps.map((_, i) => colourOf(i)) },
      marks: [
        Plot.line(controls, {
          x: 'alpha',
          y: 'mean',
          fx: 'space',
          z: (row: Row) => `${row.model} ${row.tap}`,
          stroke: CONTROL,
          strokeOpacity: 0.5,
          strokeWidth: 1,
        }),
        Plot.areaY(mains, {
          x: 'alpha',
          ...BAND,
          fx: 'space',
          z: 'tap',
          fill: 'tap',
          fillOpacity: 0.15,
        }),
        Plot.line(mains, { x: 'alpha', y: 'mean', fx: 'space', z: 'tap', stroke: 'tap', strokeWidth: 2 }),
        Plot.ruleX([1], { stroke: SOFT, strokeDasharray: '3 3' }),
      ],
    },
    [
      ...taps.map((tap, i) => ({ label: `${main}, ${tap}`, colour: colourOf(i) })),
      { label: 'controls', colour: CONTROL },
    ],
  );
}
