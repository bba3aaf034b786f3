// Basic rules of accessible pages, as a browser sees them. They run in the page.

import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe-core finds: WCAG 2 A and AA, and its best practices; rule, place and advice of each. */
export async function axeFaults(page: Page): Promise<string[]> {
  // As an expression of the debugger: the page's own policy refuses scripts that it does not know.
  await page.evaluate(`${axe.source};0`);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document);
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary = '' }) =>
        `${id}: ${html.slice(0, 120)} ${failureSummary}`.replace(/\s+/g, ' '),
      ),
    );
  });
}

/** What the Tab key does not reach though it can be used: controls, links, folded parts, what scrolls. */
export async function unreachable(page: Page): Promise<string[]> {
  const count = await page.evaluate(() => {
    const usable = [
      ...document.querySelectorAll<HTMLElement>('button, select, input, summary, a[href], [tabindex="0"]'),
    ].filter((each) => each.checkVisibility() && !(each as HTMLButtonElement).disabled);
    for (const each of usable) each.dataset.unreached = '';
    document.addEventListener('focusin', (event) => delete (event.target as HTMLElement).dataset.unreached);
    return usable.length;
  });
  for (let i = 0; i < count + 2; i++) await page.keyboard.press('Tab');
  return page.evaluate(() =>
    [...document.querySelectorAll('[data-unreached]')].map(({ outerHTML }) => outerHTML.slice(0, 100)),
  );
}

/** What is wrong with the page, in words; empty where nothing is. */
export function accessibilityFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    const all = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)];
    const nameOf = (element: HTMLElement) =>
      element.getAttribute('aria-label') ??
      (element as HTMLInputElement).labels?.[0]?.textContent?.trim() ??
      element.textContent?.trim() ??
      '';
    if (document.documentElement.lang === '') faults.push('the page names no language');
    if (document.title === '') faults.push('the page has no title');
    for (const landmark of ['main', 'nav', 'header'])
      if (all(landmark).length !== 1) faults.push(`not one ${landmark}`);
    for (const control of all('button, select, input, a[href]'))
      if (nameOf(control) === '') faults.push(`no name: ${control.outerHTML.slice(0, 80)}`);
    for (const control of all('select, input'))
      if (!(control as HTMLInputElement).labels?.length) faults.push(`no label: ${control.id}`);
    for (const image of all('svg, canvas, [role="img"]')) {
      if (image.closest('svg') === image.parentElement?.closest('svg') && image.parentElement?.closest('svg'))
        continue;
      if ((image.getAttribute('aria-label') ?? '') === '')
        faults.push(`no text for a picture: ${image.outerHTML.slice(0, 80)}`);
      if (image.getAttribute('role') !== 'img') faults.push(`a picture without role: ${image.tagName}`);
    }
    const levels = all('h1, h2, h3, h4').map((heading) => Number(heading.tagName[1]));
    levels.forEach((level, i) => {
      if (level > (levels[i - 1] ?? 0) + 1)
        faults.push(`heading ${i} skips from ${levels[i - 1]} to ${level}`);
    });
    if (levels.filter((level) => level === 1).length !== 1) faults.push('not one h1');
    const ids = all('[id]').map(({ id }) => id);
    if (new Set(ids).size !== ids.length) faults.push('an id is there twice');
    for (const attribute of ['aria-labelledby', 'aria-describedby', 'for'])
      for (const element of all(`[${attribute}]`))
        for (const id of (element.getAttribute(attribute) ?? '').split(' '))
          if (document.getElementById(id) === null) faults.push(`${attribute} names nothing: ${id}`);
    for (const link of all('a[href^="#"]'))
      if (document.querySelector((link as HTMLAnchorElement).hash) === null)
        faults.push(`a link leads nowhere: ${link.getAttribute('href')}`);
    for (const table of all('table'))
      if (table.querySelector('th[scope]') === null) faults.push('a table without headings');
    for (const scrolled of all('.table, .drawing'))
      if (scrolled.scrollWidth > scrolled.clientWidth && scrolled.tabIndex < 0)
        faults.push('what scrolls cannot be reached by keyboard');
    return faults;
  });
}

/** The lowest contrast of text against the page, by the formula of WCAG 2. */
export function lowestContrast(page: Page): Promise<number> {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d')!;
    const luminance = (colour: string) => {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const channels = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((byte) => {
        const value = byte / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * channels[0]! + 0.7152 * channels[1]! + 0.0722 * channels[2]!;
    };
    const paper = luminance(getComputedStyle(document.body).backgroundColor);
    const ratios = ['p', 'a', 'figcaption', 'summary', 'td', 'th', '.lead', 'footer', 'button'].flatMap(
      (selector) => {
        const element = document.querySelector(selector);
        if (element === null) return [];
        const ink = luminance(getComputedStyle(element).color);
        return [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)];
      },
    );
    return Math.min(...ratios);
  });
}
