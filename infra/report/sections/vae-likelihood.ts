// How likely autoencoders of one architecture make the same test images, and how their trainings went.

import * as Plot from '@observablehq/plot';
import { formatCount } from '../../cli/format.ts';
import { ACCENT, colourOf, draw, type Drawing, rowAxis, SOFT } from '../chart.ts';
import { fixed } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

/** Steps of a line that are drawn: more do not fit into its pixels. */
const DRAWN = 300;

export const vaeLikelihood: Section = {
  id: 'likelihood',
  title: 'Likelihood of test images',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs)
      if (run.has('vae_likelihood')) parts.push(await likelihoodFigure(context, run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

export const modelTraining: Section = {
  id: 'model-training',
  title: 'Training',
  async render(context) {
    const parts: (Markup | null)[] = [];
    for (const run of context.runs) if (run.has('training')) parts.push(await trainingFigure(context, run));
    return parts.every((part) => part === null) ? null : html`${parts}`;
  },
};

async function likelihoodFigure(context: SectionContext, run: ReportRun): Promise<Markup> {
  const rows = await run.rows('SELECT * FROM {vae_likelihood}');
  const [first] = rows;
  if (first === undefined) return html``;
  return context.figure({
    id: `likelihood-${run.runId}`,
    title: `Log likelihood of test images, ${run.runId}`,
    caption: `Nats an image, by ${formatCount(Number(first.draws))} importance draws of each of ${formatCount(Number(first.images))} test images (pixels binarised once); further right is better. Small dots: single trainings; large dots and bars: mean of ${formatCount(Number(rows.find(({ seed }) => seed === null)?.trainings))} trainings with two standard errors over seeds, where there are several. Importance sampling falls short of the truth in expectation, most where the median effective number of draws is low.`,
    drawing: likelihoodDrawing(rows),
    data: likelihoodNumbers(rows),
  });
}

function likelihoodDrawing(rows: readonly Row[]): Drawing {
  const models = [...new Set(rows.map(({ model }) => String(model)))];
  const place = ({ model }: Row) => models.indexOf(String(model));
  const single = rows.filter(({ seed }) => seed !== null);
  const means = rows.filter(({ seed }) => seed === null);
  const ranges = means.flatMap((row) => {
    const [value, se] = [Number(row.log_likelihood), row.log_likelihood_se];
    return typeof se === 'number' ? [{ ...row, low: value - 2 * se, high: value + 2 * se }] : [];
  });
  return draw({
    height: 60 + 34 * models.length,
    marginLeft: 130,
    x: { label: 'log likelihood, nats →', grid: true, nice: true },
    y: rowAxis(models),
    marks: [
      Plot.dot(single, { x: 'log_likelihood', y: place, fill: SOFT, r: 2.5 }),
      Plot.ruleY(ranges, { x1: 'low', x2: 'high', y: place, stroke: ACCENT, strokeWidth: 2 }),
      Plot.dot(means, { x: 'log_likelihood', y: place, fill: ACCENT, r: 4.5 }),
    ],
  });
}

function likelihoodNumbers(rows: readonly Row[]) {
  const pair = (value: Row[string] | undefined, se: Row[string] | undefined) => {
    if (typeof value !== 'number') return '–';
    return typeof se === 'number' ? `${fixed(value, 2)} ± ${fixed(se, 2)}` : fixed(value, 2);
  };
  return {
    columns: [
      ...['model', 'seed', 'log likelihood ± SE, nats', 'Monte Carlo SE', 'bound, nats'],
      ...['median effective draws', 'less the first model ± paired SE', 'parameters', 'updates'],
    ],
    rows: rows.map((row) => [
      String(row.model),
      row.seed === null ? 'all' : String(row.seed),
      pair(row.log_likelihood, row.log_likelihood_se),
      fixed(row.monte_carlo_se, 2),
      fixed(row.bound, 2),
      fixed(row.median_ess, 0),
      pair(row.difference, row.difference_se),
      formatCount(Number(row.parameters)),
      formatCount(Number(row.updates)),
    ]),
  };
}

async function trainingFigure(context: SectionContext, run: ReportRun): Promise<Markup | null> {
  const [size] = await run.rows('SELECT count(*) AS n, max(step) AS last FROM {training}');
  if (Number(size?.n) === 0) return null;
  const steps = Number(size?.last) + 1;
  const width = Math.max(1, Math.ceil(steps / DRAWN));
  const rows = await run.rows(`
    SELECT model, seed, step // ${width} * ${width} AS step, avg(elbo) AS elbo FROM {training} GROUP BY ALL ORDER BY model, seed, step`);
  const [low] = await run.rows('SELECT quantile_cont(elbo, 0.05) AS low, max(elbo) AS high FROM {training}');
  const models = [...new Set(rows.map(({ model }) => String(model)))];
  const trainings = new Set(rows.map(({ model, seed }) => `${seed} ${model}`)).size;
  const drawing = draw(
    {
      height: 260,
      x: { label: 'update →' },
      y: { label: '↑ bound, nats', grid: true, nice: true, domain: [Number(low?.low), Number(low?.high)] },
      color: { domain: models, range: models.map((_, i) => colourOf(i)) },
      marks: [
        Plot.line(rows, {
          ...{ x: 'step', y: 'elbo', stroke: 'model', strokeWidth: 1.2, clip: true },
          z: ({ model, seed }: Row) => `${seed} ${model}`,
        }),
      ],
    },
    models.map((label, i) => ({ label, colour: colourOf(i) })),
  );
  return context.figure({
    id: `model-training-${run.runId}`,
    title: `Bound in training, ${run.runId}`,
    caption: `Mean over a batch of the bound's integrand, nats an image; n = ${trainings} trainings of ${formatCount(steps)} updates, lines are means over ${formatCount(width)} of them, the lowest 5 % cut off. Bounds of averaged weights (IWAE) are tighter by their making.`,
    drawing,
  });
}
