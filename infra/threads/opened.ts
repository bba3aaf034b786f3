// What a thread keeps open between tasks: the current plan, its data set, its model session and the code log.

import { PipelineError } from '#schemas/errors.ts';
import type { SweepPlan } from '#schemas/sweep.ts';
import type { CodeLog, DatasetReader, EncoderSession } from '../../activities/ports.ts';
import { kafkaClientConfig, readKafkaEnv } from '../kafka-env.ts';
import { kafkaCodeLog } from '../kafka/code-log.ts';
import { modelLoader } from '../models/registry.ts';
import { readTaskPlan } from '../run-plan.ts';
import { batchSamples, threadsPerSession } from '../sweep-geometry.ts';

interface Opened {
  readonly key: string;
  readonly plan: SweepPlan;
  reader: Promise<DatasetReader> | null;
  session: Promise<EncoderSession> | null;
}

let opened: Opened | null = null;
let log: CodeLog | null = null;

/** The code log of this thread; one connection for its whole life. */
export function openLog(): CodeLog {
  if (log === null) {
    const kafka = readKafkaEnv();
    log = kafkaCodeLog(kafkaClientConfig(kafka, kafka.brokers ?? []), kafka);
  }
  return log;
}

/** The plan of a run, read once per thread and run; what an earlier run had open is closed. */
export async function openPlan(runDir: string, configSha256: string): Promise<SweepPlan> {
  const key = `${runDir} ${configSha256}`;
  if (opened?.key === key) return opened.plan;
  const plan = await readTaskPlan<SweepPlan>(runDir, configSha256);
  await closeEncoder();
  opened = { key, plan, reader: null, session: null };
  return plan;
}

/** The data set of the plan opened last. */
export function openReader(plan: SweepPlan): Promise<DatasetReader> {
  const current = currentOf(plan);
  // Loaded on demand: an aggregator shares this file and needs no decoders.
  current.reader ??= import('../datasets/open.ts').then(({ openDataset }) =>
    openDataset(plan.config.dataset),
  );
  return current.reader;
}

/** The model session of the plan opened last; packing was chosen while planning. */
export function openSession(plan: SweepPlan): Promise<EncoderSession> {
  const current = currentOf(plan);
  current.session ??= modelLoader(plan.config.model.file).then((loader) =>
    loader.open({
      model: plan.config.model,
      seed: plan.config.seed,
      granularity: plan.config.codes.granularity,
      sampleShape: plan.sampleShape,
      batchSamples: batchSamples(plan.config, plan.batchRows),
      threads: threadsPerSession(plan.config),
      packing: plan.model.packing,
      countAmbiguous: plan.config.codes.countAmbiguous,
    }),
  );
  return current.session;
}

function currentOf(plan: SweepPlan): Opened {
  if (opened?.plan !== plan)
    throw new PipelineError({ kind: 'internal', what: 'a task used a plan that is not open' });
  return opened;
}

/** Gives back what encoding has open, so that other work has the memory; the plan stays. */
export async function closeEncoder(): Promise<void> {
  if (opened === null) return;
  const { session, reader } = opened;
  opened.session = opened.reader = null;
  await (await session)?.close();
  await (await reader)?.close();
}
