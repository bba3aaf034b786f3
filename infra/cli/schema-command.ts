// `tessera schema [TABLE]`: what the tables hold, from the same data that writes them.

import type { ColumnDef, TableDef } from '#schemas/columns/column.ts';
import { TABLES } from '#schemas/columns/tables.ts';
import { PipelineError } from '#schemas/errors.ts';
import { configSchema } from '../config/config-schema.ts';
import { didYouMean } from '../config/similar-name.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { formatTable } from './format.ts';

/** Prints all tables, one table's columns, or the JSON Schema of the config. */
export function schemaCommand(
  name: string | null,
  options: GlobalOptions,
  { terminal }: CommandContext,
): ExitCode {
  if (name === 'config') {
    const schema = configSchema();
    terminal.answer(options.json === true ? JSON.stringify(schema) : JSON.stringify(schema, null, 2));
    return 0;
  }
  const table = name === null ? null : findTable(name);
  if (options.json === true) terminal.answer(JSON.stringify(table ?? TABLES));
  else for (const line of table === null ? overviewLines() : tableLines(table)) terminal.answer(line);
  return 0;
}

function findTable(name: string): TableDef {
  const table = TABLES.find((each) => each.name === name);
  if (table !== undefined) return table;
  const names = [...TABLES.map((each) => each.name), 'config'];
  const remedy = `Allowed: ${names.join(', ')}${didYouMean(name, names) || '.'}`;
  throw new PipelineError({ kind: 'command-invalid', what: 'no such table', value: name, remedy });
}

function overviewLines(): readonly string[] {
  const rows = TABLES.map(({ name, path, columns, description }) => [
    name,
    path,
    String(columns.length),
    description,
  ]);
  const titles = [
    { title: 'table' },
    { title: 'path' },
    { title: 'columns', align: 'right' },
    { title: '' },
  ] as const;
  return [
    ...formatTable(titles, rows),
    '',
    'tessera schema TABLE shows columns; tessera schema config the JSON Schema of the config.',
  ];
}

function tableLines({ name, path, order, description, columns }: TableDef): readonly string[] {
  const titles = [{ title: 'column' }, { title: 'type' }, { title: 'unit' }, { title: 'meaning' }];
  return [
    `${name} (${path}): ${description}`,
    `Row order: ${order}.`,
    '',
    ...formatTable(titles, columns.map(cellsOf)),
  ];
}

function cellsOf({ name, type, unit, nullable, description }: ColumnDef): readonly string[] {
  return [name, nullable ? `${type}?` : type, unit, description];
}
