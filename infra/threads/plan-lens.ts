// Planning an experiment: open data and model once for real, let the experiment cut its tasks, write the plan, make the topic.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import type { LensInput } from '#schemas/messages.ts';
import type { LensPlanOutput } from '#schemas/tasks.ts';
import type { ExperimentPlan } from '../../activities/experiments/experiment.ts';
import { experimentNamed } from '../../activities/experiments/experiments.ts';
import type { ModelVariant } from '../../activities/experiments/network.ts';
import type { DatasetPlan } from '../../activities/ports.ts';
import { runFolder } from '../blobs/run-folder.ts';
import { makeFolder } from '../blobs/storage.ts';
import { openDataset } from '../datasets/open.ts';
import { type LensPlan, type PlannedTask, unitsOf } from '../lens/lens-plan.ts';
import { LensWorld, openLensPlan } from '../lens/opened-lens.ts';
import { sampleBatchRows, sampleDataset } from '../lens/samples.ts';
import { modelLoader } from '../models/registry.ts';
import { writeManifest } from '../run-manifest.ts';
import { PLAN_FILE, topicName } from '../run-plan.ts';
import { checkUnchanged } from './check-unchanged.ts';
import { openLog } from './opened.ts';
import { surveyRows } from './survey-lens.ts';
import type { TaskContext } from './task-context.ts';

/** Samples of one task of the points table. */
const POINTS_PER_TASK = 2_048;

/** Writes `plan.json` and `run.json`, or finds the plan of an interrupted execution and what it already put on the log. */
export async function planLensTask(input: LensInput, context: TaskContext): Promise<LensPlanOutput> {
  const existing = await openLensPlan(input.runDir, input.configSha256).catch(() => null);
  if (existing !== null)
    await checkUnchanged(input.runDir, existing, {
      model: 'model' in input.config ? input.config.model : null,
      ...context,
    });
  const plan = existing ?? (await makePlan(input, context));
  await openLog().createTopic(plan.topic, { partitions: plan.config.stream.partitions });
  const { done, notices } = await surveyRows(plan, input.runDir, context);
  await writeManifest(input.runDir, plan, { status: 'running', notices });
  const units = plan.tasks.map(unitsOf);
  return {
    tasks: plan.tasks.length,
    units: units.reduce((sum, count) => sum + count, 0),
    unit: plan.unit,
    partitions: plan.config.stream.partitions,
    notices: [...plan.notices, ...notices],
    alreadyUnits: done.reduce((sum, task) => sum + units[task]!, 0),
  };
}

async function makePlan(input: LensInput, context: TaskContext): Promise<LensPlan> {
  const { config, runDir } = input;
  await makeFolder(runDir);
  const data = await planData(config, context);
  const inputShape = data === null ? await modelInputShape(config) : null;
  const world = await LensWorld.open(config, { runDir, data, inputShape });
  try {
    const variants = variantsOf(config);
    const model = await modelRecord(config, world, variants, data?.sampleShape ?? inputShape);
    const planned = await experimentNamed(config.experiment).plan({
      config,
      signal: context.signal,
      samples: world.samples,
      variants,
      network: (variant) => world.network(variant),
    });
    const plan = planOf(input, { planned, variants, model, data });
    await runFolder(runDir).writeFile(PLAN_FILE, Buffer.from(JSON.stringify(plan)));
    return plan;
  } finally {
    await world.close();
  }
}

async function planData(config: LensConfig, { signal, progress }: TaskContext): Promise<DatasetPlan | null> {
  if (!('dataset' in config) || config.dataset === undefined) return null;
  const reader = await openDataset(sampleDataset(config.dataset));
  try {
    return await reader.plan({ batchRows: sampleBatchRows(config.dataset), signal, onProgress: progress });
  } finally {
    await reader.close();
  }
}

/** Shape of a sample where only the model can tell it. */
async function modelInputShape(config: LensConfig): Promise<number[] | null> {
  if (!('model' in config)) return null;
  const loader = await modelLoader(config.model.file);
  const { input } = await loader.inspect(config.model, { granularity: 'image' });
  const shape = input.dims.slice(1);
  if (shape.every((side) => side !== null)) return shape;
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'dataset',
    what: 'the model leaves the shape of its input open, so a data set must tell it',
    value: `[${input.dims.map((side) => side ?? '?').join(', ')}]`,
    remedy: 'Give a dataset section.',
  });
}

/** Trained first, then the controls; their seeds follow the run's. */
export function variantsOf(config: LensConfig): ModelVariant[] {
  if (!('controls' in config)) return [];
  const { randomInit, weightPermuted } = config.controls;
  const controls = (kind: ModelVariant['kind'], count: number) =>
    Array.from({ length: count }, (_, i): ModelVariant => ({ kind, seed: (config.seed + i + 1) >>> 0 }));
  return [
    { kind: 'trained', seed: 0 },
    ...controls('random_init', randomInit),
    ...controls('weight_permuted', weightPermuted),
  ];
}

async function modelRecord(
  config: LensConfig,
  world: LensWorld,
  [trained]: readonly ModelVariant[],
  inputShape: readonly number[] | null,
): Promise<LensPlan['model']> {
  if (!('model' in config) || trained === undefined || inputShape === null) return null;
  const network = await world.network(trained);
  return {
    file: config.model.file,
    sha256: network.sha256,
    backend: network.backend,
    packing: null,
    taps: network.taps,
    text: network.text,
    exact: network.inexact('input').length === 0,
    pools: network.pools,
    inputShape,
  };
}

function planOf(
  { runId, config, configSha256 }: LensInput,
  parts: Pick<LensPlan, 'variants' | 'model'> & {
    planned: ExperimentPlan<unknown>;
    data: DatasetPlan | null;
  },
): LensPlan {
  const { planned, variants, model, data } = parts;
  const { unit, design, points } = planned;
  const measured = planned.tasks.map((task): PlannedTask => ({ of: 'measurements', ...task }));
  const skipped = data?.skipped ?? [];
  return {
    runId,
    configSha256,
    config,
    unit,
    tasks: [...measured, ...layerTasks(variants), ...pointTasks(variants, points.length)],
    design,
    points,
    coded: planned.coded ?? (points.length === 0 ? null : { stride: 1, points, areKept: false }),
    variants,
    model,
    data: data === null ? null : { ...data, sha256: datasetHash(data) },
    skipped,
    notices: [
      ...planned.notices,
      ...(skipped.length > 0 ? [`${skipped.length} bad files were skipped; run.json names them`] : []),
    ],
    topic: topicName(runId, [configSha256, model?.sha256, data === null ? null : datasetHash(data)]),
  };
}

function layerTasks(variants: readonly ModelVariant[]): PlannedTask[] {
  return variants.map((variant): PlannedTask => ({ of: 'layers', variant, from: 0, to: 1 }));
}

function pointTasks(variants: readonly ModelVariant[], points: number): PlannedTask[] {
  const starts = Array.from({ length: Math.ceil(points / POINTS_PER_TASK) }, (_, i) => i * POINTS_PER_TASK);
  return variants.flatMap((variant) =>
    starts.map((from): PlannedTask => {
      return { of: 'points', variant, from, to: Math.min(points, from + POINTS_PER_TASK) };
    }),
  );
}

/** One hash for the whole data set: of its files' hashes, in order. */
function datasetHash(data: DatasetPlan): string {
  return createHash('sha256')
    .update(data.files.map((file) => file.sha256).join('\n'))
    .digest('hex');
}
