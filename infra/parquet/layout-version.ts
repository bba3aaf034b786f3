// Which layout a table was written in, and what that means for who wants to read it.

import { TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import { openParquet } from './parquet-file.ts';

/** Layout of a table's file; `data-invalid` where the file does not say. */
export async function layoutOf(file: string): Promise<number> {
  await using reader = await openParquet(file, []);
  const version = Number(reader.metadata.get('layoutVersion') ?? Number.NaN);
  if (Number.isInteger(version) && version >= 0) return version;
  const what = 'the file does not say which layout its table has';
  const remedy = 'It was not written by Tessera, or is damaged.';
  throw new PipelineError({ kind: 'data-invalid', where: file, what, remedy });
}

/**
 * Lets only tables of this version's layout pass.
 * @throws PipelineError `data-invalid` for another one, with the command that helps.
 */
export async function checkLayout(file: string, runDir: string): Promise<void> {
  const version = await layoutOf(file);
  if (version === TABLE_LAYOUT_VERSION) return;
  throw version > TABLE_LAYOUT_VERSION ? newerLayout(file, version) : olderLayout(file, version, runDir);
}

/** The fault of a table that a later version wrote. */
export function newerLayout(file: string, version: number): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    where: file,
    what: 'a newer version of Tessera wrote this table',
    value: `layout ${version}, this version reads up to ${TABLE_LAYOUT_VERSION}`,
    remedy: 'Read it with that version; run.json names it.',
  });
}

function olderLayout(file: string, version: number, runDir: string): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    where: file,
    what: 'an older version of Tessera wrote this table',
    value: `layout ${version}, now ${TABLE_LAYOUT_VERSION}`,
    remedy: `tessera migrate ${runDir} brings the run's tables up to date.`,
  });
}
