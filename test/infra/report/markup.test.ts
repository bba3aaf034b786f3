// Text from data never becomes markup.

import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { embedJson, html } from '../../../infra/report/markup.ts';

const HOSTILE = `</script><img src=x onerror=alert(1)>"' & <!--`;

/** What a parser that is not ours makes of a fragment. */
function parsed(fragment: string) {
  return parseHTML(`<!doctype html><html><body>${fragment}</body></html>`).document.body;
}

describe('html', () => {
  it('keeps hostile text as text, in content and in attributes', () => {
    const body = parsed(html`<p title="${HOSTILE}">${HOSTILE}</p>`.text);
    expect(body.children).toHaveLength(1);
    expect(body.firstElementChild?.textContent).toBe(HOSTILE);
    expect(body.firstElementChild?.getAttribute('title')).toBe(HOSTILE);
  });

  it('keeps any text as text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', '&', '"', "'", '/', 'a', ';', '!', '-') }),
        (text) => {
          expect(parsed(html`<p title="${text}">${text}</p>`.text).firstElementChild?.textContent).toBe(text);
        },
      ),
    );
  });

  it('joins lists, leaves out null, and takes markup as it is', () => {
    expect(html`<ul>${['a', 'b'].map((each) => html`<li>${each}</li>`)}${null}</ul>`.text).toBe(
      '<ul><li>a</li><li>b</li></ul>',
    );
  });
});

describe('embedJson', () => {
  it('cannot be ended from within and gives the value back', () => {
    const value = { label: HOSTILE, separators: '\u2028\u2029' };
    const { text } = embedJson('data', value);
    expect(text.match(/<\/script/g)).toHaveLength(1);
    expect(text).not.toContain('<img');
    expect(text).not.toContain('<!--');
    const json = /^<script type="application\/json" id="data">(.*)<\/script>$/s.exec(text)?.[1] ?? '';
    expect(JSON.parse(json)).toEqual(value);
  });
});
