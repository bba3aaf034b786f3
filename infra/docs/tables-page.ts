// docs/tables.md: every table and column, from the data that writes them.

import { RUN_ID_COLUMN, type ColumnDef, type TableDef } from '#schemas/columns/column.ts';
import { listedTables, type ListedTable } from '../cli/schema-command.ts';
import { GENERATED, markdownTable } from './markdown.ts';

const TITLES: Readonly<Record<string, string>> = {
  sweep: 'Sweeps (`kind: sweep`)',
  lens: 'Every experiment (`kind: lens`)',
  metflow: 'Chains (`kind: metflow`)',
};

/** The page as Markdown. Tables that several experiments share are explained where they first come. */
export function tablesPage(): string {
  const tables = listedTables();
  const groups = [...new Set(tables.map(({ leftBy }) => leftBy))];
  const explained = new Map<string, string>();
  const parts = groups.flatMap((group) => groupLines(group, tables, explained));
  return `${[
    '# Tables',
    '',
    GENERATED,
    '',
    'What a finished run leaves in its folder, as Parquet (zstd). `?` behind a type: the column may be null. The last column of every table is',
    `\`${RUN_ID_COLUMN.name}\` (${RUN_ID_COLUMN.type}): ${lower(RUN_ID_COLUMN.description)} \`tessera schema TABLE\` prints the same in a terminal.`,
    ...parts,
  ].join('\n')}\n`;
}

function groupLines(
  group: string,
  tables: readonly ListedTable[],
  explained: Map<string, string>,
): readonly string[] {
  const title = TITLES[group] ?? `Experiment \`${group.replace('lens ', '')}\``;
  const own = tables.filter(({ leftBy }) => leftBy === group);
  const sections = own.flatMap((table) => {
    const key = JSON.stringify([table.name, table.columns]);
    const before = explained.get(key);
    if (before !== undefined) return ['', `### ${table.name}`, '', `\`${table.path}\`: as in ${before}.`];
    explained.set(key, title.replace('Experiment', 'experiment'));
    return tableLines(table);
  });
  return ['', `## ${title}`, ...sections];
}

function tableLines({ name, path, description, order, columns }: TableDef): readonly string[] {
  const shown = columns.filter((column) => column.name !== RUN_ID_COLUMN.name || name === 'runs');
  return [
    '',
    `### ${name}`,
    '',
    `\`${path}\`: ${description} Row order: ${order}.`,
    '',
    ...markdownTable(['column', 'type', 'unit or values', 'meaning'], shown.map(columnCells)),
  ];
}

function columnCells({ name, type, unit, nullable, description }: ColumnDef): readonly string[] {
  return [`\`${name}\``, nullable ? `${type}?` : type, unit, description];
}

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
