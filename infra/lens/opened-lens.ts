// What a thread keeps open between tasks of an experiment: the plan, its samples and its models.

import { join } from 'node:path';
import { PipelineError } from '#schemas/errors.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import type { Samples } from '../../activities/experiments/experiment.ts';
import type { ModelVariant, Network } from '../../activities/experiments/network.ts';
import type { DatasetPlan, DatasetReader } from '../../activities/ports.ts';
import { openDataset } from '../datasets/open.ts';
import { type LensPlan, readLensPlan } from './lens-plan.ts';
import { Networks } from './networks.ts';
import { openSamples, sampleDataset } from './samples.ts';

export const LABELS_FILE = 'labels.bin';

/** Samples and models of one run; opened when they are first asked for. */
export class LensWorld {
  readonly samples: Samples | null;
  readonly #reader: DatasetReader | null;
  readonly #networks: Networks | null;

  private constructor(samples: Samples | null, reader: DatasetReader | null, networks: Networks | null) {
    this.samples = samples;
    this.#reader = reader;
    this.#networks = networks;
  }

  /**
   * @param options.data - the data set's plan, null without one.
   * @param options.inputShape - shape of a sample where no data set tells it.
   */
  static async open(
    config: LensConfig,
    options: {
      readonly runDir: string;
      readonly data: DatasetPlan | null;
      readonly inputShape: readonly number[] | null;
    },
  ): Promise<LensWorld> {
    const { runDir, data, inputShape } = options;
    const dataset =
      'dataset' in config && config.dataset !== undefined ? sampleDataset(config.dataset) : null;
    const reader = dataset === null ? null : await openDataset(dataset);
    const samples =
      dataset === null || reader === null || data === null
        ? null
        : openSamples({ config: dataset, plan: data, reader, labelsFile: join(runDir, LABELS_FILE) });
    const sampleShape = data?.sampleShape ?? inputShape;
    const networks =
      'model' in config && sampleShape !== null ? new Networks({ model: config.model, sampleShape }) : null;
    return new LensWorld(samples, reader, networks);
  }

  /** @throws PipelineError `internal` for an experiment without a model. */
  network(variant: ModelVariant): Promise<Network> {
    if (this.#networks !== null) return this.#networks.open(variant);
    throw new PipelineError({ kind: 'internal', what: 'this experiment has no model' });
  }

  /** Closes models beyond what a thread may keep; call it between tasks. */
  async trim(): Promise<void> {
    await this.#networks?.trim();
  }

  async close(): Promise<void> {
    await this.#networks?.close();
    await this.#reader?.close();
  }
}

interface Opened {
  readonly key: string;
  readonly plan: LensPlan;
  world: Promise<LensWorld> | null;
}

let opened: Opened | null = null;

/** The plan of a run, read once per thread and run; what an earlier run had open is closed. */
export async function openLensPlan(runDir: string, configSha256: string): Promise<LensPlan> {
  const key = `${runDir} ${configSha256}`;
  if (opened?.key === key) return opened.plan;
  const plan = await readLensPlan(runDir, configSha256);
  const before = opened;
  opened = { key, plan, world: null };
  await (await before?.world)?.close();
  return plan;
}

/** Samples and models of the plan opened last. */
export function openWorld(plan: LensPlan, runDir: string): Promise<LensWorld> {
  if (opened?.plan !== plan)
    throw new PipelineError({ kind: 'internal', what: 'a task used a plan that is not open' });
  opened.world ??= LensWorld.open(plan.config, {
    runDir,
    data: plan.data,
    inputShape: plan.model?.inputShape ?? null,
  });
  return opened.world;
}
