// Boundary density along interpolations: the mean over legs, and single chains with their images and classes.

import * as Plot from '@observablehq/plot';
import { ACCENT, colourOf, CONTROL, draw, type Drawing, FAINT, type LegendEntry, stack } from '../chart.ts';
import { formatCount } from '../../cli/format.ts';
import type { ExemplarBook } from '../exemplars.ts';
import { html, type Markup } from '../markup.ts';
import { mainModel, sqlText } from '../models.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Chains that are shown: the first of the plan, whose images were drawn by the run's seed. */
const CHAINS = 3;
const MARGIN = { left: 56, right: 20 };
const WIDTH = 720;
const FRAME = { width: WIDTH, marginLeft: MARGIN.left, marginRight: MARGIN.right };

export const interpolation: Section = {
  id: 'interpolation',
  title: 'Density along interpolations',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      if (!run.has('interpolation_legs')) continue;
      const main = await mainModel(run);
      parts.push(await meanFigure(context, run, main));
      for (let chain = 0; chain < CHAINS; chain++)
        parts.push(await chainFigure(context, run, { main, chain }));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

/** Per bin the density over the leg's mean, averaged over legs of a chain, then over chains: chains are independent. */
async function meanFigure(context: SectionContext, run: ReportRun, main: string): Promise<Markup> {
  const rows = await run.rows(`
    WITH legs AS (
      SELECT CASE WHEN model = ${sqlText(main)} THEN 'main' ELSE 'control' END AS who, model, chain, chain_kind, space, curve,
        generate_subscripts(density, 1) - 1 AS bin, unnest(density) / nullif(list_avg(density), 0) AS d, len(density) AS bins
      FROM {interpolation_legs}),
    chains AS (SELECT who, model, chain, chain_kind, space, curve, bin, bins, avg(d) AS d FROM legs GROUP BY ALL)
    SELECT who, chain_kind, space || ', ' || CASE curve WHEN 'lerp' THEN 'line' ELSE 'arc' END AS track, (bin + 0.5) / bins AS t,
      avg(d) AS mean, 1.96 * stddev_samp(d) / sqrt(count(*)) AS half, count(*) AS n
    FROM chains GROUP BY ALL ORDER BY who, chain_kind, track, t`);
  const mains = rows.filter((row) => row.who === 'main' && row.chain_kind === 'between');
  const n = formatCount(Number(mains[0]?.n ?? 0));
  return context.figure({
    id: `interpolation-mean-${run.runId}`,
    title: `Density along legs between images, ${run.runId}`,
    caption: `Crossings per unit of length in 64 bins, over the mean of the same leg: 1 is no change along the leg. Means over n = ${n} chains of each kind with 95 % bands (chains as independent units); columns: space in which the leg lies, and its shape.`,
    drawing: meanDrawing(rows, main),
  });
}

function meanDrawing(rows: readonly Row[], main: string): Drawing {
  const of = (who: string, kind: string) => rows.filter((row) => row.who === who && row.chain_kind === kind);
  const within = colourOf(1);
  return draw(
    {
      height: 250,
      marginTop: 32,
      fx: { label: null, padding: 0.2 },
      x: { label: 'place on the leg, t →', domain: [0, 1], ticks: [0, 0.5, 1] },
      y: { label: '↑ density over the mean of the leg', grid: true, ticks: 5 },
      marks: [
        Plot.ruleY([1], { stroke: FAINT }),
        bandOf(of('main', 'between'), ACCENT),
        bandOf(of('main', 'within'), within),
        lineOf(of('control', 'between'), CONTROL),
        lineOf(of('control', 'within'), CONTROL, '3 3'),
        lineOf(of('main', 'within'), within),
        lineOf(of('main', 'between'), ACCENT),
      ],
    },
    [
      { label: `${main}, between classes`, colour: ACCENT },
      { label: `${main}, within one class`, colour: within },
      { label: 'controls (dashed: within)', colour: CONTROL },
    ],
  );
}

function bandOf(data: readonly Row[], fill: string): Plot.Markish {
  return Plot.areaY(data, {
    x: 't',
    y1: (row: Row) => Number(row.mean) - Number(row.half),
    y2: (row: Row) => Number(row.mean) + Number(row.half),
    fx: 'track',
    fill,
    fillOpacity: 0.16,
  });
}

function lineOf(data: readonly Row[], stroke: string, dash?: string): Plot.Markish {
  return Plot.line(data, {
    x: 't',
    y: 'mean',
    fx: 'track',
    stroke,
    strokeWidth: 1.8,
    ...(dash === undefined ? {} : { strokeDasharray: dash }),
  });
}

async function chainFigure(
  context: SectionContext,
  run: ReportRun,
  { main, chain }: { readonly main: string; readonly chain: number },
): Promise<Markup> {
  const where = `l.model = ${sqlText(main)} AND chain = ${chain} AND chain_kind = 'between' AND curve = 'lerp'`;
  const legs = await run.rows(`
    SELECT l.*, p.point_a, p.point_b FROM {interpolation_legs} l JOIN {paths} p USING (model, path_id)
    WHERE ${where} AND l.space = (SELECT space FROM {interpolation_legs} ORDER BY space <> 'input', space LIMIT 1) ORDER BY leg`);
  if (legs.length === 0) return html``;
  const ids = legs.map(({ path_id: id }) => id).join(', ');
  const outputs = await run.rows(
    `SELECT path_id, t, pred_class FROM {path_outputs} WHERE model = ${sqlText(main)} AND path_id IN (${ids}) ORDER BY path_id, t`,
  );
  const book = context.exemplars(run);
  const points = [...legs.map((leg) => Number(leg.point_a)), Number(legs.at(-1)!.point_b)];
  const known = await book.describe(points);
  const thumbs = points.map((point, i) => ({
    at: (MARGIN.left + (i / legs.length) * (WIDTH - MARGIN.left - MARGIN.right)) / WIDTH,
    exemplar: known.get(point),
  }));
  const above = html`<div class="ends">${thumbs.map(({ at, exemplar }) =>
    exemplar === undefined
      ? null
      : html`<span style="left:${(100 * at).toFixed(2)}%">${book.markup(exemplar)}</span>`,
  )}</div>`;
  return context.figure({
    id: `interpolation-chain-${chain}-${run.runId}`,
    title: `Chain ${chain}: density and class between ${points.length} images`,
    caption: `Straight legs through ${String(legs[0]!.space)}, model ${main}. Above: crossings per unit of length; below: the class of the largest logit; dashed: its changes. Chains are the first of the plan, not chosen.`,
    drawing: chainDrawing(legs, { outputs, book }),
    above,
  });
}

function chainDrawing(
  legs: readonly Row[],
  { outputs, book }: { readonly outputs: readonly Row[]; readonly book: ExemplarBook },
): Drawing {
  const strips = legs.flatMap((leg, i) =>
    classRuns(
      outputs.filter(({ path_id: id }) => id === leg.path_id),
      i,
    ),
  );
  const classes = [...new Set(strips.map(({ id }) => id))].sort((a, b) => a - b);
  const curve = curveDrawing(legs);
  const strip = stripDrawing(strips, legs.length);
  const legend: LegendEntry[] = classes.map((id) => ({
    label: book.className(id) ?? String(id),
    colour: colourOf(id),
  }));
  return stack([curve, strip, draw({ width: WIDTH, height: 1, margin: 0, axis: null, marks: [] }, legend)]);
}

/** Crossings per unit of length along all legs, with the changes of class. */
function curveDrawing(legs: readonly Row[]): Drawing {
  const bins = legs.flatMap((leg, i) => {
    const density = leg.density as number[];
    return density.map((d, bin) => ({ x1: i + bin / density.length, x2: i + (bin + 1) / density.length, d }));
  });
  const changes = legs.flatMap((leg, i) => (leg.class_changes as number[]).map((t) => i + t));
  const x = { domain: [0, legs.length], axis: null };
  return draw({
    ...FRAME,
    height: 150,
    marginTop: 18,
    marginBottom: 6,
    x,
    y: { label: '↑ crossings per unit', ticks: 4, grid: true },
    marks: [
      Plot.rectY(bins, { x1: 'x1', x2: 'x2', y: 'd', fill: ACCENT, fillOpacity: 0.7 }),
      Plot.ruleX(changes, { strokeDasharray: '3 3' }),
      Plot.ruleX(
        legs.slice(1).map((_, i) => i + 1),
        { stroke: FAINT },
      ),
      Plot.ruleY([0]),
    ],
  });
}

/** The class strip under a curve. */
function stripDrawing(strips: readonly ClassRun[], legs: number): Drawing {
  return draw({
    ...FRAME,
    height: 34,
    marginTop: 2,
    marginBottom: 12,
    x: { domain: [0, legs], axis: null },
    y: { axis: null },
    marks: [Plot.rect(strips, { x1: 'x1', x2: 'x2', y1: 0, y2: 1, fill: 'colour' })],
  });
}

/** A stretch of one class; its end moves while it is found. */
interface ClassRun {
  readonly x1: number;
  x2: number;
  readonly id: number;
  readonly colour: string;
}

/** Runs of one class along a leg. */
function classRuns(outputs: readonly Row[], leg: number): ClassRun[] {
  const runs: ClassRun[] = [];
  for (const { t, pred_class: predicted } of outputs) {
    const [at, id] = [leg + Number(t), Number(predicted)];
    const last = runs.at(-1);
    if (last !== undefined) last.x2 = at;
    if (last?.id !== id) runs.push({ x1: at, x2: at, id, colour: colourOf(id) });
  }
  return runs;
}
