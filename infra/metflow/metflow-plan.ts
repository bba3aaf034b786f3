// The plan of a MetFlow run, as plan.json holds it: the config, the target's identity, and where the chains end.

import type { ModelRecord, SourceFile } from '#schemas/messages.ts';
import type { MetflowConfig } from '#schemas/metflow-config.ts';
import type { SegmentCuts } from '../../activities/metflow/chains/place.ts';
import { findPlan, readTaskPlan } from '../run-plan.ts';

export interface MetflowPlan {
  readonly runId: string;
  readonly configSha256: string;
  readonly config: MetflowConfig;
  readonly dim: number;
  /** Name of the target, and hash of everything its density depends on. */
  readonly target: { readonly name: string; readonly sha256: string };
  /** Groups of chains. */
  readonly groups: number;
  /** Draws at which the run ended, or ends: one more with every extension. */
  readonly ends: readonly number[];
  readonly model: ModelRecord | null;
  readonly data: null;
  /** Other files that draws depend on: what the target was made of, a decoder before the model. */
  readonly files: readonly SourceFile[];
  readonly notices: readonly string[];
}

/** The plan of a run; as {@link findPlan}. */
export function findMetflowPlan(runDir: string, configSha256: string): Promise<MetflowPlan | null> {
  return findPlan<MetflowPlan>(runDir, configSha256);
}

/** The plan of a run that has been planned; as {@link readTaskPlan}. */
export function readMetflowPlan(runDir: string, configSha256: string): Promise<MetflowPlan> {
  return readTaskPlan<MetflowPlan>(runDir, configSha256);
}

/** Kafka topic of the present stretch: a topic is deleted when its draws are committed, and its name is not used again. */
export function topicOf({ runId, configSha256, ends }: MetflowPlan): string {
  return `tessera.${runId}.${configSha256.slice(0, 12)}.${ends.at(-1)}`;
}

/** Draws that each chain ends with. */
export function drawsOf({ ends }: MetflowPlan): number {
  return ends.at(-1)!;
}

/** Numbers of the chains of a group, contiguous. */
export function chainsOfGroup({ config, groups }: MetflowPlan, group: number): Uint32Array {
  const { chains } = config.sample;
  const first = (of: number) => Math.floor((of * chains) / groups);
  return Uint32Array.from({ length: first(group + 1) - first(group) }, (_, i) => first(group) + i);
}

/** The partition of a group's draws. */
export function partitionOfGroup({ config }: MetflowPlan, group: number): number {
  return group % config.stream.partitions;
}

/** Groups of a partition, ascending. */
export function groupsOfPartition(plan: MetflowPlan, partition: number): number[] {
  const all = Array.from({ length: plan.groups }, (_, group) => group);
  return all.filter((group) => partitionOfGroup(plan, group) === partition);
}

export function cutsOf({ config, ends }: MetflowPlan): SegmentCuts {
  return { warmup: config.sample.warmup, every: config.sample.checkpointEvery, ends };
}
