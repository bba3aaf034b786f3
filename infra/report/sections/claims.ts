// What the experiment claims, with intervals: each claim a small forest, the trained net against its controls.

import * as Plot from '@observablehq/plot';
import { formatCount } from '../../cli/format.ts';
import { ACCENT, CONTROL, draw, type Drawing, INK, rowAxis, shortened, SOFT, stack } from '../chart.ts';
import { groupedTable } from '../data-table.ts';
import { effectUnit } from '../effect-unit.ts';
import { pValue, range, significant } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { mainModel } from '../models.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

interface ClaimRow {
  readonly claim: string;
  readonly unit: string;
  readonly model: string;
  readonly span: string;
  readonly effect: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly nullEffect: number;
  readonly n: number;
  readonly verdict: string;
  readonly isMain: boolean;
}

/** Pixels of one span in a forest. */
const ROW_PX = 26;
/** Rows of a table that is not folded away. */
const MOST_ROWS = 24;
/** Rows of a figure; beyond them each claim has one of its own, and all but the first are folded away. */
const MOST_DRAWN = 60;
/** Characters of a claim beyond which it is written smaller, to fit over its figure. */
const LONG_CLAIM = 98;
const MARGIN = { least: 24, most: 230, perCharacter: 6.6 } as const;
const COLUMNS = ['span', 'model', 'effect', 'interval', 'null', 'p (Holm)', 'n', 'verdict'];

export const claims: Section = {
  id: 'claims',
  title: 'Claims',
  async render(context) {
    const parts: Markup[] = [];
    for (const [i, run] of context.runs.entries()) {
      if (!run.has('claims')) continue;
      const rows = await run.rows('SELECT * FROM {claims}');
      if (rows.length > 0) parts.push(await runClaims(context, { run, rows, index: i }));
    }
    if (parts.length === 0) return null;
    return html`<p>Supported or reversed: the interval leaves out the null and the corrected p-value is below 0.05. Controls show
what the same architecture gives without training; what they show too is not learnt. In the spirit of Black et al. (2022), not a replication.</p>${parts}`;
  },
};

async function runClaims(
  context: SectionContext,
  { run, rows, index }: { readonly run: ReportRun; readonly rows: readonly Row[]; readonly index: number },
): Promise<Markup> {
  const main = await claimedModel(run, rows);
  const isMain = ({ model }: Row) => model === main;
  const controls = rows.filter((row) => !isMain(row));
  const shown = rows.filter(isMain);
  const id = `claims${index === 0 ? '' : `-${index + 1}`}`;
  const caption = `Dots: effects; bars: their ${intervalText(run)}; dashed: the effect under the null. Coloured: ${main}${controls.length === 0 ? '' : '; grey: controls, one dot each'}; n counts its independent units.`;
  const title = `Effects and intervals, ${run.runId}`;
  const figure = forestFigures(context, { rows: claimRows(rows, main), id, title, caption });
  const table = claimTable(shown, `Claims about ${main}, ${run.runId}`);
  const folded = html`<details><summary>Effects, intervals, p-values and verdicts (${shown.length} rows)</summary>${table}</details>`;
  const rest =
    controls.length === 0
      ? null
      : html`<details><summary>The same for the controls (${controls.length} rows)</summary>${claimTable(controls, 'Claims about controls')}</details>`;
  return html`${verdicts(shown)}${figure}${shown.length > MOST_ROWS ? folded : table}${rest}`;
}

interface Forests {
  readonly rows: readonly ClaimRow[];
  readonly id: string;
  readonly title: string;
  readonly caption: string;
}

/** One figure of all claims; one for each where that would be too long to look at. */
function forestFigures(context: SectionContext, { rows, id, title, caption }: Forests): Markup {
  const names = [...new Set(rows.map(({ claim }) => claim))];
  const ofClaim = (name: string) => rows.filter(({ claim }) => claim === name);
  const lines = names.map((name) => new Set(ofClaim(name).map(({ span }) => span)).size);
  if (lines.reduce((sum, count) => sum + count, 0) <= MOST_DRAWN || names.length < 2) {
    const drawing = stack(names.map((name) => forest(name, ofClaim(name))));
    return context.figure({ id, title, caption, drawing });
  }
  const parts = names.map((name, i) => {
    const drawing = forest(name, ofClaim(name));
    const figure = context.figure({ id: `${id}-of-${i}`, title, caption, drawing });
    return html`<details class="claim"${i === 0 ? html` open` : null}><summary>${name}</summary>${figure}</details>`;
  });
  return html`${parts}`;
}

/** The model that claims are about; a comparison of two runs has claims about their difference only. */
async function claimedModel(run: ReportRun, rows: readonly Row[]): Promise<string> {
  const main = await mainModel(run);
  const named = rows.map(({ model }) => String(model));
  return named.includes(main) ? main : (named[0] ?? main);
}

/** What the experiments' intervals are (docs/lens-results.md). */
function intervalText({ manifest }: ReportRun): string {
  const { config } = manifest;
  const is95 = config.kind === 'lens' && ['clusters', 'code_directions'].includes(config.experiment);
  return `${is95 ? '95' : '99'} % bootstrap intervals over independent units`;
}

/** `12 supported, 3 not shown`: what became of the claims about the main model. */
function verdicts(rows: readonly Row[]): Markup {
  const counts = new Map<string, number>();
  for (const { verdict } of rows) counts.set(String(verdict), (counts.get(String(verdict)) ?? 0) + 1);
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return html`<p>Of ${rows.length}: ${sorted.map(([verdict, count], i) => `${i === 0 ? '' : ', '}${count} ${verdict}`)}.</p>`;
}

/** Rows under the claim that they are about. */
function claimTable(rows: readonly Row[], caption: string): Markup {
  const names = [...new Set(rows.map(({ claim }) => String(claim)))];
  const groups = names.map((name) => {
    const of = rows.filter(({ claim }) => claim === name);
    return { title: `${name} (effect: ${unitOf(of[0]!)})`, rows: of.map(cells) };
  });
  return groupedTable(COLUMNS, groups, caption);
}

function cells(row: Row): readonly string[] {
  return [
    String(row.span),
    String(row.model),
    significant(row.effect),
    range(row.ci_low, row.ci_high),
    significant(row.null_effect),
    pValue(row.p_value),
    String(row.n),
    String(row.verdict),
  ];
}

function unitOf(row: Row): string {
  const [experiment, claim] = [String(row.experiment), String(row.claim)];
  return effectUnit({ experiment, claim, nullEffect: Number(row.null_effect) });
}

function claimRows(rows: readonly Row[], main: string): readonly ClaimRow[] {
  return rows.flatMap((row): ClaimRow[] => {
    if (typeof row.effect !== 'number') return [];
    return [
      {
        claim: String(row.claim),
        unit: unitOf(row),
        model: String(row.model),
        span: String(row.span),
        effect: row.effect,
        low: row.ci_low as number | null,
        high: row.ci_high as number | null,
        nullEffect: Number(row.null_effect),
        n: Number(row.n),
        verdict: String(row.verdict),
        isMain: row.model === main,
      },
    ];
  });
}

function forest(name: string, rows: readonly ClaimRow[]): Drawing {
  const spans = [...new Set(rows.map(({ span }) => span))];
  const place = (row: ClaimRow) => spans.indexOf(row.span) + offsetOf(row, rows);
  const placed = rows.map((row) => ({ ...row, y: place(row) }));
  const [main, controls] = [placed.filter(({ isMain }) => isMain), placed.filter(({ isMain }) => !isMain)];
  const nulls = [...new Set(rows.map(({ nullEffect }) => Number(nullEffect.toPrecision(3))))].slice(0, 3);
  const shown = shortened(spans, (MARGIN.most - MARGIN.least) / MARGIN.perCharacter);
  const longest = Math.max(...shown.map(({ length }) => length));
  const marginLeft = Math.min(MARGIN.most, MARGIN.least + MARGIN.perCharacter * longest);
  return draw({
    height: 74 + spans.length * ROW_PX,
    marginLeft,
    marginTop: 26,
    marginBottom: 48,
    marginRight: 84,
    x: { label: `effect, ${rows[0]!.unit} →`, grid: true, nice: true, ticks: 7, ...roomFor(rows) },
    y: rowAxis(shown),
    marks: [
      Plot.text([name], {
        frameAnchor: 'top-left',
        dy: -20,
        dx: 4 - marginLeft,
        text: (text: string) => text,
        fontWeight: 600,
        ...(name.length > LONG_CLAIM ? { fontSize: 10 } : {}),
        fill: INK,
        textAnchor: 'start',
      }),
      Plot.ruleX(nulls, { stroke: SOFT, strokeDasharray: '4 3' }),
      Plot.ruleY(controls, { x1: 'low', x2: 'high', y: 'y', stroke: CONTROL, strokeOpacity: 0.7 }),
      Plot.dot(controls, { x: 'effect', y: 'y', fill: CONTROL, r: 2.4 }),
      Plot.ruleY(main, { x1: 'low', x2: 'high', y: 'y', stroke: ACCENT, strokeWidth: 2.2 }),
      Plot.dot(main, { x: 'effect', y: 'y', fill: ACCENT, r: 4.5 }),
      Plot.text(main, {
        frameAnchor: 'right',
        dx: 8,
        y: 'y',
        text: ({ n }: ClaimRow) => `n ${formatCount(n)}`,
        textAnchor: 'start',
        fill: SOFT,
      }),
    ],
  });
}

/** Where everything lies at one value there is nothing to scale the axis by. */
function roomFor(rows: readonly ClaimRow[]): { readonly domain?: readonly [number, number] } {
  const values = rows.flatMap(({ effect, low, high, nullEffect }) => [
    effect,
    low ?? effect,
    high ?? effect,
    nullEffect,
  ]);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return most > least ? {} : { domain: [least - 1, most + 1] };
}

/** The main model a little above the middle of its row, controls spread below it. */
function offsetOf(row: ClaimRow, rows: readonly ClaimRow[]): number {
  const controls = [...new Set(rows.filter(({ isMain }) => !isMain).map(({ model }) => model))];
  if (row.isMain) return controls.length === 0 ? 0 : -0.2;
  return 0.02 + (0.36 * (controls.indexOf(row.model) + 0.5)) / controls.length;
}
