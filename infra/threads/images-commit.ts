// The end of a run about images: what its tasks' checkpoints hold becomes tables and nets, and run.json is closed.

import { join } from 'node:path';
import {
  INPAINTING_IMAGES_TABLE,
  INPAINTING_SUMMARY_TABLE,
  INPAINTING_TABLE,
  VAE_LIKELIHOOD_TABLE,
  VAE_SAMPLES_TABLE,
} from '#schemas/columns/metflow/images.ts';
import { TRAINING_TABLE } from '#schemas/columns/metflow/training.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { SourceFile, SummaryRow } from '#schemas/messages.ts';
import type { CommitOutput, ImagesCommitInput } from '#schemas/tasks.ts';
import type { Checkpoint } from '../../activities/metflow/checkpoint.ts';
import type { FloatArray } from '../../activities/metflow/parameters.ts';
import { inpaintingRunOf, summariseImage } from '../../activities/metflow/vae/inpainting-run.ts';
import { finishTally } from '../../activities/metflow/vae/likelihood.ts';
import { type JudgedTraining, likelihoodRows } from '../../activities/metflow/vae/likelihood-rows.ts';
import { decodedSamples, netsOf } from '../../activities/metflow/vae/vae-decoder.ts';
import { vaeRunOf } from '../../activities/metflow/vae/vae-run.ts';
import { removeHalfFiles, writeWhole } from '../blobs/storage.ts';
import { readBinaryImages } from '../metflow/binary-images.ts';
import { CHECKPOINTS_FOLDER, findCheckpoint } from '../metflow/checkpoint-files.ts';
import {
  checkSame,
  type ImagesPlan,
  type InpaintingPlan,
  isVaePlan,
  taskName,
  taskOrigin,
  type VaePlan,
} from '../metflow/images-plan.ts';
import { readTaskPlan } from '../run-plan.ts';
import { createProgramRunner } from '../metflow/program-runner.ts';
import { writeRows } from '../metflow/small-tables.ts';
import { denseModel, hexSha256 } from '../metflow/vae-nets.ts';
import { writeManifest } from '../run-manifest.ts';
import { missingPixels } from './inpainting-task.ts';
import { trainingRows } from './metflow-train.ts';
import { modelOfTask } from './vae-task.ts';

/** Folder of a run that holds the nets that it trained. */
const NETS_FOLDER = 'nets';

interface Committed {
  readonly rows: Readonly<Record<string, number>>;
  readonly summary: readonly SummaryRow[];
  readonly nets?: readonly SourceFile[];
}

/** Repeating it gives the same. @throws PipelineError `internal` where a task has no checkpoint. */
export async function commitImagesTask(input: ImagesCommitInput): Promise<CommitOutput> {
  const { runDir, configSha256 } = input.run;
  const plan = await readTaskPlan<ImagesPlan>(runDir, configSha256);
  const { rows, summary, nets } = await commitOf(plan, runDir);
  const { restarts, notices } = input;
  const seconds = (Date.now() - input.startedAtMs) / 1000;
  const trained = nets === undefined ? {} : { nets };
  await writeManifest(runDir, plan, {
    status: 'done',
    rows,
    restarts,
    seconds,
    summary,
    notices,
    ...trained,
  });
  await removeHalfWritten(runDir);
  return { rows, notices };
}

function commitOf(plan: ImagesPlan, runDir: string): Promise<Committed> {
  return isVaePlan(plan) ? commitVae(plan, runDir) : commitInpainting(plan, runDir);
}

async function commitVae(plan: VaePlan, runDir: string): Promise<Committed> {
  const place = { runDir, runId: plan.runId };
  const judged: JudgedTraining[] = [];
  const history: object[] = [];
  const samples: object[] = [];
  const nets: SourceFile[] = [];
  for (const [task, { name, seed }] of plan.tasks.entries()) {
    const { state, tally, ...run } = vaeRunOf(await checkpointOf(plan, task, runDir));
    const { theta } = state;
    const of = { model: name, seed };
    judged.push({ ...of, parameters: theta.length, updates: state.step, images: finishTally(tally) });
    history.push(...trainingRows(run, of));
    samples.push(...(await sampleRows(plan, { task, theta })));
    nets.push(...(await writeNets(plan, { task, theta, runDir })));
  }
  const rows = likelihoodRows(judged);
  return {
    rows: {
      vae_likelihood: await writeRows(VAE_LIKELIHOOD_TABLE, rows, place),
      training: await writeRows(TRAINING_TABLE, history, place),
      vae_samples: await writeRows(VAE_SAMPLES_TABLE, samples, place),
    },
    summary: rows.map((row) => jsonRow({ ...row })),
    nets,
  };
}

interface Trained {
  readonly task: number;
  readonly theta: FloatArray;
}

async function sampleRows(plan: VaePlan, { task, theta }: Trained): Promise<object[]> {
  const { name, seed } = plan.tasks[task]!;
  const { samples } = plan.config;
  if (samples === 0) return [];
  const model = modelOfTask(plan, task);
  const runner = createProgramRunner();
  const { z, pixels } = await decodedSamples(model, { runner, theta, samples, seed });
  const of = (values: FloatArray, sample: number) => {
    const size = values.length / samples;
    return values.slice(sample * size, (sample + 1) * size);
  };
  return Array.from({ length: samples }, (_, sample) => {
    return { model: name, seed, sample, z: of(z, sample), pixels: of(pixels, sample) };
  });
}

async function writeNets(
  plan: VaePlan,
  { task, theta, runDir }: Trained & { readonly runDir: string },
): Promise<SourceFile[]> {
  const { name, seed } = plan.tasks[task]!;
  const { encoder, decoder } = netsOf(modelOfTask(plan, task), theta);
  const models = [
    ['encoder', denseModel(encoder.values, { sizes: encoder.sizes, end: 'none' })],
    ['decoder', denseModel(decoder.values, { sizes: decoder.sizes, end: 'sigmoid' })],
  ] as const;
  const written: SourceFile[] = [];
  for (const [net, bytes] of models) {
    const file = `${NETS_FOLDER}/${name}-seed-${seed}-${net}.onnx`;
    await writeWhole(join(runDir, file), Buffer.from(bytes));
    written.push({ key: `${name}, seed ${seed}, ${net}`, file, sha256: hexSha256(bytes) });
  }
  return written;
}

async function commitInpainting(plan: InpaintingPlan, runDir: string): Promise<Committed> {
  const place = { runDir, runId: plan.runId };
  const { images: from, sample } = plan.config;
  const { images, sha256 } = await readBinaryImages(from.data, from.rows);
  checkSame(plan, 'images', sha256);
  const missing = missingPixels(plan);
  const seen = Int32Array.from({ length: plan.pixels }, (_, pixel) => Number(!missing.includes(pixel)));
  const summaries: object[] = [];
  const history: object[] = [];
  for (const [task, { name, seed }] of plan.tasks.entries()) {
    const run = inpaintingRunOf(await checkpointOf(plan, task, runDir));
    history.push(...trainingRows(run, { model: name, seed }));
    for (const [i, image] of images.entries()) {
      const rows = { from: i * sample.chains, to: (i + 1) * sample.chains };
      const summary = summariseImage(run, { ...rows, image, missing });
      summaries.push({ model: name, image: from.rows[i]!, ...sample, ...summary });
    }
  }
  const pictures = images.map((image, i) => ({ image: from.rows[i]!, pixels: image, seen }));
  return {
    rows: {
      inpainting: plan.tasks.length * images.length * sample.chains * (sample.frames + 1),
      inpainting_images: await writeRows(INPAINTING_IMAGES_TABLE, pictures, place),
      inpainting_summary: await writeRows(INPAINTING_SUMMARY_TABLE, summaries, place),
      training: await writeRows(TRAINING_TABLE, history, place),
    },
    summary: summaries.map(jsonRow),
  };
}

async function checkpointOf(plan: ImagesPlan, task: number, runDir: string): Promise<Checkpoint> {
  const found = await findCheckpoint(runDir, taskName(task), { origin: taskOrigin(plan, task) });
  if (found !== null) return found.checkpoint;
  throw new PipelineError({ kind: 'internal', where: runDir, what: 'a finished task has no checkpoint' });
}

/** Scalars of a row as JSON holds them. */
function jsonRow(row: object): SummaryRow {
  const scalars = Object.entries(row).filter(([, value]) => typeof value !== 'object' || value === null);
  return Object.fromEntries(
    scalars.map(([name, value]) => [
      name,
      typeof value === 'number' && !Number.isFinite(value) ? null : value,
    ]),
  );
}

/** What a killed worker was writing; nobody writes any more. */
async function removeHalfWritten(runDir: string): Promise<void> {
  for (const folder of [INPAINTING_TABLE.path, CHECKPOINTS_FOLDER])
    await removeHalfFiles(join(runDir, folder));
}
