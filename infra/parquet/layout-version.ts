// Which layout a table was written in, and what that means for who wants to read it.

import { TABLE_LAYOUT_VERSION } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import { openParquet } from './parquet-file.ts';

/** Layout of a table's file; null for one that other programs wrote. */
export async function layoutOf(file: string): Promise<number | null> {
  await using reader = await openParquet(file, []);
  const version = reader.metadata.get('layoutVersion');
  return version === undefined ? null : Number(version);
}

/**
 * Lets tables of other layouts than this version's not pass. What other programs wrote says nothing of layouts, and passes.
 * @throws PipelineError `data-invalid`, with the command that helps.
 */
export async function checkLayout(file: string, runDir: string): Promise<void> {
  const version = (await layoutOf(file)) ?? TABLE_LAYOUT_VERSION;
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
