// One sampler of a run of in-painting: the training of its kernels between frozen nets, then the chains of all images,
// frame by frame. A frame's rows are on disk before the checkpoint that lies behind them.

import { INPAINTING_TABLE } from '#schemas/columns/metflow/images.ts';
import type { ImageTaskOutput } from '#schemas/tasks.ts';
import { betweenOf } from '../../activities/metflow/vae/configured-models.ts';
import { ImageBatches } from '../../activities/metflow/vae/image-batches.ts';
import {
  addFrame,
  beginInpaintingRun,
  type InpaintingRun,
  inpaintingRunContent,
  inpaintingRunOf,
} from '../../activities/metflow/vae/inpainting-run.ts';
import {
  type Inpainting,
  type InpaintingState,
  openInpainting,
} from '../../activities/metflow/vae/inpainting.ts';
import { type VaeModel, vaeModel } from '../../activities/metflow/vae/vae-model.ts';
import { openVaeTrainer } from '../../activities/metflow/vae/vae-training.ts';
import { floatArray } from '../../activities/metflow/parameters.ts';
import type { TrainState } from '../../activities/metflow/training.ts';
import { readBinaryImages } from '../metflow/binary-images.ts';
import { findCheckpoint, writeCheckpoint } from '../metflow/checkpoint-files.ts';
import { readGreyImages } from '../metflow/grey-images.ts';
import { checkSame, type InpaintingPlan, taskName, taskOrigin } from '../metflow/images-plan.ts';
import { createProgramRunner } from '../metflow/program-runner.ts';
import { writeRows } from '../metflow/small-tables.ts';
import { readVaeNets, type VaeNets } from '../metflow/vae-nets.ts';
import { reporter, type TaskPlace, trainOnImages } from './image-training.ts';

/** @throws PipelineError `run-config-mismatch` where nets or images have changed since the run began. */
export async function inpaintingTask(plan: InpaintingPlan, place: TaskPlace): Promise<ImageTaskOutput> {
  const { runDir, task } = place;
  const nets = await readVaeNets(plan.config);
  checkSame(plan, 'encoder', nets.sha256.encoder);
  checkSame(plan, 'decoder', nets.sha256.decoder);
  const sampler = plan.config.samplers[plan.tasks[task]!.place]!;
  const summedOut = 'missing' in sampler && sampler.missing === 'summed_out';
  const shape = summedOut ? { ...nets.shape, seen: seenOf(plan) } : nets.shape;
  const model = vaeModel(shape, betweenOf(sampler, shape.latent));
  const origin = taskOrigin(plan, task);
  const found = await findCheckpoint(runDir, taskName(task), { origin });
  const work: Work = {
    ...{ plan, place, model, nets },
    from: found === null ? null : inpaintingRunOf(found.checkpoint),
    save: (run) => writeCheckpoint(runDir, taskName(task), { origin, ...inpaintingRunContent(run) }),
    report: () => undefined,
  };
  const report = reporter(place, work.from === null ? 0 : unitsOf(work.from));
  const trained = await trainKernels({ ...work, report });
  const { steps } = plan.config.train;
  const isTrained = !hasKernels(model) || trained.state.step >= steps;
  const run = isTrained ? await runChains({ ...work, report }, trained) : trained;
  const done = run.frames >= plan.config.sample.frames;
  return { done, units: unitsOf(run), notices: found?.notices ?? [] };
}

/** Pixels of an image that its chains were not given. */
export function missingPixels({ config, pixels }: InpaintingPlan): number[] {
  const [from, to] = config.seen;
  return Array.from({ length: pixels }, (_, pixel) => pixel).filter((pixel) => pixel < from || pixel >= to);
}

/** `[pixels]` 1 for those that chains were given. */
function seenOf(plan: InpaintingPlan): Uint8Array {
  const seen = new Uint8Array(plan.pixels).fill(1);
  for (const pixel of missingPixels(plan)) seen[pixel] = 0;
  return seen;
}

interface Work {
  readonly plan: InpaintingPlan;
  readonly place: TaskPlace;
  readonly model: VaeModel;
  readonly nets: VaeNets;
  readonly from: InpaintingRun | null;
  readonly save: (run: InpaintingRun) => Promise<void>;
  readonly report: (units: number, elbo?: number | null) => void;
}

function hasKernels({ parts }: VaeModel): boolean {
  return parts.between.length > 0;
}

/** The kernels' training, gone on with; as it began where there is nothing to train. */
async function trainKernels({ plan, place, model, nets, from, save, report }: Work): Promise<InpaintingRun> {
  const { config } = plan;
  const { seed } = plan.tasks[place.task]!;
  const sizes = {
    chains: config.images.rows.length * config.sample.chains,
    kernels: model.path?.slots.length ?? 0,
  };
  if (!hasKernels(model)) return from ?? beginInpaintingRun(NO_TRAINING, sizes);
  if (from !== null && from.state.step >= config.train.steps) return from;
  const { signal } = place.context;
  const data = await readGreyImages('dataset', config.dataset, { signal });
  checkSame(plan, 'dataset', data.sha256);
  const frozen = Float32Array.from(nets.values);
  const runner = createProgramRunner();
  const trainer = await openVaeTrainer(model, { ...config.train, seed, frozen, runner });
  try {
    const begun = from ?? beginInpaintingRun(trainer.initial(), sizes);
    const batches = new ImageBatches(data, { batch: config.train.batch, seed, type: 'float32' });
    const options = { ...config.train, trainer, batches, signal, report };
    const training = await trainOnImages(begun, { ...options, save: (now) => save({ ...begun, ...now }) });
    const run = { ...begun, ...training };
    // A stop, or the end, between two checkpoints.
    if (run.state.step !== begun.state.step) await save(run);
    return run;
  } finally {
    await trainer.close();
  }
}

const NO_TRAINING: TrainState = {
  ...{ step: 0, skipped: 0, skippedInRow: 0 },
  ...{ theta: floatArray('float32', 0), first: floatArray('float32', 0), second: floatArray('float32', 0) },
};

async function runChains(work: Work, from: InpaintingRun): Promise<InpaintingRun> {
  const { plan, place, model, nets, save, report } = work;
  const { frames, sweeps } = plan.config.sample;
  const chains = from.crossed.length;
  const missing = missingPixels(plan);
  const seen = seenOf(plan);
  const own = from.state.theta;
  const theta = new Float64Array(own.length + nets.values.length);
  theta.set(own);
  theta.set(nets.values, own.length);
  const { seed } = plan.tasks[place.task]!;
  const chain = await openInpainting(model, { runner: createProgramRunner(), theta, chains, seen, seed });
  try {
    let run = from;
    if (run.chain === null) {
      run = { ...run, chain: await chain.initial(await startOf(plan)) };
      await writeFrame(work, run);
      await save(run);
    }
    while (run.frames < frames) {
      const next = await runFrame(chain, run, { sweeps, signal: place.context.signal, report });
      // Stopped within a frame: it is begun again.
      if (next === null) return run;
      run = addFrame({ ...run, accepted: next.accepted }, next.state, { sweeps, missing });
      await writeFrame(work, run);
      await save(run);
    }
    return run;
  } finally {
    await chain.close();
  }
}

/** The sweeps of one frame; null where it was asked to stop. */
async function runFrame(
  chain: Inpainting,
  run: InpaintingRun,
  { sweeps, signal, report }: { sweeps: number; signal: AbortSignal; report: (units: number) => void },
): Promise<{ readonly state: InpaintingState; readonly accepted: Float64Array<ArrayBuffer> } | null> {
  let state = run.chain!;
  let { accepted } = run;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    if (signal.aborted) return null;
    state = await chain.step(state);
    const now = state.accepted;
    accepted = accepted.map((sum, at) => sum + now[at]!);
    report(unitsOf(run) + sweep + 1);
  }
  return { state, accepted };
}

/** `[images * chains, pixels]` the true images. */
async function startOf(plan: InpaintingPlan): Promise<Float64Array> {
  const { images: from, sample } = plan.config;
  const { images, sha256 } = await readBinaryImages(from.data, from.rows);
  checkSame(plan, 'images', sha256);
  const x = new Float64Array(images.length * sample.chains * plan.pixels);
  for (const [i, image] of images.entries())
    for (let chain = 0; chain < sample.chains; chain++)
      x.set(image, (i * sample.chains + chain) * plan.pixels);
  return x;
}

async function writeFrame({ plan, place, model }: Work, { frames, chain }: InpaintingRun): Promise<void> {
  const { images, sample } = plan.config;
  const { pixels } = plan;
  const { latent } = model.shape;
  const { x, z, estimate } = chain!;
  const of = (values: Float64Array, row: number, size: number) => values.slice(row * size, (row + 1) * size);
  const rows = Array.from({ length: images.rows.length * sample.chains }, (_, row) => ({
    model: plan.tasks[place.task]!.name,
    image: images.rows[Math.floor(row / sample.chains)]!,
    chain: row % sample.chains,
    frame: frames,
    sweep: frames * sample.sweeps,
    z: of(z, row, latent),
    pixels: of(x, row, pixels),
    estimate: of(estimate, row, pixels),
  }));
  const digits = (value: number, count: number) => String(value).padStart(count, '0');
  const part = `part-${digits(place.task, 4)}-${digits(frames, 8)}.parquet`;
  await writeRows(INPAINTING_TABLE, rows, { runDir: place.runDir, runId: plan.runId, part });
}

function unitsOf({ state, sweeps }: InpaintingRun): number {
  return state.step + sweeps;
}
