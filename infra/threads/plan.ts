// Planning a sweep: open everything once for real, cut shards, write the plan, make the topic.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { SweepInput } from '#schemas/messages.ts';
import type { ShardSpec, SweepPlan } from '#schemas/sweep.ts';
import type { PlanOutput } from '#schemas/tasks.ts';
import { pointsPerSample } from '../../activities/polytope/batch-rows.ts';
import { keptSamples } from '../../activities/polytope/kept-samples.ts';
import type {
  DatasetPlan,
  DatasetReader,
  EncoderSession,
  InputBatch,
  ModelInfo,
} from '../../activities/ports.ts';
import { runFolder } from '../blobs/run-folder.ts';
import { makeFolder } from '../blobs/storage.ts';
import { dataInvalid, isBadFile } from '../datasets/faults.ts';
import { openDataset } from '../datasets/open.ts';
import { modelLoader } from '../models/registry.ts';
import { writeManifest } from '../run-manifest.ts';
import { PLAN_FILE, topicName } from '../run-plan.ts';
import {
  batchSamples,
  countPoints,
  gridsOf,
  isText,
  readerBatchRows,
  spansOf,
  threadsPerSession,
} from '../sweep-geometry.ts';
import { checkUnchanged } from './check-unchanged.ts';
import { namingRow } from './naming-row.ts';
import { openLog, openPlan } from './opened.ts';
import { surveyLog } from './survey.ts';
import type { TaskContext } from './task-context.ts';

/** Largest number of per-class unit counters kept; beyond it units lose their mutual information, and a notice says so. */
const MAX_UNIT_COUNTERS = 16e6;

/** Writes `plan.json` and `run.json`, or finds the plan of an interrupted execution and what it already put on the log. */
export async function planTask(input: SweepInput, context: TaskContext): Promise<PlanOutput> {
  const existing = await openPlan(input.runDir, input.configSha256).catch(() => null);
  if (existing !== null)
    await checkUnchanged(input.runDir, existing, { model: existing.config.model, ...context });
  const plan = existing ?? (await makePlan(input, context));
  await openLog().createTopic(plan.topic, { partitions: plan.config.stream.partitions });
  const { samples: alreadySamples, notices } = await surveyLog(plan, input.runDir, context);
  await writeManifest(input.runDir, plan, { status: 'running', notices });
  return {
    shards: plan.shards.length,
    samples: plan.samples,
    points: plan.points,
    partitions: plan.config.stream.partitions,
    notices: [...plan.notices, ...notices],
    alreadySamples,
    tapered: true,
  };
}

/** A plan and its file, without a topic. */
export async function makePlan(
  input: SweepInput,
  { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<SweepPlan> {
  const { config } = input;
  const loader = await modelLoader(config.model.file);
  const info = await loader.inspect(config.model, { granularity: config.codes.granularity });
  const reader = await openDataset(config.dataset);
  try {
    const batchRows = readerBatchRows(config, gridsOf(info.taps, config));
    const data = await reader.plan({ batchRows, signal, onProgress: progress });
    if (data.samples === 0) throw noSamples(config.dataset, data);
    const session = await loader.open({
      model: config.model,
      seed: config.seed,
      granularity: config.codes.granularity,
      sampleShape: data.sampleShape,
      batchSamples: batchSamples(config, batchRows),
      threads: threadsPerSession(config),
      packing: config.codes.packing,
      countAmbiguous: config.codes.countAmbiguous,
    });
    try {
      await tryFirstBatch(reader, session, { data, batchRows, onError: config.dataset.onError });
      const plan = planOf(input, { info, data, session, batchRows });
      await makeFolder(input.runDir);
      await runFolder(input.runDir).writeFile(PLAN_FILE, Buffer.from(JSON.stringify(plan)));
      return plan;
    } finally {
      await session.close();
    }
  } finally {
    await reader.close();
  }
}

/** A sweep of nothing would end well, and be noticed in the morning. */
function noSamples({ data, format }: SweepInput['config']['dataset'], { skipped }: DatasetPlan): Error {
  const [first] = skipped;
  return dataInvalid([data].flat().join(', '), 'the data set holds no samples', {
    value:
      first === undefined ? `format ${format}` : `${skipped.length} were skipped, the first: ${first.why}`,
    remedy: 'Check dataset.data and dataset.format',
  });
}

/** Shards that are tried where bad ones are left out. */
const SHARDS_TRIED = 16;

/**
 * The first batch goes through the model before anything is fanned out, so a mismatch is one error and not many. With `onError: skip`
 * another shard's stands in for one that cannot be read.
 */
async function tryFirstBatch(
  reader: DatasetReader,
  session: EncoderSession,
  { data, batchRows, onError }: { data: DatasetPlan; batchRows: number; onError: 'fail' | 'skip' },
): Promise<void> {
  let bad: Error | null = null;
  for (const shard of data.shards.slice(0, SHARDS_TRIED)) {
    try {
      for await (const whole of reader.read(shard, { plan: data, batchRows, fromBatch: 0 })) {
        const { batch } = keptSamples(whole);
        if (batch.samples === 0) {
          bad ??= unreadable(whole);
          continue;
        }
        await session.encode(batch.input).catch((error) => {
          throw namingRow(error, batch);
        });
        return;
      }
    } catch (error) {
      // A model and data that do not fit each other would leave out every shard.
      const fits = !(error instanceof PipelineError && error.fault.kind === 'shape-mismatch');
      if (onError === 'fail' || !fits || !isBadFile(error)) throw error;
      bad ??= error;
    }
  }
  throw bad ?? new Error('the data set has samples but no batch');
}

function unreadable({ skipped: [first] = [] }: InputBatch): PipelineError {
  const value = first?.why;
  return dataInvalid(first?.where ?? 'dataset.data', 'no sample of the first shards can be read', { value });
}

function planOf(
  { runId, config, configSha256 }: SweepInput,
  {
    info,
    data,
    session,
    batchRows,
  }: { info: ModelInfo; data: DatasetPlan; session: EncoderSession; batchRows: number },
): SweepPlan {
  const { taps } = session;
  const grids = gridsOf(taps, config);
  const spans = spansOf(taps, grids, config);
  const perSample = isText(config) ? null : pointsPerSample({ grids });
  const shards: ShardSpec[] =
    perSample === null
      ? [...data.shards]
      : data.shards.map((shard) => ({
          ...shard,
          firstPoint: shard.firstSample * perSample,
          points: shard.samples * perSample,
        }));
  const counters = (data.classes ?? 1) * taps.reduce((sum, tap) => sum + tap.codeBits, 0);
  const countClasses = data.classes !== null && counters <= MAX_UNIT_COUNTERS;
  return {
    runId,
    configSha256,
    config,
    taps,
    spans,
    grids,
    shards,
    points: countPoints(shards),
    samples: data.samples,
    sampleShape: data.sampleShape,
    batchRows,
    labelNames: data.labelNames,
    classes: data.classes,
    countClasses,
    model: {
      file: config.model.file,
      sha256: info.sha256,
      runtime: info.runtime,
      backend: session.backend,
      packing: session.packing,
    },
    data: { files: data.files, sha256: datasetHash(data) },
    skipped: data.skipped,
    notices: [...(session.notices ?? []), ...noticesOf({ config, grids, data, countClasses, counters })],
    topic: topicName(runId, [configSha256, info.sha256, datasetHash(data)]),
  };
}

function noticesOf({
  config,
  grids,
  data,
  countClasses,
  counters,
}: {
  config: SweepInput['config'];
  grids: SweepPlan['grids'];
  data: DatasetPlan;
  countClasses: boolean;
  counters: number;
}): string[] {
  const notices: string[] = [];
  if (config.codes.spans.includes('network') && grids.length > 1) {
    const sizes = grids.map((grid) => `${grid.height}x${grid.width}`).join(', ');
    notices.push(`no network span: with granularity position the taps lie on different grids (${sizes})`);
  }
  if (data.classes !== null && !countClasses) {
    notices.push(
      `no mutual information of units: ${counters} counters of units x classes would not fit (limit ${MAX_UNIT_COUNTERS})`,
    );
  }
  if (data.skipped.length > 0)
    notices.push(`${data.skipped.length} bad files were skipped; run.json names them`);
  return notices;
}

/** One hash for the whole data set: of its files' hashes, in order. */
function datasetHash(data: DatasetPlan): string {
  return createHash('sha256')
    .update(data.files.map((file) => file.sha256).join('\n'))
    .digest('hex');
}
