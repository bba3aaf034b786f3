// One partition's aggregator: code log messages in, segments of partial statistics out. Runs inside a worker
// thread.

import {
  SEGMENT_REGION_COLUMNS,
  SEGMENT_SAMPLE_COLUMNS,
  SEGMENT_UNIT_COLUMNS,
} from '#schemas/columns/segments.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import { CodeSample } from '../../activities/polytope/code-sample.ts';
import { RegionTable } from '../../activities/polytope/region-table.ts';
import { UnitTable } from '../../activities/polytope/unit-table.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';
import type { BlockSlice, ColumnBlock } from '../arrow/column-block.ts';
import { messageDecoder } from '../arrow/decode-message.ts';
import type { MessageDecoder } from '../arrow/decode-message.ts';
import { inRowGroups } from '../arrow/row-groups.ts';
import { freeMemory } from '../free-memory.ts';
import { groupRowsOf } from '../parquet/parquet-file.ts';
import { pointCodeBytes, pointColumns, regionCodeBytes, tableOptions } from './plan-tables.ts';
import { groupStarts, inPointOrder } from './point-order.ts';
import { regionBlock } from './region-blocks.ts';
import { sampleBlock, unitBlock } from './statistic-blocks.ts';
import { expectedBatches, expectedCount, SeenBatches } from './seen-batches.ts';
import type { BatchId } from './seen-batches.ts';
import { listSegments, removeLeftovers, writeSegment } from './segment-files.ts';
import type { PartContent, SegmentPart } from './segment-files.ts';

export interface AggregatorOptions {
  /** The run's folder of segments; made when the first one is written. */
  readonly dir: string;
  readonly partition: number;
  readonly plan: SweepPlan;
  /**
   * Memory that triggers a segment. @default 64 MiB shared by all partitions, because one process may hold
   * them all
   */
  readonly segmentBytes?: number;
}

export interface AddOutcome {
  /** Code rows that were new. */
  readonly codeRows: number;
  /** Points that were new. */
  readonly points: number;
  /** Messages that had been seen before and were dropped. */
  readonly dropped: number;
  /** Segments written because memory ran out. */
  readonly segments: number;
}

/** Memory of all aggregators of a run together, and of one at least, in the mean. */
const SHARED_BYTES = 64 * 2 ** 20;
const LEAST_SEGMENT_BYTES = 16 * 2 ** 20;

/** Sizes differ by up to a quarter of their mean, so that not all partitions of a thread write at once, for half a second. */
function segmentBytesOf(partition: number, partitions: number): number {
  const mean = Math.max(LEAST_SEGMENT_BYTES, SHARED_BYTES / partitions);
  return mean * (0.75 + (0.5 * (partition + 0.5)) / partitions);
}

export class PartitionAggregator {
  readonly #dir: string;
  readonly #partition: number;
  readonly #plan: SweepPlan;
  readonly #segmentBytes: number;
  /** Messages of the plan for this partition. */
  readonly #expected: number;
  readonly #decoder: MessageDecoder;
  readonly #regions: RegionTable;
  readonly #sample: CodeSample;
  readonly #units = new UnitTable();
  readonly #seen = new SeenBatches();
  /** Messages counted since the last segment. */
  readonly #fresh = new SeenBatches();
  #points: ColumnBlock[] = [];
  /** The messages that they view. */
  #pointMessages: Uint8Array[] = [];
  #pointBytes = 0;
  /** Offset after the last segment. */
  #from = 0n;
  #next = 0n;

  private constructor({ dir, partition, plan, segmentBytes }: AggregatorOptions) {
    this.#dir = dir;
    this.#partition = partition;
    this.#plan = plan;
    this.#segmentBytes = segmentBytes ?? segmentBytesOf(partition, plan.config.stream.partitions);
    this.#expected = expectedCount(plan, partition);
    this.#decoder = messageDecoder(plan);
    const options = tableOptions(plan);
    this.#regions = new RegionTable(options);
    this.#sample = new CodeSample(options);
  }

  /**
   * Restores what the finished segments hold and removes half-written files.
   * @throws PipelineError `run-config-mismatch` where a segment belongs to another config.
   */
  static async open(options: AggregatorOptions): Promise<PartitionAggregator> {
    const aggregator = new PartitionAggregator(options);
    await removeLeftovers(options.dir, options.partition);
    for (const { note } of await listSegments(options.dir, options.partition, options.plan)) {
      aggregator.#seen.addRanges(note.seen);
      aggregator.#from = aggregator.#next = BigInt(note.to);
    }
    return aggregator;
  }

  /** Where to read on: the offset after the last segment and the last message; 0 for a new partition. */
  get nextOffset(): bigint {
    return this.#next;
  }

  /** True when every message of the plan for this partition has been seen (flush before you rely on it). */
  get complete(): boolean {
    return this.outstanding <= 0;
  }

  /** Messages of the plan for this partition that have not been seen. */
  get outstanding(): number {
    return this.#expected - this.#seen.size;
  }

  /** Shards of which something has not been seen, ascending. */
  missing(): number[] {
    const shards = new Set(this.missingBatches(Number.POSITIVE_INFINITY).map(({ shard }) => shard));
    return [...shards].sort((a, b) => a - b);
  }

  /** What has not been seen, in plan order; at most `limit` of them. */
  missingBatches(limit = 100): readonly BatchId[] {
    const missing: BatchId[] = [];
    if (this.complete) return missing;
    for (const id of expectedBatches(this.#plan, this.#partition)) {
      if (missing.length >= limit) break;
      if (!this.#seen.has(id)) missing.push(id);
    }
    return missing;
  }

  /**
   * Counts messages that are new; writes a segment whenever memory is used up.
   * @throws PipelineError `digest-collision`, `code-width-mismatch`, `internal` for a malformed message.
   */
  async add(messages: readonly ReceivedMessage[]): Promise<AddOutcome> {
    const outcome = { codeRows: 0, points: 0, dropped: 0, segments: 0 };
    for (const message of messages) {
      const { kind, shard, batch } = message.headers;
      const id: BatchId = { kind, shard, batch };
      if (message.offset >= this.#next) this.#next = message.offset + 1n;
      if (this.#seen.has(id)) {
        outcome.dropped++;
        continue;
      }
      const rows = this.#count(message);
      if (kind === 'codes') outcome.codeRows += rows;
      if (kind === 'points') outcome.points += rows;
      this.#seen.add(id);
      this.#fresh.add(id);
      if (this.#bytes > this.#segmentBytes && (await this.flush())) outcome.segments++;
    }
    return outcome;
  }

  /** Goes on from an offset ahead. A segment without rows says so, so that the chain of segments has no gap. */
  async skipTo(offset: bigint): Promise<void> {
    await this.flush();
    this.#next = offset;
    await this.#writeSegment();
  }

  /** Writes what has not been written; returns false where there was nothing. */
  async flush(): Promise<boolean> {
    if (this.#fresh.size === 0) return false;
    await this.#writeSegment();
    return true;
  }

  async #writeSegment(): Promise<void> {
    const regions = this.#regions.columns('digest');
    const regionsPerSpan = this.#plan.spans.map(() => 0);
    for (const span of regions.span) regionsPerSpan[span]!++;
    const points = inPointOrder(this.#points);
    const parts = this.#parts(regionBlock(regions), points);
    const note = {
      runId: this.#plan.runId,
      configSha256: this.#plan.configSha256,
      partition: this.#partition,
      from: Number(this.#from),
      to: Number(this.#next),
      seen: this.#fresh.ranges(),
      regionsPerSpan,
      pointGroups: groupStarts(points, this.#pointGroupRows),
      parts: [...parts.keys()],
    };
    await writeSegment(this.#dir, note, parts);
    freeMemory([...Object.values(regions).filter(ArrayBuffer.isView), ...this.#pointMessages]);
    this.#from = this.#next;
    this.#clear();
  }

  get #pointGroupRows(): number {
    return groupRowsOf('segment', pointCodeBytes(this.#plan));
  }

  get #bytes(): number {
    return this.#regions.bytes + this.#units.bytes + this.#pointBytes;
  }

  /** Adds one message's rows; returns how many there were. */
  #count({ value, headers: { kind, shard, batch } }: ReceivedMessage): number {
    const where = `${kind} message of shard ${shard}, batch ${batch}`;
    if (kind === 'codes') {
      const codes = this.#decoder.codes(value, where);
      if (codes === null) return 0;
      this.#regions.addCodes(codes);
      this.#sample.addCodes(codes);
      return codes.rows;
    }
    if (kind === 'units') {
      const units = this.#decoder.units(value, where);
      for (const counts of units) this.#units.add(counts);
      return units.length;
    }
    // A copy: the next fetch frees what this one brought.
    const message = new Uint8Array(value);
    const points = this.#decoder.points(message, where);
    if (points === null || points.rows === 0) return 0;
    this.#points.push(points);
    this.#pointMessages.push(message);
    this.#pointBytes += value.byteLength;
    return points.rows;
  }

  #parts(regions: ColumnBlock, points: readonly BlockSlice[]): Map<SegmentPart, PartContent> {
    const parts = new Map<SegmentPart, PartContent>();
    if (points.length > 0) {
      const groupRows = this.#pointGroupRows;
      const blocks = inRowGroups(points, groupRows);
      parts.set('points', { columns: pointColumns(this.#plan), blocks, groupRows });
    }
    const units = unitBlock(this.#units.entries());
    if (units.rows > 0) parts.set('units', { columns: SEGMENT_UNIT_COLUMNS, blocks: [units] });
    const sample = sampleBlock(this.#sample, this.#plan);
    if (sample.rows > 0) parts.set('sample', { columns: SEGMENT_SAMPLE_COLUMNS, blocks: [sample] });
    const groupRows = groupRowsOf('segment', regionCodeBytes(this.#plan));
    parts.set('regions', { columns: SEGMENT_REGION_COLUMNS, blocks: [regions], groupRows });
    return parts;
  }

  #clear(): void {
    this.#regions.clear();
    this.#sample.clear();
    this.#units.clear();
    this.#fresh.clear();
    this.#points = [];
    this.#pointMessages = [];
    this.#pointBytes = 0;
  }
}
