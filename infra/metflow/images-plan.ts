// The plan of a run about images, as plan.json holds it: its tasks, and hashes of all that they read.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { DataRecord, ModelRecord, SourceFile } from '#schemas/messages.ts';
import type { ImagesConfig, InpaintingConfig, VaeConfig } from '#schemas/metflow-images.ts';
import type { CheckpointOrigin } from '../../activities/metflow/checkpoint.ts';
import { canonicalJson } from '../config/config-hash.ts';
import { CODE_VERSION } from '../run-manifest.ts';
import { COMPUTES } from './opened-chains.ts';

interface PlanOf<Config extends ImagesConfig> {
  readonly runId: string;
  readonly configSha256: string;
  readonly config: Config;
  readonly pixels: number;
  readonly tasks: readonly PlannedImageTask[];
  /** SHA-256, hex, of what tasks read, by key of the config. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly model: ModelRecord | null;
  readonly data: DataRecord;
  readonly files: readonly SourceFile[];
  readonly notices: readonly string[];
}

/** One model with one seed, or one sampler. */
export interface PlannedImageTask {
  /** Place of the model, or sampler, in the config. */
  readonly place: number;
  readonly name: string;
  readonly seed: number;
  /** Updates, importance draws and sweeps together. */
  readonly units: number;
}

export type VaePlan = PlanOf<VaeConfig>;
export type InpaintingPlan = PlanOf<InpaintingConfig>;
export type ImagesPlan = VaePlan | InpaintingPlan;

export function isVaePlan(plan: ImagesPlan): plan is VaePlan {
  return plan.config.experiment === 'vae';
}

/** Name of a task's checkpoint. */
export function taskName(task: number): string {
  return `task-${String(task).padStart(4, '0')}`;
}

/** Whose checkpoints a task goes on from. */
export function taskOrigin(
  { runId, configSha256, config, hashes }: ImagesPlan,
  task: number,
): CheckpointOrigin {
  const sha256 = createHash('sha256').update(canonicalJson(hashes)).digest('hex');
  const { backend, threads } = COMPUTES;
  return {
    ...{ kind: 'training', runId, configSha256, codeVersion: CODE_VERSION, model: null },
    target: { name: config.experiment, sha256 },
    ...{ dtype: 'float32', backend, threads, seed: config.seed, group: task },
  };
}

/**
 * Holds what was read now to what the run was planned with.
 * @throws PipelineError `run-config-mismatch` naming what has changed.
 */
export function checkSame({ hashes }: ImagesPlan, key: string, sha256: string): void {
  if (hashes[key] === sha256) return;
  throw new PipelineError({
    kind: 'run-config-mismatch',
    where: key,
    what: 'the file is another one than when the run began',
    value: `SHA-256 ${sha256.slice(0, 12)}, expected ${hashes[key]?.slice(0, 12)}`,
    remedy: 'Put the file back, or give the run another id.',
  });
}
