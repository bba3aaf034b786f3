// Segments of an experiment's rows on disk: per range of offsets one file per table and an index of the messages in it. The
// index is written last and carries the metadata, so a segment counts if and only if its index is there.

import type { ColumnDef, TableDef } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import { segmentChain, segmentPath } from '../aggregate/segment-files.ts';
import { cellsOfColumn, columnFromCells } from '../arrow/cells.ts';
import type { ColumnBlock } from '../arrow/column-block.ts';
import { int32Of } from '../arrow/column-block.ts';
import { makeFolder, syncFolder } from '../blobs/storage.ts';
import { openParquet, writeParquetWhole } from '../parquet/parquet-file.ts';

const INDEX = 'index';
const METADATA_KEY = 'tessera:segment';

const INDEX_COLUMNS: readonly ColumnDef[] = [
  {
    name: 'table',
    type: 'utf8',
    unit: '',
    nullable: false,
    description: 'Table, or `end` behind the last of a task.',
  },
  { name: 'task', type: 'int32', unit: '', nullable: false, description: 'Task of the plan.' },
  {
    name: 'number',
    type: 'int32',
    unit: '',
    nullable: false,
    description: 'Number of the message within its task.',
  },
  { name: 'rows', type: 'int32', unit: 'rows', nullable: false, description: 'Rows of the message.' },
];

/** A message that a segment holds. */
export interface HeldMessage {
  readonly table: string;
  readonly task: number;
  readonly number: number;
  readonly rows: number;
}

/** What an index says about its segment. */
export interface SegmentNote {
  readonly runId: string;
  readonly configSha256: string;
  readonly partition: number;
  /** First offset of the log that the segment covers, and the one after its last. */
  readonly from: number;
  readonly to: number;
}

export interface RowSegment {
  readonly dir: string;
  readonly note: SegmentNote;
  /** By table, task and number: the order of the rows in the files. */
  readonly messages: readonly HeldMessage[];
}

/** Path of a table's rows in a segment. */
export function rowsPath({ dir, note }: Pick<RowSegment, 'dir' | 'note'>, table: string): string {
  return segmentPath(dir, table, note);
}

/** Writes the tables that have rows, then the index. */
export async function writeRowSegment(
  segment: RowSegment,
  tables: ReadonlyMap<TableDef, AsyncIterable<ColumnBlock>>,
): Promise<void> {
  const { dir, note, messages } = segment;
  await makeFolder(dir);
  for (const [{ name, columns }, blocks] of tables)
    await writeParquetWhole(rowsPath(segment, name), { columns, blocks, metadata: {}, use: 'segment' });
  await syncFolder(dir);
  await writeParquetWhole(rowsPath(segment, INDEX), {
    columns: INDEX_COLUMNS,
    blocks: [indexBlock(messages)],
    metadata: { [METADATA_KEY]: JSON.stringify(note) },
    use: 'segment',
  });
  await syncFolder(dir);
}

/**
 * Finished segments of one partition in offset order.
 * @throws PipelineError `run-config-mismatch` where one belongs to another config.
 */
export async function listRowSegments(
  dir: string,
  partition: number,
  configSha256: string,
): Promise<RowSegment[]> {
  const segments: RowSegment[] = [];
  for (const path of await segmentChain(dir, INDEX, partition))
    segments.push({ dir, ...(await readIndex(path, configSha256)) });
  return segments;
}

function indexBlock(messages: readonly HeldMessage[]): ColumnBlock {
  const columns = INDEX_COLUMNS.map((column) => {
    const cells = messages.map((message) => message[column.name as keyof HeldMessage]);
    return [column.name, columnFromCells(column, cells, { where: 'index of a segment' })] as const;
  });
  return { rows: messages.length, columns: new Map(columns) };
}

async function readIndex(path: string, configSha256: string): Promise<Pick<RowSegment, 'note' | 'messages'>> {
  await using reader = await openParquet(path, INDEX_COLUMNS);
  const note = JSON.parse(reader.metadata.get(METADATA_KEY) ?? 'null') as SegmentNote | null;
  if (note?.configSha256 !== configSha256) {
    throw new PipelineError({
      kind: 'run-config-mismatch',
      what: 'a segment was written by a run with another config',
      where: path,
      value: `config ${note?.configSha256 ?? 'unknown'}, expected ${configSha256}`,
      remedy: 'Give the run another id, or remove its folder.',
    });
  }
  const messages: HeldMessage[] = [];
  for (let group = 0; group < reader.rowGroups; group++)
    messages.push(...heldMessages(await reader.readGroup(group)));
  return { note, messages };
}

function heldMessages(block: ColumnBlock): HeldMessage[] {
  const tables = cellsOfColumn(block, INDEX_COLUMNS[0]!);
  const [task, number, rows] = [int32Of(block, 'task'), int32Of(block, 'number'), int32Of(block, 'rows')];
  return Array.from({ length: block.rows }, (_, i) => {
    return { table: String(tables[i]), task: task[i]!, number: number[i]!, rows: rows[i]! };
  });
}
