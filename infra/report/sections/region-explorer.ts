// Regions to filter and to look into: examples, labels, and the regions next to them.

import { hammingDistance } from '../../../activities/polytope/hamming.ts';
import { formatCount } from '../../cli/format.ts';
import type { ExemplarBook } from '../exemplars.ts';
import { shortDigest } from '../format-value.ts';
import { html, type Markup } from '../markup.ts';
import { type ListedRegion, listRegions, recordedSpans } from '../region-list.ts';
import type { ReportRun } from '../report-run.ts';
import type { Section } from '../section.ts';

/** Regions of a run that the page carries; they are shared out over its spans. */
const MOST_REGIONS = 1800;
const MOST_OF_SPAN = 600;
const EXEMPLARS = 8;
const NEIGHBOURS = 6;

/** A region as the script takes it: arrays, because there are many. */
type PackedRegion = readonly [
  digest: string,
  count: number,
  purity: number | null,
  entropyBits: number | null,
  classes: readonly (readonly [name: string, count: number])[],
  exemplars: readonly (readonly [
    point: number,
    picture: number | null,
    label: string | null,
    context: string | null,
  ])[],
  neighbours: readonly (readonly [region: number, bits: number])[],
];

export const regionExplorer: Section = {
  id: 'explorer',
  title: 'Region explorer',
  async render(context) {
    const data = [];
    for (const run of context.runs) data.push(await packRun(run, context.exemplars(run)));
    context.useScript('explorer');
    return html`<p>The largest and the most mixed regions of each span (at most ${formatCount(MOST_OF_SPAN)}; the regions table has all).
Neighbours are the nearest of these by Hamming distance of the code, in bits.</p>${controls(context.runs)}
${context.embed('explorer-data', data)}`;
  },
};

async function packRun(run: ReportRun, book: ExemplarBook) {
  const spans = await recordedSpans(run);
  const most = Math.min(MOST_OF_SPAN, Math.ceil(MOST_REGIONS / spans.length));
  const packed = [];
  for (const span of spans) {
    const regions = await explored(run, span, most);
    const known = await book.describe(regions.flatMap(({ exemplars }) => exemplars.slice(0, EXEMPLARS)));
    const neighbours = nearestOf(regions);
    packed.push({
      span,
      regions: regions.map((region, i): PackedRegion => {
        const examples = region.exemplars.slice(0, EXEMPLARS).map((id) => known.get(id));
        return [
          shortDigest(region.digest),
          region.count,
          rounded(region.purity),
          rounded(region.entropyBits),
          region.classIds.map((id, at) => [book.className(id) ?? '', region.classCounts[at]!] as const),
          examples.flatMap((each) =>
            each === undefined ? [] : [[each.pointId, each.picture, each.label, each.context] as const],
          ),
          neighbours[i]!,
        ];
      }),
    });
  }
  return { run: run.runId, geometry: book.geometry, spans: packed };
}

/** Half by size, half by entropy, each region once, the largest first. */
async function explored(run: ReportRun, span: string, most: number): Promise<ListedRegion[]> {
  const largest = await listRegions(run, { span, order: 'largest', most: Math.ceil(most / 2) });
  const mixed = await listRegions(run, { span, order: 'mixed', most: Math.floor(most / 2) });
  const seen = new Set<string>();
  return [...largest, ...mixed]
    .filter(({ digest }) => {
      const key = Buffer.from(digest).toString('hex');
      return !seen.has(key) && seen.add(key);
    })
    .sort((a, b) => b.count - a.count || Buffer.compare(a.digest, b.digest));
}

/** Per region the nearest others by Hamming distance, ties by place; empty where codes are not kept. */
export function nearestOf(
  regions: readonly Pick<ListedRegion, 'words'>[],
  most = NEIGHBOURS,
): (readonly (readonly [region: number, bits: number])[])[] {
  const width = regions[0]?.words?.length ?? 0;
  if (width === 0 || regions.some(({ words }) => words?.length !== width)) return regions.map(() => []);
  const bytes = new Uint8Array(regions.length * width);
  for (const [i, region] of regions.entries()) bytes.set(region.words!, i * width);
  const [words, wordsPerRow] = [new Uint32Array(bytes.buffer), width / 4];
  return regions.map((_, row) => {
    const others = regions.flatMap((_other, other) =>
      other === row
        ? []
        : [
            [
              other,
              hammingDistance(words, row * wordsPerRow, words, other * wordsPerRow, wordsPerRow),
            ] as const,
          ],
    );
    return others.sort(([a, x], [b, y]) => x - y || a - b).slice(0, most);
  });
}

function controls(runs: readonly ReportRun[]): Markup {
  const runChoice =
    runs.length < 2
      ? null
      : html`<label>Run <select id="explorer-run">${runs.map(({ runId }, i) => html`<option value="${i}">${runId}</option>`)}</select></label>`;
  return html`<div class="explorer" id="explorer-panel">
<form class="controls" aria-label="Filter of regions">${runChoice}
<label>Layer <select id="explorer-span"></select></label>
<label>Label <select id="explorer-label"></select></label>
<label for="explorer-purity-from">Purity from <output id="explorer-purity-low" for="explorer-purity-from">0.00</output> <input type="range" id="explorer-purity-from" min="0" max="1" step="0.01" value="0"></label>
<label for="explorer-purity-to">to <output id="explorer-purity-high" for="explorer-purity-to">1.00</output> <input type="range" id="explorer-purity-to" min="0" max="1" step="0.01" value="1"></label>
<label>Order <select id="explorer-order"><option value="count">most points</option><option value="entropy">most mixed</option><option value="purity">purest</option></select></label>
</form>
<p id="explorer-found" role="status"></p>
<div class="explorer-panes"><div class="table" tabindex="0" role="group" aria-label="Regions found"><table id="explorer-list"><thead><tr><th scope="col">region</th><th scope="col" class="number">points</th><th scope="col" class="number">purity</th><th scope="col" class="number">entropy, bits</th><th scope="col">labels</th></tr></thead><tbody></tbody></table>
<button type="button" id="explorer-more" hidden>Show more</button></div>
<section id="explorer-detail" aria-label="Chosen region" aria-live="polite"><p class="none">Choose a region to see its points.</p></section></div>
<noscript><p>The explorer needs scripts; the tables above do not.</p></noscript></div>`;
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e4) / 1e4;
}
