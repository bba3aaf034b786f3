// Planning a run about images: read everything once for real, write the plan, and find out where its tasks stand.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { DataRecord, ImagesInput } from '#schemas/messages.ts';
import type { ImagesConfig, InpaintingConfig, VaeConfig } from '#schemas/metflow-images.ts';
import type { ImagesPlanOutput } from '#schemas/tasks.ts';
import { betweenOf } from '../../activities/metflow/vae/configured-models.ts';
import { inpaintingRunOf } from '../../activities/metflow/vae/inpainting-run.ts';
import { vaeModel } from '../../activities/metflow/vae/vae-model.ts';
import { vaeRunOf } from '../../activities/metflow/vae/vae-run.ts';
import { writeWhole } from '../blobs/storage.ts';
import { canonicalJson } from '../config/config-hash.ts';
import { readBinaryImages } from '../metflow/binary-images.ts';
import { findCheckpoint } from '../metflow/checkpoint-files.ts';
import { type GreyDataset, readGreyImages } from '../metflow/grey-images.ts';
import {
  type ImagesPlan,
  type InpaintingPlan,
  isVaePlan,
  taskName,
  taskOrigin,
  type VaePlan,
} from '../metflow/images-plan.ts';
import { findPlan, planPath } from '../run-plan.ts';
import { readVaeNets } from '../metflow/vae-nets.ts';
import { writeManifest } from '../run-manifest.ts';
import type { TaskContext } from './task-context.ts';

/** Writes `plan.json` and `run.json`, or goes on with those of an interrupted execution. */
export async function planImagesTask(
  { runId, runDir, config, configSha256 }: ImagesInput,
  { signal }: Pick<TaskContext, 'signal'>,
): Promise<ImagesPlanOutput> {
  const existing = await findPlan<ImagesPlan>(runDir, configSha256);
  const base = { runId, configSha256, notices: [] };
  const plan: ImagesPlan = existing ?? { ...base, ...(await planOf(config, signal)) };
  if (existing === null) await writeWhole(planPath(runDir), Buffer.from(JSON.stringify(plan)));
  await writeManifest(runDir, plan, { status: 'running' });
  const tasks = await Promise.all(
    plan.tasks.map(async ({ units }, task) => ({ units, done: await doneUnits(plan, task, runDir) })),
  );
  return { tasks, unit: 'steps', notices: plan.notices };
}

type Base = 'runId' | 'configSha256' | 'notices';
type Planned = Omit<VaePlan, Base> | Omit<InpaintingPlan, Base>;

function planOf(config: ImagesConfig, signal: AbortSignal): Promise<Planned> {
  return config.experiment === 'vae' ? planVae(config, signal) : planInpainting(config, signal);
}

async function planVae(config: VaeConfig, signal: AbortSignal): Promise<Planned> {
  const { train, evaluate, seeds, seed, models } = config;
  const data = await readGreyImages('dataset', config.dataset, { signal });
  const test = await readGreyImages('test', config.test, { signal });
  checkSizes({ data, batch: train.batch });
  if (test.pixels !== data.pixels) throw sizesDiffer('test', test.pixels, data.pixels);
  if (test.rows < evaluate.images) throw tooFew('evaluate.images', evaluate.images, test.rows);
  const each = Array.from({ length: seeds }, (_, i) => seed + i);
  const units = train.steps + evaluate.draws;
  return {
    config,
    pixels: data.pixels,
    tasks: models.flatMap(({ name }, place) => each.map((own) => ({ place, name, seed: own, units }))),
    hashes: { dataset: data.sha256, test: test.sha256 },
    model: null,
    data: dataRecord([...data.files, ...test.files]),
    files: [],
  };
}

async function planInpainting(config: InpaintingConfig, signal: AbortSignal): Promise<Planned> {
  const { encoder, decoder, train, sample, seed, samplers, images } = config;
  const data = await readGreyImages('dataset', config.dataset, { signal });
  checkSizes({ data, batch: train.batch });
  const nets = await readVaeNets(config);
  if (nets.shape.pixels !== data.pixels) throw sizesDiffer('encoder', nets.shape.pixels, data.pixels);
  const { images: read, sha256 } = await readBinaryImages(images.data, images.rows);
  if (read[0]!.length !== data.pixels) throw sizesDiffer('images', read[0]!.length, data.pixels);
  if (config.seen[1] > data.pixels) throw sizesDiffer('seen', config.seen[1], data.pixels);
  const tasks = samplers.map((sampler, place) => {
    const trains = vaeModel(nets.shape, betweenOf(sampler, nets.shape.latent)).parts.between.length > 0;
    const units = (trains ? train.steps : 0) + sample.frames * sample.sweeps;
    return { place, name: sampler.name, seed, units };
  });
  return {
    ...{ config, pixels: data.pixels, tasks, model: null, data: dataRecord(data.files) },
    hashes: { dataset: data.sha256, images: sha256, ...nets.sha256 },
    files: [
      { key: 'encoder', file: encoder, sha256: nets.sha256.encoder },
      { key: 'decoder', file: decoder, sha256: nets.sha256.decoder },
      { key: 'images', file: images.data, sha256 },
    ],
  };
}

async function doneUnits(plan: ImagesPlan, task: number, runDir: string): Promise<number> {
  const found = await findCheckpoint(runDir, taskName(task), { origin: taskOrigin(plan, task) });
  if (found === null) return 0;
  if (isVaePlan(plan)) {
    const { state, tally } = vaeRunOf(found.checkpoint);
    return state.step + tally.draws;
  }
  const { state, sweeps } = inpaintingRunOf(found.checkpoint);
  return state.step + sweeps;
}

function dataRecord(files: DataRecord['files']): DataRecord {
  const sha256 = createHash('sha256').update(canonicalJson(files.map((file) => file.sha256)));
  return { files, sha256: sha256.digest('hex') };
}

function checkSizes({ data, batch }: { readonly data: GreyDataset; readonly batch: number }): void {
  if (data.rows < batch) throw tooFew('train.batch', batch, data.rows);
}

function tooFew(where: string, wanted: number, rows: number): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    where,
    what: 'the data set has fewer images',
    value: `${wanted}, there are ${rows}`,
    remedy: 'Lower it, or give more images.',
  });
}

function sizesDiffer(where: string, found: number, pixels: number): PipelineError {
  return new PipelineError({
    kind: 'shape-mismatch',
    where,
    what: 'its pixels are not as many as those of dataset',
    value: `${found}, dataset ${pixels}`,
    remedy: 'All images of a run have one size.',
  });
}
