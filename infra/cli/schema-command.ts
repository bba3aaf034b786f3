// `tessera schema [TABLE]`: what the tables hold, from the same data that writes them.

import type { ColumnDef, TableDef } from '#schemas/columns/column.ts';
import { METFLOW_TABLES } from '#schemas/columns/metflow/tables.ts';
import { TABLES } from '#schemas/columns/tables.ts';
import { PipelineError } from '#schemas/errors.ts';
import { allExperiments, SHARED_TABLES } from '../../activities/experiments/experiments.ts';
import { configSchema } from '../config/config-schema.ts';
import { eventsSchema } from '../docs/events-page.ts';
import { didYouMean } from '../config/similar-name.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { formatTable } from './format.ts';

/** Prints all tables, one table's columns, or the JSON Schema of the config or of the events of `--json`. */
export function schemaCommand(
  name: string | null,
  options: GlobalOptions,
  { terminal }: CommandContext,
): ExitCode {
  if (name === 'config' || name === 'events') {
    const schema = name === 'config' ? configSchema() : eventsSchema();
    terminal.answer(options.json === true ? JSON.stringify(schema) : JSON.stringify(schema, null, 2));
    return 0;
  }
  const all = listedTables();
  const tables = name === null ? all : findTables(name, all);
  if (options.json === true) terminal.answer(JSON.stringify(tables.length === 1 ? tables[0] : tables));
  else
    for (const line of name === null ? overviewLines(all) : tables.flatMap(tableLines)) terminal.answer(line);
  return 0;
}

/** A table with the runs that leave it: `sweep`, every `lens` run, one experiment, or `metflow`. */
export interface ListedTable extends TableDef {
  readonly leftBy: string;
}

/** Every table that a run may leave. */
export function listedTables(): readonly ListedTable[] {
  const of = (leftBy: string, tables: readonly TableDef[]) => tables.map((table) => ({ ...table, leftBy }));
  const own = allExperiments().flatMap(({ name, tables }) => of(`lens ${name}`, tables));
  return [...of('sweep', TABLES), ...of('lens', SHARED_TABLES), ...own, ...of('metflow', METFLOW_TABLES)];
}

/** Tables of that name; runs of different kinds may have one each, and experiments may share one. */
function findTables(name: string, all: readonly ListedTable[]): readonly ListedTable[] {
  const found = all.filter((each) => each.name === name);
  const different = found.filter(
    ({ columns }, i) =>
      found.findIndex((each) => JSON.stringify(each.columns) === JSON.stringify(columns)) === i,
  );
  if (different.length > 0) return different;
  const names = [...new Set(all.map((each) => each.name)), 'config', 'events'];
  const remedy = `Allowed: ${names.join(', ')}${didYouMean(name, names) || '.'}`;
  throw new PipelineError({ kind: 'command-invalid', what: 'no such table', value: name, remedy });
}

function overviewLines(all: readonly ListedTable[]): readonly string[] {
  const rows = all.map(({ leftBy, name, path, columns, description }) => [
    leftBy,
    name,
    path,
    String(columns.length),
    description,
  ]);
  const titles = [
    { title: 'run' },
    { title: 'table' },
    { title: 'path' },
    { title: 'columns', align: 'right' },
    { title: '' },
  ] as const;
  return [
    ...formatTable(titles, rows),
    '',
    'tessera schema TABLE shows columns; tessera schema config and tessera schema events are JSON Schemas.',
  ];
}

function tableLines({ leftBy, name, path, order, description, columns }: ListedTable): readonly string[] {
  const titles = [{ title: 'column' }, { title: 'type' }, { title: 'unit' }, { title: 'meaning' }];
  return [
    `${name} (${leftBy}, ${path}): ${description}`,
    `Row order: ${order}.`,
    '',
    ...formatTable(titles, columns.map(cellsOf)),
  ];
}

function cellsOf({ name, type, unit, nullable, description }: ColumnDef): readonly string[] {
  return [name, nullable ? `${type}?` : type, unit, description];
}
