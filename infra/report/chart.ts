// Figures as SVG, drawn by Observable Plot on a document that lives in memory. Colours are names of CSS variables, so that
// one drawing serves light and dark pages; files get the light ones.

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeText } from './markup.ts';

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** Distinct colours for classes, runs and kernels, in order; they hold on light and on dark ground. */
export const PALETTE = [
  '#4269d0',
  '#e39a0f',
  '#ff725c',
  '#3ca951',
  '#a463f2',
  '#2fa7a0',
  '#e05a93',
  '#7c9cf0',
  '#9c6b4e',
  '#8b8f98',
] as const;

/** Colour of the n-th thing; beyond the palette, hues far apart. */
export function colourOf(index: number): string {
  return PALETTE[index] ?? `hsl(${Math.round((index * 137.508) % 360)} 55% 55%)`;
}

export const INK = 'var(--ink)';
export const SOFT = 'var(--ink-soft)';
export const FAINT = 'var(--rule)';
/** Models that were not trained. */
export const CONTROL = 'var(--control)';
export const ACCENT = 'var(--accent)';

/** What the variables are in files, which are for paper. */
const ON_PAPER: Readonly<Record<string, string>> = {
  '--ink': '#1c1e21',
  '--ink-soft': '#5d636b',
  '--rule': '#d9dce1',
  '--control': '#8d939c',
  '--accent': '#2f55c4',
  '--paper': '#ffffff',
};

export interface LegendEntry {
  readonly label: string;
  readonly colour: string;
}

export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly svg: string;
}

const LEGEND_PX = 22;
const CHARACTER_PX = 6.9;

/** Draws a plot, with a legend above it where entries are given. */
export function draw(options: Plot.PlotOptions, legend: readonly LegendEntry[] = []): Drawing {
  const drawn = Plot.plot({
    width: 720,
    height: 300,
    marginLeft: 56,
    marginBottom: 40,
    ...options,
    document: document as unknown as Document,
    style: { fontSize: '11.5px', background: 'none' },
  });
  // Names of parts within an image are not for screen readers, and a group without a role may have none.
  for (const part of drawn.querySelectorAll('[aria-label]')) {
    part.setAttribute('data-mark', part.getAttribute('aria-label') ?? '');
    part.removeAttribute('aria-label');
  }
  const [width, height] = [Number(drawn.getAttribute('width')), Number(drawn.getAttribute('height'))];
  // The class that Plot puts on text sets white-space only; without it drawings carry no style element.
  const inner = drawn.innerHTML.replace(/<style>[\s\S]*?<\/style>/g, '');
  const { rows, lines } = legendRows(legend, width);
  const top = rows * LEGEND_PX;
  const body = `<g transform="translate(0,${top})" text-anchor="middle">${inner}</g>`;
  return { width, height: height + top, svg: `${lines}${body}` };
}

/** A y axis of named rows, the first on top, whose places are 0, 1, 2 and in between. */
export function rowAxis(names: readonly string[]): Plot.ScaleOptions {
  return {
    domain: [-0.5, names.length - 0.5],
    reverse: true,
    label: null,
    ticks: names.map((_, i) => i),
    tickFormat: (i: number) => names[i] ?? '',
    tickSize: 0,
  };
}

/** Columns of one row of a figure: all places, and what to write over those that are taken. */
export interface ColumnNames {
  readonly domain: readonly string[];
  readonly shown: ReadonlyMap<string, string>;
}

/** Most columns in a row. */
const COLUMNS = 5;
const COLUMNS_PX = 630;

/**
 * A column for each span, at most {@link COLUMNS} in a row, rows under one another; names that would run into each other are
 * shortened.
 */
export function inRows<Row extends { readonly span?: unknown }>(
  rows: readonly Row[],
  drawRow: (rows: readonly Row[], names: ColumnNames) => Drawing,
): Drawing {
  const spans = [...new Set(rows.map(({ span }) => String(span)))];
  const width = Math.ceil(spans.length / Math.ceil(spans.length / COLUMNS));
  const shown = shortenedByName(spans, Math.floor(COLUMNS_PX / width / CHARACTER_PX));
  const drawings: Drawing[] = [];
  for (let first = 0; first < spans.length; first += width) {
    const own = spans.slice(first, first + width);
    // Places that a short last row leaves empty keep their columns as wide as those above.
    const empty = Array.from({ length: width - own.length }, (_, i) => `${' '.repeat(i + 1)}`);
    const of = rows.filter(({ span }) => own.includes(String(span)));
    drawings.push(drawRow(of, { domain: [...own, ...empty], shown }));
  }
  return stack(drawings);
}

/** Columns of a figure by name. */
export function columnAxis({ domain, shown }: ColumnNames, padding: number): Plot.ScaleOptions {
  return { label: null, domain, padding, tickFormat: (name: string) => shown.get(name) ?? '' };
}

/** What {@link shortened} makes of each name. */
export function shortenedByName(full: readonly string[], most: number): ReadonlyMap<string, string> {
  return new Map(shortened(full, most).map((name, i) => [full[i]!, name]));
}

/**
 * Names of at most so many characters: without the operators that ONNX exports put into them, without what all long ones begin and
 * end with, else cut in the middle.
 */
export function shortened(full: readonly string[], most: number): readonly string[] {
  // All of them where one is too long: names of one figure should look alike.
  const plain = full.some(({ length }) => length > most) ? full.map(withoutOperator) : full;
  const names = new Set(plain).size === new Set(full).size ? plain : full;
  const long = names.filter(({ length }) => length > most);
  const separator = long.some((name) => name.includes('/')) ? /(?<=\/)/ : /(?<=[._])/;
  const parts = long.map((name) => name.split(separator));
  const shared = (of: readonly string[][]) => {
    const least = Math.min(...of.map(({ length }) => length)) - 1;
    let count = 0;
    while (count < least && of.every((each) => each[count] === of[0]![count])) count++;
    return count;
  };
  const front = long.length > 1 ? shared(parts) : 0;
  const back = long.length > 1 ? shared(parts.map((each) => each.slice(front).reverse())) : 0;
  return names.map((name) => {
    if (name.length <= most) return name;
    const own = name.split(separator);
    const kept = own
      .slice(front, own.length - back)
      .join('')
      .replace(/[/._]$/, '');
    // `layer from /mixed` without what follows `from` would say nothing.
    if (kept.length <= most && !/\s$/.test(kept)) return kept;
    const half = Math.max(1, Math.floor((most - 1) / 2));
    return `${kept.slice(0, half)}…${kept.slice(-half)}`;
  });
}

/** `/mixed/b1/Conv_output_0` to `mixed/b1`, what stands around it kept; `/Conv_output_0` has nothing else to be known by. */
function withoutOperator(name: string): string {
  return name.replace(/(\/[^/\s]+)\/[A-Z][A-Za-z]*(_\d+)?_output_\d+/, '$1').replace(/^\//, '');
}

/** A line of text over drawings. */
export function titleLine(text: string, width = 720): Drawing {
  const svg = `<text x="4" y="17" text-anchor="start" font-weight="600">${escapeText(text)}</text>`;
  return { width, height: 24, svg };
}

/** Several drawings under one another as one. */
export function stack(drawings: readonly Drawing[]): Drawing {
  let height = 0;
  const parts = drawings.map((drawing) => {
    const part = `<g transform="translate(0,${height})">${drawing.svg}</g>`;
    height += drawing.height;
    return part;
  });
  return { width: Math.max(...drawings.map(({ width }) => width)), height, svg: parts.join('') };
}

/** Drawings next to one another as one, on one ground line; null is left out. */
export function beside(drawings: readonly (Drawing | null)[]): Drawing {
  const there = drawings.filter((drawing) => drawing !== null);
  const height = Math.max(...there.map((drawing) => drawing.height));
  let width = 0;
  const parts = there.map((drawing) => {
    const part = `<g transform="translate(${width},${height - drawing.height})">${drawing.svg}</g>`;
    width += drawing.width;
    return part;
  });
  return { width, height, svg: parts.join('') };
}

/** The svg element of a page: scales with its column, and is one image with a name to screen readers. */
export function inlineSvg({ width, height, svg }: Drawing, title: string): string {
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return `<svg ${size} role="img" aria-label="${escapeText(title)}" fill="currentColor">${svg}</svg>`;
}

/** A drawing as a file that stands alone. */
export function svgFile({ width, height, svg }: Drawing, title: string): string {
  const resolved = svg.replace(/var\((--[\w-]+)\)/g, (whole, name: string) => ON_PAPER[name] ?? whole);
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const font = 'font-family="Helvetica, Arial, sans-serif" font-size="11.5" fill="#1c1e21" color="#1c1e21"';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>` +
    `<title>${escapeText(title)}</title><rect width="${width}" height="${height}" fill="#ffffff"/>${resolved}</svg>\n`
  );
}

function legendRows(entries: readonly LegendEntry[], width: number): { rows: number; lines: string } {
  if (entries.length === 0) return { rows: 0, lines: '' };
  let [x, row] = [4, 0];
  const parts = entries.map(({ label, colour }) => {
    const needed = 22 + label.length * CHARACTER_PX;
    if (x > 4 && x + needed > width) [x, row] = [4, row + 1];
    const y = row * LEGEND_PX + 9;
    const part = `<rect x="${x}" y="${y - 5}" width="10" height="10" rx="2" fill="${colour}"/><text x="${x + 15}" y="${y}" dy="0.32em" text-anchor="start">${escapeText(label)}</text>`;
    x += needed;
    return part;
  });
  return { rows: row + 1, lines: `<g>${parts.join('')}</g>` };
}
