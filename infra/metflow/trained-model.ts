// The parameters that a run's training ended with, out of its last checkpoint.

import { PipelineError } from '#schemas/errors.ts';
import { trainsKernels } from '#schemas/metflow-config.ts';
import {
  hasEnded,
  trainedTheta,
  trainingOf,
  trainingRules,
  type TrainingRecord,
} from '../../activities/metflow/chains/training-record.ts';
import { findCheckpoint } from './checkpoint-files.ts';
import type { MetflowPlan } from './metflow-plan.ts';
import { modelSha256, type TrainedModel } from './opened-chains.ts';
import { trainingOrigin } from './origins.ts';

/** Name of the training's checkpoint. */
export const TRAINING = 'training';
/** Of the mean-field law that its bound is held against. */
export const MEAN_FIELD = 'mean-field';

/** A training as its last checkpoint has it. */
interface FoundTraining extends TrainingRecord {
  /** Of its checkpoints: a training keeps to the one that it began with. */
  readonly format: number;
  readonly notices: readonly string[];
}

/** How far the training has come, null where it has not begun. @throws PipelineError as {@link findCheckpoint} does. */
export async function findTraining(
  runDir: string,
  plan: MetflowPlan,
  name = TRAINING,
): Promise<FoundTraining | null> {
  const found = await findCheckpoint(runDir, name, { origin: trainingOrigin(plan) });
  if (found === null) return null;
  const { checkpoint, notices } = found;
  return { ...trainingOf(checkpoint), format: checkpoint.format, notices };
}

let known: { readonly key: string; readonly model: TrainedModel } | null = null;

/** The trained model of a run, null where nothing is trained; read once per thread. */
export async function trainedModel(runDir: string, plan: MetflowPlan): Promise<TrainedModel | null> {
  if (!trainsKernels(plan.config)) return null;
  const key = `${runDir} ${plan.configSha256}`;
  if (known?.key === key) return known.model;
  const model = await findTrainedModel(runDir, plan);
  if (model === null)
    throw new PipelineError({
      kind: 'internal',
      where: runDir,
      what: 'chains began before the training ended',
    });
  known = { key, model };
  return model;
}

/** As {@link trainedModel}, but null also where the training has not ended. */
export async function findTrainedModel(runDir: string, plan: MetflowPlan): Promise<TrainedModel | null> {
  const training = trainsKernels(plan.config) ? await findTraining(runDir, plan) : null;
  if (training === null || !hasEnded(training, plan.config.train)) return null;
  const theta = trainedTheta(training, plan.config.train);
  return { theta, units: trainingRules(training.format).units, sha256: modelSha256(theta) };
}
