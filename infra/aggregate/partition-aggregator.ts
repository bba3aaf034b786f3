// One partition's aggregator: code log messages in, segments of partial region statistics out. (Signatures first; body follows.)

import type { MessageKind } from '#schemas/columns/code-message.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { ReceivedMessage } from '../../activities/ports.ts';

export interface AggregatorOptions {
  /** The run's folder of segments; made when absent. */
  readonly dir: string;
  readonly partition: number;
  readonly plan: SweepPlan;
  /** Memory that triggers a segment. @default 128 MiB */
  readonly segmentBytes?: number;
}

export interface MissingBatch {
  readonly kind: MessageKind;
  readonly shard: number;
  readonly batch: number;
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

export declare class PartitionAggregator {
  /** @throws PipelineError `run-config-mismatch` where a segment belongs to another config. */
  static open(options: AggregatorOptions): Promise<PartitionAggregator>;
  /** Where to read on: the offset after the last segment; 0 for a new partition. */
  readonly nextOffset: bigint;
  /** @throws PipelineError `digest-collision`, `code-width-mismatch`, `internal` for a malformed message. */
  add(messages: readonly ReceivedMessage[]): Promise<AddOutcome>;
  /** Writes what has not been written; returns false where there was nothing. */
  flush(): Promise<boolean>;
  /** True when every message of the plan for this partition has been seen (flush before you rely on it). */
  get complete(): boolean;
  /** What has not been seen, in plan order. */
  missing(limit?: number): readonly MissingBatch[];
}
