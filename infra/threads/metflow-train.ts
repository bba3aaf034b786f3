// Training the kernels: updates, with a checkpoint every so many, until the last one.

import { BOUNDS_TABLE } from '#schemas/columns/metflow/bounds.ts';
import { TRAINING_TABLE } from '#schemas/columns/metflow/training.ts';
import { PipelineError } from '#schemas/errors.ts';
import { trainsKernels } from '#schemas/metflow-config.ts';
import type { TrainHeartbeat } from '#schemas/messages.ts';
import type { PlannedInput, TrainOutput } from '#schemas/tasks.ts';
import { trainedPath } from '../../activities/metflow/chains/configured-kernels.ts';
import {
  hasEnded,
  historyRow,
  isRecorded,
  trainedTheta,
  trainingContent,
  trainingRules,
  type TrainingRecord,
} from '../../activities/metflow/chains/training-record.ts';
import { finiteOrNull } from '../../activities/numeric/finite-or-null.ts';
import { NO_EVALUATION, observe } from '../../activities/metflow/early-stop.ts';
import { type Evaluator, openEvaluator } from '../../activities/metflow/evaluation.ts';
import { leastUniformLoss, meanFieldPath } from '../../activities/metflow/mean-field.ts';
import type { ParameterUnits, PathModel } from '../../activities/metflow/path/path-model.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import {
  type Fading,
  openTrainer,
  targetWeightAt,
  type Trainer,
  type TrainState,
} from '../../activities/metflow/training.ts';
import { writeCheckpoint } from '../metflow/checkpoint-files.ts';
import { type MetflowPlan, readMetflowPlan } from '../metflow/metflow-plan.ts';
import { plannedTarget } from '../metflow/planned-target.ts';
import { trainingOrigin } from '../metflow/origins.ts';
import { createProgramRunner } from '../metflow/program-runner.ts';
import { writeRows } from '../metflow/small-tables.ts';
import { findTraining, MEAN_FIELD, TRAINING } from '../metflow/trained-model.ts';
import { startOfTraining } from '../metflow/training-start.ts';
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
  if (!trainsKernels(config)) throw new PipelineError({ kind: 'internal', what: 'nothing is to be trained' });
  const work = { plan, runDir, context };
  const path = (units: ParameterUnits) => trainedPath(config, dim, { units })!;
  const trained = await trainLaw(path, { ...work, name: TRAINING });
  const { step } = trained.record.state;
  const stopped = { done: false, step, notices: trained.notices };
  if (trained.bound === null) return stopped;
  const field = (units: ParameterUnits) => meanFieldPath({ dim, scale: config.train.initialScale, units });
  const compared = await trainLaw(field, { ...work, name: MEAN_FIELD, format: trained.format });
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
  /** Of a training that begins. @default the newest */
  readonly format?: number | undefined;
}

/** One law's training, gone on with, and its bound; null where it was asked to stop before its end. */
async function trainLaw(pathIn: (units: ParameterUnits) => PathModel, work: LawWork) {
  const { plan, runDir, name } = work;
  const found = await findTraining(runDir, plan, name);
  const format = found?.format ?? work.format;
  const { units, fading } = trainingRules(format);
  const path = pathIn(units);
  await using tools = await openTools(path, { plan, fading });
  const from = found ?? { state: await firstState(tools, path, work), stop: NO_EVALUATION, history: [] };
  const record = await train(tools, from, { ...work, format });
  const done = hasEnded(record, plan.config.train);
  const bound = done ? await boundOf(tools, record, plan) : null;
  return { record, bound, format, notices: found?.notices ?? [] };
}

/** The state before the first update, of the mean-field law too; asked to stop on the way there, one that is not saved. */
async function firstState(
  { trainer, traced }: Tools,
  path: PathModel,
  { plan, context }: LawWork,
): Promise<TrainState> {
  const report = reporter(context);
  const onSweep = () => report(0, null);
  try {
    return await startOfTraining({ path, trainer, traced }, plan.config, { signal: context.signal, onSweep });
  } catch (error) {
    if (context.signal.aborted) return trainer.initial();
    throw error;
  }
}

/** Tells how far a training is, not too often. */
function reporter({ progress }: LawWork['context']) {
  let reportedAtMs = 0;
  return (step: number, elbo: number | null): void => {
    if (performance.now() - reportedAtMs < REPORT_EVERY_MS) return;
    reportedAtMs = performance.now();
    progress({ at: 'train', step, elbo } satisfies TrainHeartbeat);
  };
}

async function boundOf({ evaluator, traced }: Tools, record: TrainingRecord, { config }: MetflowPlan) {
  const { elbo, elboError, acceptRate } = await evaluator.evaluate(trainedTheta(record, config.train));
  const paths = config.train.evaluateRows;
  return {
    acceptRate,
    row: { elbo, elbo_se: elboError, paths, updates: record.state.step, log_z: traced.logZ ?? null },
  };
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
  readonly traced: TracedTarget;
}

async function openTools(
  path: PathModel,
  { plan, fading }: { readonly plan: MetflowPlan; readonly fading: Fading },
): Promise<Tools> {
  const { config } = plan;
  const { traced } = await plannedTarget(plan);
  const { smoothed } = traced;
  const target = smoothed === undefined ? traced : { ...traced, logDensity: smoothed };
  const { steps, batch, learningRate, anneal, clip, evaluateRows } = config.train;
  const { seed } = config;
  const runner = createProgramRunner();
  const options = { steps, batch, learningRate, anneal, fading, clip, seed, runner };
  const trainer = await openTrainer(path, target, options);
  const evaluator = await openEvaluator(path, target, { runner, rows: evaluateRows, seed });
  return {
    trainer,
    evaluator,
    traced: target,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([trainer.close(), evaluator.close()]);
    },
  };
}

async function train(
  { trainer, evaluator }: Tools,
  from: TrainingRecord,
  { plan, runDir, context, name, format }: LawWork,
): Promise<TrainingRecord> {
  const { train } = plan.config;
  const { steps, checkpointEvery, evaluateEvery } = train;
  const history = [...from.history];
  let { state, stop } = from;
  const report = reporter(context);
  let saved = state.step;
  const record = (): TrainingRecord => ({ state, stop, history });
  const save = async () => {
    if (saved === state.step) return;
    await writeCheckpoint(runDir, name, {
      origin: trainingOrigin(plan),
      format,
      ...trainingContent(record()),
    });
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
    report(state.step, finiteOrNull(info.elbo));
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
