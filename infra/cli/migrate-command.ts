// `tessera migrate RUN`: a run of an older version, readable by this one.

import { TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import { migrateRun } from '../migrate/migrate-run.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { plural } from './format.ts';
import { findRun } from './run-folder.ts';

/** Rewrites the tables whose layout is older than this version's. */
export async function migrateCommand(
  name: string,
  options: GlobalOptions & { readonly out: string },
  { terminal, env }: CommandContext,
): Promise<ExitCode> {
  const { runId, runDir } = await findRun(name, { home: env().home, out: options.out });
  const tables = await migrateRun(runDir);
  for (const { path, from, files } of tables)
    terminal.note(`${path}: layout ${from} → ${TABLE_LAYOUT_VERSION}, ${plural(files, 'file')}`);
  if (tables.length === 0) terminal.note(`run ${runId} is up to date; nothing to do`);
  if (options.json === true)
    terminal.answer(JSON.stringify({ run: runId, output: runDir, migrated: tables, exitCode: 0 }));
  return 0;
}
