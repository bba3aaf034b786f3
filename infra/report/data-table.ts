// Tables of a page: they scroll within themselves on narrow screens, and say which columns are numbers by their alignment.

import { html, type Content, type Markup } from './markup.ts';

const NUMBER = /^[−–-]?[<∞\d.,\s]*\d?([eE][+-]?\d+)?( %| to .*)?$/;

interface Group {
  /** Heading over the rows; null for none. */
  readonly title: string | null;
  readonly rows: readonly (readonly Content[])[];
}

/** A table; columns whose cells are all numbers are aligned right. */
export function dataTable(columns: readonly string[], rows: Group['rows'], caption?: string): Markup {
  return groupedTable(columns, [{ title: null, rows }], caption);
}

/** A table whose rows stand in groups with headings. */
export function groupedTable(columns: readonly string[], groups: readonly Group[], caption?: string): Markup {
  const all = groups.flatMap(({ rows }) => rows);
  const numeric = columns.map((_, i) => all.length > 0 && all.every((row) => isNumber(row[i] ?? null)));
  const heads = columns.map((name, i) =>
    numeric[i] ? html`<th scope="col" class="number">${name}</th>` : html`<th scope="col">${name}</th>`,
  );
  const label = caption ?? `Table of ${columns.join(', ')}`;
  const title = caption === undefined ? null : html`<caption>${caption}</caption>`;
  const bodies = groups.map((group) => groupBody(group, numeric));
  return html`<div class="table" tabindex="0" role="group" aria-label="${label}"><table>${title}<thead><tr>${heads}</tr></thead>${bodies}</table></div>`;
}

function groupBody({ title, rows }: Group, numeric: readonly boolean[]): Markup {
  const head =
    title === null
      ? null
      : html`<tr class="group"><th scope="rowgroup" colspan="${numeric.length}">${title}</th></tr>`;
  const lines = rows.map((row) => html`<tr>${numeric.map((is, i) => cellMarkup(row[i] ?? null, is))}</tr>`);
  return html`<tbody>${head}${lines}</tbody>`;
}

function cellMarkup(content: Content, numeric: boolean): Markup {
  if (numeric) return html`<td class="number">${content}</td>`;
  return isShort(content) ? html`<td class="short">${content}</td>` : html`<td>${content}</td>`;
}

/** Names that would be broken at their hyphens. */
function isShort(content: Content): boolean {
  return typeof content === 'string' && content.length <= 24;
}

function isNumber(content: Content): boolean {
  return typeof content === 'number' || (typeof content === 'string' && NUMBER.test(content));
}
