// Tables of a page: they scroll within themselves on narrow screens, and say which columns are numbers by their alignment.

import { html, type Content, type Markup } from './markup.ts';

const NUMBER = /^[−–-]?[<∞\d.,\s]*\d?([eE][+-]?\d+)?( %| to .*)?$/;

/** A table; columns whose cells are all numbers are aligned right. */
export function dataTable(
  columns: readonly string[],
  rows: readonly (readonly Content[])[],
  caption?: string,
): Markup {
  const numeric = columns.map((_, i) => rows.length > 0 && rows.every((row) => isNumber(row[i] ?? null)));
  const cell = (content: Content, i: number) =>
    numeric[i] ? html`<td class="number">${content}</td>` : html`<td>${content}</td>`;
  const heads = columns.map((name, i) =>
    numeric[i] ? html`<th scope="col" class="number">${name}</th>` : html`<th scope="col">${name}</th>`,
  );
  const label = caption ?? `Table of ${columns.join(', ')}`;
  const lines = rows.map((row) => html`<tr>${columns.map((_, i) => cell(row[i] ?? null, i))}</tr>`);
  return html`<div class="table" tabindex="0" role="group" aria-label="${label}"><table>${
    caption === undefined ? null : html`<caption>${caption}</caption>`
  }<thead><tr>${heads}</tr></thead><tbody>${lines}</tbody></table></div>`;
}

function isNumber(content: Content): boolean {
  return typeof content === 'number' || (typeof content === 'string' && NUMBER.test(content));
}
