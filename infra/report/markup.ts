// HTML as values: what comes from data is text until it is escaped, and only templates of this program are markup.

/** Finished markup; anything else that goes into a template is escaped. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type Content = Markup | string | number | null | readonly Content[];

/** A template whose values are escaped, also within quoted attributes; null is nothing, lists are joined. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const parts = strings.map((part, i) => (i === 0 ? part : textOf(values[i - 1]!) + part));
  return new Markup(parts.join(''));
}

/** Escapes text for element content and for quoted attributes. */
export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** JSON in a script element that no browser runs: nothing in it can end the element or open a comment. */
export function embedJson(id: string, value: unknown): Markup {
  const json = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escapeUnit);
  return html`<script type="application/json" id="${id}">${new Markup(json)}</script>`;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function textOf(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (Array.isArray(content)) return content.map(textOf).join('');
  return escapeText(String(content));
}
