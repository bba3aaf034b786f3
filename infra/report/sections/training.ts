// How training went: the bound, and what share of proposals each kernel of the path has accepted.

import * as Plot from '@observablehq/plot';
import { ACCENT, colourOf, draw, type Drawing, SOFT, stack } from '../chart.ts';
import { formatCount } from '../../cli/format.ts';
import { dataTable } from '../data-table.ts';
import { fixed } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Steps of a line that are drawn: more do not fit into its pixels. */
const DRAWN = 400;

export const training: Section = {
  id: 'training',
  title: 'Training',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) if (run.has('training')) parts.push(await trainingFigure(context, run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function trainingFigure(context: SectionContext, run: ReportRun): Promise<Markup> {
  const [total] = await run.rows('SELECT count(*) AS n, max(step) AS last FROM {training}');
  const steps = Number(total?.last ?? 0) + 1;
  if (Number(total?.n) === 0) return html``;
  const width = Math.max(1, Math.ceil(steps / DRAWN));
  const rows = await run.rows(
    `SELECT step // ${width} * ${width} AS step, avg(elbo) AS elbo FROM {training} GROUP BY 1 ORDER BY 1`,
  );
  const evaluated = await run.rows(
    'SELECT step, elbo_eval AS elbo FROM {training} WHERE elbo_eval IS NOT NULL ORDER BY step',
  );
  const accepted = await run.rows(`
    SELECT step // ${width} * ${width} AS step, kernel, avg(rate) AS rate FROM (
      SELECT step, generate_subscripts(accept_rate, 1) - 1 AS kernel, unnest(accept_rate) AS rate FROM {training})
    GROUP BY ALL ORDER BY kernel, step`);
  const bound = boundDrawing(rows, evaluated, steps);
  const rates = rateDrawing(accepted, steps);
  const figure = context.figure({
    id: `training-${run.runId}`,
    title: `Bound and acceptance in training, ${run.runId}`,
    caption: `Evidence lower bound in nats (its lowest 2 % cut off), and share of proposals accepted by each kernel of the path; ${formatCount(steps)} updates of ${formatCount(batchOf(run))} paths each, lines are means over ${formatCount(width)} of them: how far a line jumps is its error. The bound is at most log Z of the target.`,
    drawing: stack([bound, rates]),
  });
  return html`${figure}${await boundTable(run)}`;
}

function batchOf({ manifest }: ReportRun): number {
  const { config } = manifest;
  return 'train' in config && config.train !== undefined && 'batch' in config.train ? config.train.batch : 0;
}

/** The path's bound beside the mean-field one. */
async function boundTable(run: ReportRun): Promise<Markup | null> {
  const rows = run.has('bounds') ? await run.rows('SELECT * FROM {bounds}') : [];
  if (rows.length === 0) return null;
  const cells = rows.map((row) => [
    String(row.law).replace('_', ' '),
    `${fixed(row.elbo, 3)} ± ${fixed(row.elbo_se, 3)}`,
    formatCount(Number(row.paths)),
    formatCount(Number(row.updates)),
    fixed(row.reverse_loss, 3),
    fixed(row.log_z, 3),
  ]);
  const columns = [
    'law',
    'bound ± SE, nats',
    'n, paths',
    'updates',
    'lost by uniform reverse at least, nats',
    'log Z, nats',
  ];
  return dataTable(
    columns,
    cells,
    `${run.runId}: bound of the trained path beside a Gaussian of independent coordinates that was trained the same way`,
  );
}

/** The bound of batches, and of larger batches under the whole target. */
function boundDrawing(rows: readonly Row[], evaluated: readonly Row[], steps: number): Drawing {
  const low = quantileOf(
    [...rows, ...evaluated].map(({ elbo }) => Number(elbo)),
    0.02,
  );
  return draw(
    {
      height: 240,
      x: { label: null, domain: [0, steps] },
      y: {
        label: '↑ bound, nats',
        grid: true,
        domain: [low, Math.max(...[...rows, ...evaluated].map(({ elbo }) => Number(elbo)))],
        nice: true,
      },
      marks: [
        Plot.line(rows, { x: 'step', y: 'elbo', stroke: SOFT, strokeWidth: 1, clip: true }),
        Plot.line(evaluated, { x: 'step', y: 'elbo', stroke: ACCENT, strokeWidth: 1.8, clip: true }),
        Plot.dot(evaluated, { x: 'step', y: 'elbo', fill: ACCENT, r: 3, clip: true }),
      ],
    },
    [
      { label: 'of the batch, target as far as it has faded in', colour: SOFT },
      { label: 'of a larger batch, whole target', colour: ACCENT },
    ],
  );
}

/** Share accepted by each kernel of the path. */
function rateDrawing(accepted: readonly Row[], steps: number): Drawing {
  const kernels = [...new Set(accepted.map(({ kernel }) => Number(kernel)))];
  return draw(
    {
      height: 200,
      x: { label: 'update →', domain: [0, steps] },
      y: { label: '↑ accepted', domain: [0, 1], grid: true, ticks: 5 },
      color: { domain: kernels, range: kernels.map((kernel) => colourOf(kernel)) },
      marks: [Plot.line(accepted, { x: 'step', y: 'rate', z: 'kernel', stroke: 'kernel', strokeWidth: 1.3 })],
    },
    kernels.map((kernel) => ({ label: `kernel ${kernel}`, colour: colourOf(kernel) })),
  );
}

function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}
