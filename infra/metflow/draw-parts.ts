// draws/: one Parquet part per segment and group of chains, named by its draws. A part is written whole, under its final
// name, and never again: what it holds depends on the config alone.

import { join } from 'node:path';
import { DRAW_COLUMNS, DRAWS_TABLE } from '#schemas/columns/metflow/draws.ts';
import { finalContent } from '../aggregate/commit-task.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { inRowGroups } from '../arrow/row-groups.ts';
import { bitColumns } from '../lens/row-messages.ts';
import { withRunId } from '../lens/with-run-id.ts';
import { makeFolder, namesIn, removeHalfFiles, syncFolder } from '../blobs/storage.ts';
import { writeParquetWhole } from '../parquet/parquet-file.ts';

/** Draws `[from, to)` of a group of chains. */
export interface DrawPart {
  readonly group: number;
  readonly from: number;
  readonly to: number;
}

/** Row groups of draws are smaller than other tables': rows hold lists. */
const GROUP_ROWS = 65_536;
const NAME = /^part-(\d+)-(\d+)-g(\d+)[.]parquet$/;

/** Path of a part below the run's folder; names sort by draw, then group. */
export function partPath(runDir: string, { group, from, to }: DrawPart): string {
  const digits = (value: number, count: number) => String(value).padStart(count, '0');
  return join(
    runDir,
    DRAWS_TABLE.path,
    `part-${digits(from, 10)}-${digits(to, 10)}-g${digits(group, 4)}.parquet`,
  );
}

/** Parts that are there, in the order of their names. */
export async function listParts(runDir: string): Promise<DrawPart[]> {
  const names = await namesIn(join(runDir, DRAWS_TABLE.path));
  return names.flatMap((name) => {
    const [, from, to, group] = NAME.exec(name) ?? [];
    return group === undefined ? [] : [{ group: Number(group), from: Number(from), to: Number(to) }];
  });
}

/** Draws from 0 that a group's parts hold without a gap. */
export function coveredDraws(parts: readonly DrawPart[], group: number): number {
  const ends = new Map(parts.filter((part) => part.group === group).map(({ from, to }) => [from, to]));
  let covered = 0;
  for (let end = ends.get(0); end !== undefined; end = ends.get(end)) covered = end;
  return covered;
}

/** Writes a part from blocks in row order. */
export async function writePart(
  runDir: string,
  part: DrawPart,
  { runId, blocks }: { readonly runId: string; readonly blocks: readonly ColumnBlock[] },
): Promise<void> {
  const folder = join(runDir, DRAWS_TABLE.path);
  await makeFolder(folder);
  const table = { ...DRAWS_TABLE, columns: DRAW_COLUMNS };
  const slices = blocks.map((block) => ({ block, from: 0, to: block.rows }));
  const grouped = inRowGroups(slices, GROUP_ROWS, bitColumns(table));
  const { columns, blocks: whole } = withRunId(table, grouped, { runId, onRows: () => undefined });
  await writeParquetWhole(partPath(runDir, part), finalContent({ ...table, columns }, whole));
  await syncFolder(folder);
}

/** Removes what a killed collector left half-written. */
export async function removeHalfParts(runDir: string, groups: readonly number[]): Promise<void> {
  const isOwn = (name: string) => groups.includes(Number(/-g(\d+)[.]/.exec(name)?.[1] ?? -1));
  await removeHalfFiles(join(runDir, DRAWS_TABLE.path), isOwn);
}
