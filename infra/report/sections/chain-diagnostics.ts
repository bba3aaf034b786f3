// Whether chains have mixed: R-hat, effective sample sizes and Monte Carlo errors; traces and ranks.

import * as Plot from '@observablehq/plot';
import { colourOf, draw, type Drawing, stack, titleLine } from '../chart.ts';
import { formatCount } from '../../cli/format.ts';
import { dataTable } from '../data-table.ts';
import { fixed, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

const MOST_R_HAT = 1.01;
/** Parameters with traces and ranks: those with the largest R-hat. */
const SHOWN = 3;
/** Chains of a trace, spread over all. */
const CHAINS = 4;
const DRAWN = 300;
const RANK_BINS = 20;
const MOST_ROWS = 40;

export const diagnostics: Section = {
  id: 'diagnostics',
  title: 'Have the chains mixed?',
  async render({ runs }) {
    const parts: Markup[] = [];
    for (const run of runs) if (run.has('diagnostics')) parts.push(await diagnosticTable(run));
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function diagnosticTable(run: ReportRun): Promise<Markup> {
  const rows = await run.rows('SELECT * FROM {diagnostics}');
  const unmixed = rows.filter(({ r_hat: value }) => !(typeof value === 'number' && value <= MOST_R_HAT));
  const verdict =
    unmixed.length === 0
      ? `R-hat is at most ${MOST_R_HAT} for all ${rows.length} parameters.`
      : `Not mixed: R-hat is above ${MOST_R_HAT} or not defined for ${unmixed.length} of ${rows.length} parameters; do not trust these draws.`;
  const columns = [
    'parameter',
    'mean',
    'Monte Carlo error',
    'sd',
    'ESS bulk, draws',
    'ESS tail, draws',
    'R-hat',
  ];
  const worst = [...rows].sort((a, b) => rank(b) - rank(a)).slice(0, MOST_ROWS);
  const shown = rows.length > MOST_ROWS ? worst : rows;
  const cells = shown.map((row) => [
    String(row.parameter),
    significant(row.mean, 4),
    `± ${significant(row.mcse_mean, 2)}`,
    significant(row.sd, 4),
    significant(row.ess_bulk, 4),
    significant(row.ess_tail, 4),
    fixed(row.r_hat, 4),
  ]);
  const which = rows.length > MOST_ROWS ? `, the ${MOST_ROWS} with the largest R-hat of ${rows.length}` : '';
  return html`<p class="${unmixed.length === 0 ? 'verdict' : 'verdict bad'}"><strong>${run.runId}.</strong> ${verdict}</p>${dataTable(columns, cells, `Rank-normalised split R-hat, effective sample sizes (Vehtari et al. 2021); n = ${await drawsText(run)}${which}`)}`;
}

function rank({ r_hat: value }: Row): number {
  return typeof value === 'number' && !Number.isNaN(value) ? value : Number.POSITIVE_INFINITY;
}

async function drawsText(run: ReportRun): Promise<string> {
  const [row] = await run.rows('SELECT count(DISTINCT chain) AS chains, count(*) AS draws FROM {draws}');
  return `${formatCount(Number(row?.draws))} draws of ${formatCount(Number(row?.chains))} chains`;
}

export const traces: Section = {
  id: 'traces',
  title: 'Traces and ranks',
  async render(context) {
    const parts: Markup[] = [];
    for (const run of context.runs) {
      if (!run.has('draws') || !run.has('diagnostics')) continue;
      parts.push(await traceFigure(context, run));
    }
    return parts.length === 0 ? null : html`${parts}`;
  },
};

async function traceFigure(context: SectionContext, run: ReportRun): Promise<Markup> {
  const rows = await run.rows("SELECT * FROM {diagnostics} WHERE NOT starts_with(parameter, 'mode')");
  const names = [...rows]
    .sort((a, b) => rank(b) - rank(a))
    .slice(0, SHOWN)
    .map(({ parameter }) => String(parameter));
  const drawings: Drawing[] = [];
  for (const name of names) {
    const value = sqlOfParameter(name);
    drawings.push(titleLine(name), await traceDrawing(run, value), await rankDrawing(run, value));
  }
  return context.figure({
    id: `traces-${run.runId}`,
    title: `Traces and rank plots, ${run.runId}`,
    caption: `The ${names.length} parameters with the largest R-hat. Traces: ${CHAINS} chains spread over all, every k-th draw. Ranks among all draws: how often each chain (row) falls into each of ${RANK_BINS} bins over what mixing gives; even grey is mixed, blue too few, orange too many.`,
    drawing: stack(drawings),
  });
}

/** `z[3]` or `log_density` as SQL. */
function sqlOfParameter(parameter: string): string {
  const coordinate = /^z\[(\d+)\]$/.exec(parameter)?.[1];
  return coordinate === undefined ? 'log_density' : `z[${Number(coordinate) + 1}]`;
}

async function traceDrawing(run: ReportRun, value: string): Promise<Drawing> {
  const [size] = await run.rows(
    'SELECT count(DISTINCT chain) AS chains, max(draw) + 1 AS draws FROM {draws}',
  );
  const [chains, draws] = [Number(size?.chains), Number(size?.draws)];
  const every = Math.max(1, Math.ceil(draws / DRAWN));
  const shown = Array.from({ length: Math.min(CHAINS, chains) }, (_, i) =>
    Math.floor((i * chains) / Math.min(CHAINS, chains)),
  );
  const rows = await run.rows(
    `SELECT chain, draw, ${value} AS value FROM {draws} WHERE chain IN (${shown.join(', ')}) AND draw % ${every} = 0 ORDER BY chain, draw`,
  );
  return draw(
    {
      height: 150,
      x: { label: 'draw →', domain: [0, draws] },
      y: { label: null, grid: true, ticks: 4 },
      color: { domain: shown, range: shown.map((_, i) => colourOf(i)) },
      marks: [Plot.line(rows, { x: 'draw', y: 'value', z: 'chain', stroke: 'chain', strokeWidth: 0.9 })],
    },
    shown.map((chain, i) => ({ label: `chain ${chain}`, colour: colourOf(i) })),
  );
}

async function rankDrawing(run: ReportRun, value: string): Promise<Drawing> {
  const rows = await run.rows(`
    WITH ranked AS (SELECT chain, least(floor(${RANK_BINS} * (percent_rank() OVER (ORDER BY ${value}))), ${RANK_BINS - 1}) AS bin FROM {draws})
    SELECT chain, bin, count(*) / (sum(count(*)) OVER (PARTITION BY chain) / ${RANK_BINS}) AS ratio FROM ranked GROUP BY chain, bin ORDER BY chain, bin`);
  const chains = [...new Set(rows.map(({ chain }) => Number(chain)))];
  const cells = chains.flatMap((chain) =>
    Array.from({ length: RANK_BINS }, (_, bin) => ({
      chain,
      bin,
      ...shade(Number(rows.find((row) => row.chain === chain && row.bin === bin)?.ratio ?? 0)),
    })),
  );
  const height = Math.max(90, Math.min(260, chains.length * 12)) + 66;
  return draw({
    height,
    marginTop: 24,
    x: { label: 'rank among all draws, from lowest to highest →', domain: [0, RANK_BINS], ticks: [] },
    y: { label: 'chain', domain: [0, chains.length], reverse: true, ticks: 4 },
    marks: [
      Plot.rect(cells, {
        x1: 'bin',
        x2: (cell: { bin: number }) => cell.bin + 1,
        y1: (cell: { chain: number }) => chains.indexOf(cell.chain),
        y2: (cell: { chain: number }) => chains.indexOf(cell.chain) + 1,
        fill: 'fill',
        fillOpacity: 'opacity',
        inset: 0.3,
      }),
    ],
  });
}

/** Even is faint; too few and too many have colours of their own, full at a factor of two. */
function shade(ratio: number): { fill: string; opacity: number } {
  const strength = Math.min(1, Math.abs(Math.log2(Math.max(ratio, 1e-3))));
  return {
    fill: ratio < 1 ? colourOf(0) : colourOf(1),
    opacity: Math.round((0.06 + 0.94 * strength) * 100) / 100,
  };
}
