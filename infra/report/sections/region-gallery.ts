// The largest, purest and most mixed regions of every span, with examples of what falls into them.

import { plural } from '../../cli/format.ts';
import type { ExemplarBook } from '../exemplars.ts';
import { fixed, shortDigest } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { type ListedRegion, listRegions, recordedSpans, type RegionOrder } from '../region-list.ts';
import type { ReportRun } from '../report-run.ts';
import type { Section } from '../section.ts';

const ROWS: readonly (readonly [RegionOrder, string])[] = [
  ['largest', 'Largest'],
  ['purest', 'Purest, shared by most'],
  ['mixed', 'Most mixed'],
];
const CARDS = 4;
const EXEMPLARS = 8;
const CLASSES = 4;

export const regionGallery: Section = {
  id: 'gallery',
  title: 'What falls into regions',
  async render({ runs, exemplars }) {
    const parts: Markup[] = [];
    for (const run of runs) parts.push(await runGallery(run, exemplars(run), runs.length > 1));
    return html`<p>Up to ${EXEMPLARS} points of a region, a uniform sample of all that it holds. Regions are chosen by rule, not by
hand: by points, by purity (of those shared, the one with most points first), by entropy of the labels, which cards give in bits.</p>${parts}`;
  },
};

async function runGallery(run: ReportRun, book: ExemplarBook, several: boolean): Promise<Markup> {
  const parts: Markup[] = [];
  for (const [i, span] of (await recordedSpans(run)).entries()) {
    const rows: Markup[] = [];
    for (const [order, title] of ROWS) rows.push(await cardRow(run, book, { span, order, title }));
    const name = several ? `${run.runId} · ${span}` : span;
    const open = i === 0 ? html` open` : null;
    parts.push(html`<details class="span"${open}><summary>${name}</summary>${rows}</details>`);
  }
  return html`${parts}`;
}

async function cardRow(
  run: ReportRun,
  book: ExemplarBook,
  { span, order, title }: { readonly span: string; readonly order: RegionOrder; readonly title: string },
): Promise<Markup> {
  const regions = await listRegions(run, { span, order, most: CARDS });
  if (regions.length === 0) return html`<h3>${title}</h3><p class="none">None.</p>`;
  const shown = regions.flatMap((region) => region.exemplars.slice(0, EXEMPLARS));
  const known = await book.describe(shown);
  const cards = regions.map((region) => {
    const examples = region.exemplars
      .slice(0, EXEMPLARS)
      .map((id) => known.get(id))
      .filter((each) => each !== undefined);
    return html`<li class="card"><p class="card-title">${plural(region.count, 'point')}</p>${scoreLine(region)}
<p class="classes">${classLine(region, book)}</p><div class="examples">${examples.map((each) => book.markup(each))}</div>
<p class="digest">${shortDigest(region.digest)}</p></li>`;
  });
  return html`<h3>${title}</h3><ul class="cards">${cards}</ul>`;
}

function scoreLine({ purity, entropyBits }: ListedRegion): Markup | null {
  if (purity === null) return null;
  return html`<p class="scores">purity ${fixed(purity, 2)} · ${fixed(entropyBits, 2)} bits</p>`;
}

/** `7 × 20, 9 × 6`: the commonest labels. */
function classLine({ classIds, classCounts }: ListedRegion, book: ExemplarBook): string {
  const classes = classIds.map((id, i) => ({ id, count: classCounts[i]! })).sort((a, b) => b.count - a.count);
  const rest = classes.length > CLASSES ? `, ${classes.length - CLASSES} more` : '';
  const named = classes.slice(0, CLASSES).map(({ id, count }) => `${book.className(id)} × ${count}`);
  return `${named.join(', ')}${rest}`;
}
