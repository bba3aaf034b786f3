// The page around the sections: one file, nothing from anywhere else, and a policy that lets nothing else in.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { html, Markup } from './markup.ts';
import type { BrowserScript } from './section.ts';
import type { Sprite } from './pictures.ts';

export interface PageSection {
  readonly id: string;
  readonly title: string;
  readonly content: Markup;
}

export interface PagePart {
  readonly id: string;
  /** Null where the page has one part only. */
  readonly title: string | null;
  readonly sections: readonly PageSection[];
}

export interface Page {
  readonly title: string;
  readonly lead: string;
  readonly madeBy: string;
  readonly parts: readonly PagePart[];
  readonly scripts: readonly BrowserScript[];
  readonly sprites: readonly { readonly name: string; readonly sprite: Sprite }[];
}

const STYLE = asset('style.css');

/** The whole document. Scripts are allowed by their hashes, so markup that slipped through could still not run. */
export function pageDocument({ title, lead, madeBy, parts, scripts, sprites }: Page): string {
  const sources = ['page' as const, ...scripts].map((name) => asset(`${name}.js`));
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyOf(sources)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${madeBy}">
<title>${title}</title>
<style>${new Markup(STYLE)}${sprites.map(spriteRule)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="masthead">
<div><p class="brand">Tessera report</p><h1>${title}</h1><p class="lead">${lead}</p></div>
<button type="button" id="theme" class="quiet" hidden>Theme: as the system</button>
</header>
<div class="columns">
<nav aria-label="Sections">${parts.map(navigation)}</nav>
<main id="content" tabindex="-1">${parts.map(partMarkup)}</main>
</div>
<footer>${madeBy}. Tables, units and row orders: tessera schema.</footer>
${sources.map((source) => html`<script>${new Markup(source)}</script>\n`)}</body>
</html>
`;
  return document.text;
}

function policyOf(scripts: readonly string[]): string {
  const hashes = scripts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
  return [
    "default-src 'none'",
    `script-src ${hashes.join(' ')}`,
    "style-src 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function navigation({ id, title, sections }: PagePart): Markup {
  const links = sections.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`);
  return html`${title === null ? null : html`<p><a href="#${id}">${title}</a></p>`}<ol>${links}</ol>`;
}

function partMarkup({ id, title, sections }: PagePart): Markup {
  const heading = title === null ? null : html`<h2 class="part" id="${id}">${title}</h2>`;
  // Several parts may have a section of the same name.
  const labels = (section: PageSection) => (title === null ? section.id : `${id} ${section.id}`);
  const bodies = sections.map(
    (section) =>
      html`<section aria-labelledby="${labels(section)}"><h2 id="${section.id}">${section.title}</h2>${section.content}</section>`,
  );
  return html`${heading}${bodies}`;
}

function spriteRule({ name, sprite }: Page['sprites'][number]): Markup {
  const { dataUri, width, height, side } = sprite;
  return new Markup(
    `.${name}{background-image:url(${dataUri});background-size:${width}px ${height}px;width:${side}px;height:${side}px}`,
  );
}

function asset(name: string): string {
  return readFileSync(new URL(`./browser/${name}`, import.meta.url), 'utf8');
}
