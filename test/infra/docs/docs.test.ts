// The generated pages are those that were committed, and leave nothing out.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { METFLOW_TABLES } from '../../../schemas/columns/metflow/tables.ts';
import { TABLES } from '../../../schemas/columns/tables.ts';
import { configPage } from '../../../infra/docs/config-page.ts';
import { eventsPage } from '../../../infra/docs/events-page.ts';
import { markdownTable } from '../../../infra/docs/markdown.ts';
import { tablesPage } from '../../../infra/docs/tables-page.ts';

const committed = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

describe('docs', () => {
  it.each([
    ['tables.md', tablesPage],
    ['config.md', configPage],
    ['events.md', eventsPage],
  ])('%s is what the schemas say (npm run docs writes it)', (name, page) => {
    expect(page()).toBe(committed(name));
  });

  it('explain every column of sweeps and chains', () => {
    const page = committed('tables.md');
    for (const { name, columns } of [...TABLES, ...METFLOW_TABLES]) {
      expect(page).toContain(`### ${name}`);
      for (const column of columns) expect(page).toContain(`\`${column.name}\``);
    }
  });

  it('explain keys within sections, lists and alternatives', () => {
    const page = committed('config.md');
    for (const key of [
      'dataset.transform.scale',
      'kernels[].type',
      'target.name',
      'sample.chains',
      'slice.margin',
    ])
      expect(page).toContain(`| \`${key}\` |`);
  });

  it('keep bars and tags of cells out of the markup', () => {
    expect(markdownTable(['a'], [['x | y <b>\nz']])[2]).toBe('| x \\| y &lt;b> z |');
  });
});
