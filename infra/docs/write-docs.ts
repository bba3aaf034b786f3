// `npm run docs`: writes the pages that follow from the schemas.

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configPage } from './config-page.ts';
import { eventsPage } from './events-page.ts';
import { tablesPage } from './tables-page.ts';

const PAGES = { 'tables.md': tablesPage, 'config.md': configPage, 'events.md': eventsPage };

for (const [name, page] of Object.entries(PAGES))
  writeFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), page());
