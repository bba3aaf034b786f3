// One partition's collector: messages of the log in, segments of rows out; duplicates are dropped by their numbers.

import type { TableDef } from '#schemas/columns/column.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';
import { removeLeftovers } from '../aggregate/segment-files.ts';
import { decodeBlock } from '../arrow/ipc-batch.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { inRowGroups } from '../arrow/row-groups.ts';
import { SEGMENT_GROUP_ROWS } from '../parquet/parquet-file.ts';
import { type LensPlan, partitionOf, tableNamed } from './lens-plan.ts';
import { bitColumns, END_KIND } from './row-messages.ts';
import { type HeldMessage, listRowSegments, writeRowSegment } from './row-segments.ts';
import { TaskWatermarks } from './task-watermarks.ts';

export interface CollectorOptions {
  /** The run's folder of segments; made when the first one is written. */
  readonly dir: string;
  readonly partition: number;
  readonly plan: Pick<LensPlan, 'runId' | 'configSha256' | 'config' | 'tasks'>;
  /** Tables that tasks write. */
  readonly tables: readonly TableDef[];
  /** Bytes of messages that trigger a segment. @default 64 MiB shared by all partitions, at least 8 MiB */
  readonly segmentBytes?: number;
}

const SHARED_BYTES = 64 * 2 ** 20;
const LEAST_SEGMENT_BYTES = 8 * 2 ** 20;
/** Messages of one segment: tiny ones cost more than their bytes. */
const SEGMENT_MESSAGES = 20_000;

interface Pending {
  readonly table: string;
  readonly task: number;
  readonly number: number;
  readonly value: Uint8Array;
}

export class PartitionCollector {
  readonly #options: CollectorOptions;
  readonly #segmentBytes: number;
  readonly #seen = new TaskWatermarks();
  #pending: Pending[] = [];
  #bytes = 0;
  /** Offset after the last segment. */
  #from = 0n;
  #next = 0n;

  private constructor(options: CollectorOptions) {
    this.#options = options;
    const share = SHARED_BYTES / options.plan.config.stream.partitions;
    this.#segmentBytes = options.segmentBytes ?? Math.max(LEAST_SEGMENT_BYTES, share);
  }

  /**
   * Restores what the finished segments hold and removes half-written files.
   * @throws PipelineError `run-config-mismatch` where a segment belongs to another config.
   */
  static async open(options: CollectorOptions): Promise<PartitionCollector> {
    const { dir, partition, plan } = options;
    const collector = new PartitionCollector(options);
    await removeLeftovers(dir, partition);
    for (const { note, messages } of await listRowSegments(dir, partition, plan.configSha256)) {
      for (const { table, task, number } of messages) collector.#seen.add(task, number, table === END_KIND);
      collector.#from = collector.#next = BigInt(note.to);
    }
    return collector;
  }

  /** Where to read on: the offset after the last segment and the last message; 0 for a new partition. */
  get nextOffset(): bigint {
    return this.#next;
  }

  get complete(): boolean {
    return this.missing().length === 0;
  }

  /** Tasks of this partition of which not everything was seen, ascending (flush before you rely on the others). */
  missing(): number[] {
    const { plan, partition } = this.#options;
    const tasks = plan.tasks.map((_, task) => task).filter((task) => partitionOf(task, plan) === partition);
    return tasks.filter((task) => !this.#seen.isComplete(task));
  }

  /** Keeps messages that are new; writes a segment whenever memory is used up. */
  async add(messages: readonly ReceivedMessage[]): Promise<void> {
    for (const { offset, value, headers } of messages) {
      const { kind: table, shard: task, batch: number } = headers;
      if (offset >= this.#next) this.#next = offset + 1n;
      if (!this.#seen.add(task, number, table === END_KIND)) continue;
      // A copy: the next fetch frees what this one brought.
      this.#pending.push({ table, task, number, value: new Uint8Array(value) });
      this.#bytes += value.byteLength;
      if (this.#bytes > this.#segmentBytes || this.#pending.length >= SEGMENT_MESSAGES) await this.flush();
    }
  }

  /** Goes on from an offset ahead. An empty segment says so, so that the chain of segments has no gap. */
  async skipTo(offset: bigint): Promise<void> {
    await this.flush();
    this.#next = offset;
    await this.#writeSegment();
  }

  /** Writes what has not been written; returns false where there was nothing. */
  async flush(): Promise<boolean> {
    if (this.#pending.length === 0) return false;
    await this.#writeSegment();
    return true;
  }

  async #writeSegment(): Promise<void> {
    const { dir, partition, plan, tables } = this.#options;
    const pending = this.#pending.sort(byPlace);
    const messages: HeldMessage[] = [];
    const blocks = new Map<TableDef, BlockSlice[]>();
    for (const { table, task, number, value } of pending) {
      const block = table === END_KIND ? null : decoded(value, tableNamed(tables, table), { task, number });
      messages.push({ table, task, number, rows: block?.rows ?? 0 });
      if (block === null) continue;
      const def = tableNamed(tables, table);
      blocks.set(def, [...(blocks.get(def) ?? []), { block, from: 0, to: block.rows }]);
    }
    const note = {
      runId: plan.runId,
      configSha256: plan.configSha256,
      partition,
      from: Number(this.#from),
      to: Number(this.#next),
    };
    const grouped = [...blocks].map(
      ([def, slices]) => [def, inRowGroups(slices, SEGMENT_GROUP_ROWS, bitColumns(def))] as const,
    );
    await writeRowSegment({ dir, note, messages }, new Map(grouped));
    this.#from = this.#next;
    this.#pending = [];
    this.#bytes = 0;
  }
}

function decoded(
  value: Uint8Array,
  { name, columns }: TableDef,
  { task, number }: { task: number; number: number },
): ColumnBlock {
  return decodeBlock(value, columns, `${name} message ${number} of task ${task}`);
}

function byPlace(a: Pending, b: Pending): number {
  if (a.table !== b.table) return a.table < b.table ? -1 : 1;
  return a.task - b.task || a.number - b.number;
}
