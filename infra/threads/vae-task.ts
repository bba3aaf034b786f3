// One autoencoder with one seed: its training, then the importance draws of its test images.

import { PipelineError } from '#schemas/errors.ts';
import type { ImageTaskOutput } from '#schemas/tasks.ts';
import { betweenOf, copiesOf } from '../../activities/metflow/vae/configured-models.ts';
import { ImageBatches, testImages } from '../../activities/metflow/vae/image-batches.ts';
import { addDraw } from '../../activities/metflow/vae/likelihood.ts';
import { type VaeModel, vaeModel } from '../../activities/metflow/vae/vae-model.ts';
import { beginVaeRun, type VaeRun, vaeRunContent, vaeRunOf } from '../../activities/metflow/vae/vae-run.ts';
import {
  openVaeEvaluator,
  openVaeTrainer,
  type VaeEvaluator,
  type VaeTrainer,
} from '../../activities/metflow/vae/vae-training.ts';
import type { FloatArray } from '../../activities/metflow/parameters.ts';
import { findCheckpoint, writeCheckpoint } from '../metflow/checkpoint-files.ts';
import { readGreyImages } from '../metflow/grey-images.ts';
import { checkSame, taskName, taskOrigin, type VaePlan } from '../metflow/images-plan.ts';
import { createProgramRunner } from '../metflow/program-runner.ts';
import { reporter, type TaskPlace, trainOnImages } from './image-training.ts';

/** Evaluations in a training, and the importance draws behind it, lie apart from each other and from training. */
const EVALUATION_STEPS = 2 ** 51;
const DRAW_STEPS = 2 ** 51 + 2 ** 50;

/** @throws PipelineError `run-config-mismatch` where images have changed since the run began. */
export async function vaeTask(plan: VaePlan, place: TaskPlace): Promise<ImageTaskOutput> {
  const { runDir, task, context } = place;
  const origin = taskOrigin(plan, task);
  const found = await findCheckpoint(runDir, taskName(task), { origin });
  await using tools = await openTools(plan, place);
  let run = found === null ? beginVaeRun(tools.trainer.initial(), tools.images) : vaeRunOf(found.checkpoint);
  let saved = unitsOf(run);
  const report = reporter(place, saved);
  const save = async () => {
    if (saved === unitsOf(run)) return;
    await writeCheckpoint(runDir, taskName(task), { origin, ...vaeRunContent(run) });
    saved = unitsOf(run);
  };
  const { train, evaluate } = plan.config;
  const training = await trainOnImages(run, {
    ...{ ...train, ...tools, signal: context.signal, report },
    evaluate: async ({ theta, step }) => {
      if (step % train.evaluateEvery !== 0 && step !== train.steps) return null;
      return meanOf(await tools.evaluator.integrand(theta, tools.x, EVALUATION_STEPS + step));
    },
    save: (now) => {
      run = { ...run, ...now };
      return save();
    },
  });
  run = { ...run, ...training };
  const trained = run.state.step >= train.steps;
  while (trained && run.tally.draws < evaluate.draws && !context.signal.aborted) {
    const step = DRAW_STEPS + run.tally.draws;
    const weights = await tools.evaluator.integrand(run.state.theta, tools.x, step);
    run = { ...run, tally: addDraw(run.tally, weights) };
    if (run.tally.draws % evaluate.checkpointEvery === 0) await save();
    report(unitsOf(run));
  }
  await save();
  const done = trained && run.tally.draws >= evaluate.draws;
  return { done, units: unitsOf(run), notices: found?.notices ?? [] };
}

/** The model of a task. @throws PipelineError `internal` for a task that the plan does not have. */
export function modelOfTask({ config, tasks, pixels }: VaePlan, task: number): VaeModel {
  const planned = tasks[task];
  const between = planned === undefined ? undefined : config.models[planned.place];
  if (between === undefined)
    throw new PipelineError({ kind: 'internal', what: 'the plan has no such task', value: String(task) });
  const { latent, hidden } = config.architecture;
  const shape = { pixels, latent, hidden, likelihood: { kind: 'bernoulli' } } as const;
  return vaeModel(shape, betweenOf(between, latent));
}

interface Tools extends AsyncDisposable {
  readonly trainer: VaeTrainer;
  readonly evaluator: VaeEvaluator;
  readonly batches: ImageBatches;
  /** `[images, pixels]` of the test. */
  readonly x: FloatArray;
  readonly images: number;
}

async function openTools(plan: VaePlan, { task, context: { signal } }: TaskPlace): Promise<Tools> {
  const { config, tasks } = plan;
  const { seed, place } = tasks[task]!;
  const { steps, batch, learningRate } = config.train;
  const { images } = config.evaluate;
  const data = await readGreyImages('dataset', config.dataset, { signal });
  checkSame(plan, 'dataset', data.sha256);
  const test = await readGreyImages('test', config.test, { signal });
  checkSame(plan, 'test', test.sha256);
  const model = modelOfTask(plan, task);
  const runner = createProgramRunner();
  const copies = copiesOf(config.models[place]!);
  const trainer = await openVaeTrainer(model, { runner, steps, batch, learningRate, seed, copies });
  const evaluator = await openVaeEvaluator(model, { runner, rows: images, seed });
  return {
    ...{ trainer, evaluator, images },
    batches: new ImageBatches(data, { batch, seed, type: 'float32' }),
    x: testImages(test, images, 'float32'),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([trainer.close(), evaluator.close()]);
    },
  };
}

function unitsOf({ state, tally }: VaeRun): number {
  return state.step + tally.draws;
}

function meanOf(values: FloatArray): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}
