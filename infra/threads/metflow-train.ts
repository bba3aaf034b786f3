// Training the kernels: updates, with a checkpoint every so many, until the last one.

import { BOUNDS_TABLE } from '#schemas/columns/metflow/bounds.ts';
import { TRAINING_TABLE } from '#schemas/columns/metflow/training.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { TrainHeartbeat } from '#schemas/messages.ts';
import type { PlannedInput, TrainOutput } from '#schemas/tasks.ts';
import { trainedPath } from '../../activities/metflow/chains/configured-kernels.ts';
import {
  hasEnded,
  historyRow,
  isRecorded,
  trainedTheta,
  trainingContent,
  type TrainingRecord,
} from '../../activities/metflow/chains/training-record.ts';
import { NO_EVALUATION, observe } from '../../activities/metflow/early-stop.ts';
import { type Evaluator, openEvaluator } from '../../activities/metflow/evaluation.ts';
import { leastUniformLoss, meanFieldPath } from '../../activities/metflow/mean-field.ts';
import type { PathModel } from '../../activities/metflow/path/path-model.ts';
import { openTrainer, targetWeightAt, type Trainer } from '../../activities/metflow/training.ts';
import { writeCheckpoint } from '../metflow/checkpoint-files.ts';
import { type MetflowPlan, readMetflowPlan } from '../metflow/metflow-plan.ts';
import { namedTarget } from '../metflow/named-targets.ts';
import { trainingOrigin } from '../metflow/origins.ts';
import { createProgramRunner } from '../metflow/program-runner.ts';
import { writeRows } from '../metflow/small-tables.ts';
import { findTraining, MEAN_FIELD, TRAINING } from '../metflow/trained-model.ts';
import type { TaskContext } from './task-context.ts';

/** Updates in a row without a finite gradient after which a training has failed. */
export const MOST_SKIPPED = 20;
const REPORT_EVERY_MS = 100;
/** What the training table calls the kernels of a sampler. */
export const PATH = 'path';

/**
 * Trains from the last checkpoint on, the path and then the mean-field law that its bound is held against; asked to stop,
 * it leaves a checkpoint and says where it got to.
 * @throws PipelineError `non-finite-input` where gradients stay non-finite.
 */
export async function trainFlowTask(
  { runDir, configSha256 }: PlannedInput,
  context: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<TrainOutput> {
  const plan = await readMetflowPlan(runDir, configSha256);
  const { config, dim, runId } = plan;
  const path = trainedPath(config, dim);
  if (path === null) throw new PipelineError({ kind: 'internal', what: 'nothing is to be trained' });
  const work = { plan, runDir, context };
  const trained = await trainLaw(path, { ...work, name: TRAINING });
  const { step } = trained.record.state;
  const stopped = { done: false, step, notices: trained.notices };
  if (trained.bound === null) return stopped;
  const field = meanFieldPath({ dim, scale: config.train.initialScale });
  const compared = await trainLaw(field, { ...work, name: MEAN_FIELD });
  if (compared.bound === null) return stopped;
  const place = { runDir, runId };
  await writeRows(TRAINING_TABLE, trainingRows(trained.record, { model: PATH, seed: config.seed }), place);
  const isUniform = config.train.reverse === 'uniform';
  const loss = isUniform ? leastUniformLoss(trained.bound.acceptRate) : null;
  const rows = [
    { law: PATH, ...trained.bound.row, reverse_loss: loss },
    { law: 'mean_field', ...compared.bound.row, reverse_loss: null },
  ];
  await writeRows(BOUNDS_TABLE, rows, place);
  return { ...stopped, done: true };
}

interface LawWork {
  readonly plan: MetflowPlan;
  readonly runDir: string;
  readonly context: Pick<TaskContext, 'signal' | 'progress'>;
  /** Of the checkpoint. */
  readonly name: string;
}

/** One law's training, gone on with, and its bound; null where it was asked to stop before its end. */
async function trainLaw(path: PathModel, work: LawWork) {
  const { plan, runDir, name } = work;
  const found = await findTraining(runDir, plan, name);
  await using tools = await openTools(path, plan);
  const from = found ?? { state: tools.trainer.initial(), stop: NO_EVALUATION, history: [] };
  const record = await train(tools, from, work);
  const done = hasEnded(record, plan.config.train);
  const bound = done ? await boundOf(tools, record, plan) : null;
  return { record, bound, notices: found?.notices ?? [] };
}

async function boundOf({ evaluator, logZ }: Tools, record: TrainingRecord, { config }: MetflowPlan) {
  const { elbo, elboError, acceptRate } = await evaluator.evaluate(trainedTheta(record, config.train));
  const paths = config.train.evaluateRows;
  return { acceptRate, row: { elbo, elbo_se: elboError, paths, updates: record.state.step, log_z: logZ } };
}

/** Rows of training.parquet. */
export function trainingRows(
  { history }: Pick<TrainingRecord, 'history'>,
  of: { readonly model: string; readonly seed: number },
): object[] {
  return history.map((row) => ({ ...row, ...of, seconds: null }));
}

interface Tools extends AsyncDisposable {
  readonly trainer: Trainer;
  readonly evaluator: Evaluator;
  readonly logZ: number | null;
}

async function openTools(path: PathModel, { config }: MetflowPlan): Promise<Tools> {
  const { traced } = await namedTarget(config.target, config.seed);
  const { smoothed, logZ = null } = traced;
  const target = smoothed === undefined ? traced : { ...traced, logDensity: smoothed };
  const { steps, batch, learningRate, anneal, clip, evaluateRows } = config.train;
  const { seed } = config;
  const runner = createProgramRunner();
  const trainer = await openTrainer(path, target, { steps, batch, learningRate, anneal, clip, seed, runner });
  const evaluator = await openEvaluator(path, target, { runner, rows: evaluateRows, seed });
  return {
    trainer,
    evaluator,
    logZ,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([trainer.close(), evaluator.close()]);
    },
  };
}

async function train(
  { trainer, evaluator }: Tools,
  from: TrainingRecord,
  { plan, runDir, context, name }: LawWork,
): Promise<TrainingRecord> {
  const { train } = plan.config;
  const { steps, checkpointEvery, evaluateEvery } = train;
  const history = [...from.history];
  let { state, stop } = from;
  let reportedAtMs = 0;
  let saved = state.step;
  const record = (): TrainingRecord => ({ state, stop, history });
  const save = async () => {
    if (saved === state.step) return;
    await writeCheckpoint(runDir, name, { origin: trainingOrigin(plan), ...trainingContent(record()) });
    saved = state.step;
  };
  while (!hasEnded(record(), train) && !context.signal.aborted) {
    const { state: next, info } = await trainer.step(state);
    state = next;
    if (state.skippedInRow >= MOST_SKIPPED) throw stuck(state.step);
    const evaluates = state.step % evaluateEvery === 0 || state.step === steps;
    const elbo = evaluates ? (await evaluator.evaluate(state.theta)).elbo : null;
    // Before the target has faded in, a bound under all of it says nothing about the training.
    if (elbo !== null && targetWeightAt(trainer.options, state.step) === 1)
      stop = observe(stop, { ...state, elbo });
    if (evaluates || isRecorded(info.step, steps)) history.push(historyRow(info, elbo));
    if (state.step % checkpointEvery === 0) await save();
    if (performance.now() - reportedAtMs < REPORT_EVERY_MS) continue;
    reportedAtMs = performance.now();
    const bound = Number.isFinite(info.elbo) ? info.elbo : null;
    context.progress({ at: 'train', step: state.step, elbo: bound } satisfies TrainHeartbeat);
  }
  await save();
  return record();
}

/** A training whose gradients stay non-finite. */
export function stuck(step: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    where: `update ${step} of the training`,
    what: `the gradient was not finite for ${MOST_SKIPPED} updates in a row`,
    remedy:
      'Lower train.learningRate, start nearer to the target (train.initialScale), or correct the target.',
  });
}
