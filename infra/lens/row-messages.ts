// Rows of a task as messages of the run's log: the kind is the table, the shard the task, the batch the message's number.

import type { TableDef } from '#schemas/columns/column.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { TableRows } from '../../activities/experiments/experiment.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { encodeBlock } from '../arrow/arrow-columns.ts';
import { columnFromCells } from '../arrow/cells.ts';
import { type ColumnBlock, joinSlices } from '../arrow/column-block.ts';
import { type LensPlan, partitionOf, tableNamed } from './lens-plan.ts';

/** Kind of the message behind a task's last row; its batch is the number of messages before it. */
export const END_KIND = 'end';

/** Rows of one message: an Arrow message of a few megabytes where rows are wide. */
const MESSAGE_ROWS = 8_192;

/** Names of a table's columns whose values are bits. */
export function bitColumns({ columns }: Pick<TableDef, 'columns'>): ReadonlySet<string> {
  return new Set(columns.filter(({ type }) => type === 'bool').map(({ name }) => name));
}

/** Numbers a task's messages: the same rows give the same messages. */
export class TaskMessages {
  readonly #plan: Pick<LensPlan, 'runId' | 'config'>;
  readonly #task: number;
  readonly #tables: readonly TableDef[];
  #next = 0;

  constructor(plan: Pick<LensPlan, 'runId' | 'config'>, task: number, tables: readonly TableDef[]) {
    this.#plan = plan;
    this.#task = task;
    this.#tables = tables;
  }

  /**
   * Messages of a chunk.
   * @throws PipelineError `internal` where rows do not fit their table.
   */
  of(rows: readonly TableRows[]): CodeMessage[] {
    return rows.flatMap((part) => {
      const table = tableNamed(this.#tables, part.table);
      const block = blockOf(part, table);
      const cuts = Array.from({ length: Math.ceil(block.rows / MESSAGE_ROWS) }, (_, i) => i * MESSAGE_ROWS);
      return cuts.map((from) => {
        const to = Math.min(from + MESSAGE_ROWS, block.rows);
        return this.#message(
          table.name,
          encodeBlock(joinSlices([{ block, from, to }], bitColumns(table)), table.columns),
        );
      });
    });
  }

  /** The message that ends the task. */
  end(): CodeMessage {
    return this.#message(END_KIND, new Uint8Array(0));
  }

  #message(kind: string, value: Uint8Array): CodeMessage {
    const headers = { kind, run: this.#plan.runId, shard: this.#task, batch: this.#next++ };
    return { partition: partitionOf(this.#task, this.#plan), key: String(this.#task), value, headers };
  }
}

/** Rows of an experiment as a block, checked against the table's columns. */
export function blockOf(
  { table, rows, columns }: TableRows,
  { columns: defs }: Pick<TableDef, 'columns'>,
): ColumnBlock {
  const unknown = Object.keys(columns).find((name) => !defs.some((def) => def.name === name));
  const bad = defs.find(({ name }) => columns[name]?.length !== rows);
  if (unknown !== undefined || bad !== undefined) {
    const found =
      bad === undefined ? 'unknown column' : `${columns[bad.name]?.length ?? 'no'} cells for ${rows} rows`;
    const where = `table ${table}, column ${unknown ?? bad?.name}`;
    throw new PipelineError({ kind: 'internal', where, what: 'rows do not fit their table', value: found });
  }
  const data = defs.map(
    (def) => [def.name, columnFromCells(def, columns[def.name]!, { where: `table ${table}` })] as const,
  );
  return { rows, columns: new Map(data) };
}
