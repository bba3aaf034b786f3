// Images whose missing part is filled in again and again: what was given, and where chains of each sampler went.

import { formatCount } from '../../cli/format.ts';
import { type Drawing, stack } from '../chart.ts';
import { dataTable } from '../data-table.ts';
import { fixed, percent } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { pictureGrid, type PictureRow, squareSide } from '../picture-grid.ts';
import type { ReportRun, Row } from '../report-run.ts';
import type { Section, SectionContext } from '../section.ts';

const IMAGES = 4;
/** Chains of a sampler that are shown, and frames of a chain. */
const CHAINS = 2;
const FRAMES = 16;
/** How grey a missing pixel is shown. */
const MISSING = 0.45;

export const inpainting: Section = {
  id: 'inpainting',
  title: 'Filled-in images',
  async render(context) {
    const parts: (Markup | null)[] = [];
    for (const run of context.runs) if (run.has('inpainting')) parts.push(await runMarkup(context, run));
    return parts.every((part) => part === null) ? null : html`${parts}`;
  },
};

async function runMarkup(context: SectionContext, run: ReportRun): Promise<Markup | null> {
  const images = await run.rows(`SELECT * FROM {inpainting_images} LIMIT ${IMAGES}`);
  const summary = await run.rows('SELECT * FROM {inpainting_summary}');
  const [size] = await run.rows(
    'SELECT count(DISTINCT image) AS images, count(DISTINCT chain) AS chains, max(frame) AS frames, max(sweep) AS sweeps FROM {inpainting}',
  );
  const side = images.length === 0 ? null : squareSide((images[0]!.pixels as number[]).length);
  const table = summaryTable(run, summary);
  if (side === null) return table;
  const drawings: Drawing[] = [];
  for (const image of images) drawings.push(await imageDrawing(run, image, { side, summary }));
  const figure = context.figure({
    id: `inpainting-${run.runId}`,
    title: `Chains of filled-in images, ${run.runId}`,
    caption: `Each picture has ${side} × ${side} pixels; missing ones are grey in what was given. Rows of a sampler: its first ${CHAINS} chains at up to ${FRAMES} frames, evenly spaced; frame 0, on the left, is the true image's own code. Seen pixels as given, missing ones as probabilities from 0 (black) to 1. n = ${formatCount(Number(size?.chains))} chains of ${formatCount(Number(size?.sweeps))} sweeps for each of ${formatCount(Number(size?.images))} images and each sampler.`,
    drawing: stack(drawings),
  });
  return html`${figure}${table}`;
}

async function imageDrawing(
  run: ReportRun,
  image: Row,
  { side, summary }: { readonly side: number; readonly summary: readonly Row[] },
): Promise<Drawing> {
  const number = Number(image.image);
  const [pixels, seen] = [image.pixels as number[], image.seen as number[]];
  const [last] = await run.rows(`SELECT max(frame) AS frame FROM {inpainting} WHERE image = ${number}`);
  const frames = Number(last?.frame);
  const step = Math.max(1, Math.ceil((frames + 1) / FRAMES));
  const rows = await run.rows(`
    SELECT model, chain, frame, estimate FROM {inpainting}
    WHERE image = ${number} AND chain < ${CHAINS} AND frame % ${step} = 0 ORDER BY chain, frame`);
  const shown = (estimate: readonly number[]) =>
    pixels.map((value, i) => (seen[i] === 1 ? value : estimate[i]!));
  const models = [...new Set(summary.map(({ model }) => String(model)))];
  const chainRow = (model: string, chain: number): PictureRow => ({
    label: chain === 0 ? model : '',
    pictures: rows
      .filter((row) => row.model === model && Number(row.chain) === chain)
      .map(({ estimate }) => shown(estimate as number[])),
  });
  const chains = [...new Set(rows.map(({ chain }) => Number(chain)))];
  const given = pixels.map((value, i) => (seen[i] === 1 ? value : MISSING));
  return pictureGrid(
    [
      { label: 'true, given', pictures: [pixels, given] },
      ...models.flatMap((model) => chains.map((chain) => chainRow(model, chain))),
    ],
    { side, title: `Row ${number} of the file` },
  );
}

function summaryTable({ runId }: ReportRun, rows: readonly Row[]): Markup {
  const cells = rows.map((row) => [
    String(row.model),
    String(row.image),
    `${percent(row.lit)} ± ${percent(row.lit_mcse)}`,
    fixed(row.lit_ess, 0),
    fixed(row.lit_r_hat, 3),
    percent(row.frame_change),
    percent(row.chain_change),
    percent(row.distance),
    (row.accept_rate as number[]).map((rate) => percent(rate, 0)).join(', ') || '–',
  ]);
  const columns = [
    ...['sampler', 'image', 'missing pixels lit ± MCSE', 'ESS, draws', 'R-hat'],
    ...[
      'change from frame to frame',
      'difference of chains',
      'difference from the true image',
      'accepted, by kernel',
    ],
  ];
  const [first] = rows;
  const n = `${formatCount(Number(first?.chains))} chains of ${formatCount(Number(first?.frames))} frames each`;
  return dataTable(
    columns,
    cells,
    `${runId}: how chains move (n = ${n}; changes and differences are shares of missing pixels whose probability lies on the other side of 1/2)`,
  );
}
