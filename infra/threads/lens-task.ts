// One task of an experiment: measure, chunk after chunk, onto the log.

import { availableParallelism } from 'node:os';
import type { LensHeartbeat } from '#schemas/messages.ts';
import type { LensTaskInput, LensTaskOutput } from '#schemas/tasks.ts';
import type { Chunk, MeasureContext } from '../../activities/experiments/experiment.ts';
import { experimentNamed } from '../../activities/experiments/experiments.ts';
import { layerChunks } from '../../activities/experiments/layer-rows.ts';
import { pointChunks } from '../../activities/experiments/point-rows.ts';
import type { CodeMessage } from '../../activities/ports.ts';
import { type LensPlan, measuredTables, type PlannedTask, unitsOf } from '../lens/lens-plan.ts';
import { type LensWorld, openLensPlan, openWorld } from '../lens/opened-lens.ts';
import { readRunTable } from '../lens/read-table.ts';
import { TaskMessages } from '../lens/row-messages.ts';
import { sharedBlocks } from './cluster.ts';
import { openLog } from './opened.ts';
import { surveyedTasks } from './survey-lens.ts';
import type { TaskContext } from './task-context.ts';

/** Measures a task from its start; messages that were acknowledged before are not sent again. */
export async function lensTask(
  { runDir, configSha256, work }: LensTaskInput,
  context: TaskContext,
): Promise<LensTaskOutput> {
  const plan = await openLensPlan(runDir, configSha256);
  if (work.again !== true && (await surveyedTasks(runDir)).has(work.task))
    return { done: true, units: 0, sent: work.sent };
  const world = await openWorld(plan, runDir);
  await world.trim();
  const task = plan.tasks[work.task]!;
  const messages = new TaskMessages(plan, work.task, measuredTables(experimentNamed(plan.config.experiment)));
  const sender = new RowSender(plan, work, context);
  for await (const { units, rows } of chunksOf(plan, task, { world, context })) {
    await sender.send(messages.of(rows), task.of === 'measurements' ? units : 0);
    if (!context.signal.aborted) continue;
    await sender.drain();
    return { done: false, units: 0, sent: sender.sent };
  }
  await sender.send([messages.end()], unitsOf(task));
  await sender.drain();
  return { done: true, units: unitsOf(task), sent: sender.sent };
}

function chunksOf(
  plan: LensPlan,
  task: PlannedTask,
  { world, context }: { readonly world: LensWorld; readonly context: TaskContext },
): AsyncIterable<Chunk> {
  if (task.of === 'points') return pointsOf(plan, task, world);
  if (task.of === 'layers') return layersOf(plan, task, { world, context });
  const measuring: MeasureContext<LensPlan['config'], unknown> = {
    config: plan.config,
    signal: context.signal,
    samples: world.samples,
    variants: plan.variants,
    network: (variant) => world.network(variant),
    design: plan.design,
    readRun: readRunTable,
    runBlocks: sharedBlocks(availableParallelism() - 1, (shared) => context.fork('clusterJobs', shared)),
  };
  const { variant, from, to } = task;
  return experimentNamed(plan.config.experiment).measure({ variant, from, to }, measuring);
}

async function* pointsOf(
  plan: LensPlan,
  { variant, from, to }: PlannedTask,
  world: LensWorld,
): AsyncGenerator<Chunk> {
  const network = await world.network(variant);
  yield* pointChunks(plan.points.slice(from, to), { samples: world.samples!, network });
}

async function* layersOf(
  { coded, config }: LensPlan,
  { variant }: PlannedTask,
  { world, context }: { readonly world: LensWorld; readonly context: TaskContext },
): AsyncGenerator<Chunk> {
  const network = await world.network(variant);
  const { samples } = world;
  yield* layerChunks({ network, samples, coded, seed: config.seed, signal: context.signal });
}

/** Sends messages in order, one chunk on the wire while the next is measured, and reports what was acknowledged. */
class RowSender {
  readonly #plan: LensPlan;
  readonly #context: TaskContext;
  readonly #task: number;
  readonly #skip: number;
  #onWire: Promise<void> = Promise.resolve();
  /** Messages that the broker has acknowledged. */
  sent: number;

  constructor(plan: LensPlan, { task, sent }: { task: number; sent: number }, context: TaskContext) {
    this.#plan = plan;
    this.#context = context;
    this.#task = task;
    this.#skip = sent;
    this.sent = sent;
  }

  async send(messages: readonly CodeMessage[], units: number): Promise<void> {
    await this.#onWire;
    const fresh = messages.filter(({ headers }) => headers.batch >= this.#skip);
    const report = (more: Pick<LensHeartbeat, 'waits'>) => {
      const beat: LensHeartbeat = { at: 'lens', task: this.#task, units, sent: this.sent, ...more };
      this.#context.progress(beat);
    };
    const { signal } = this.#context;
    const options = { signal, onWait: () => report({ waits: true }) };
    const sending =
      fresh.length === 0 ? Promise.resolve() : openLog().append(this.#plan.topic, fresh, options);
    this.#onWire = sending.then(() => {
      this.sent = Math.max(this.sent, (messages.at(-1)?.headers.batch ?? -1) + 1);
      report({});
    });
    // A failure is seen by the next send or by drain; until then it must not count as unhandled.
    this.#onWire.catch(() => undefined);
  }

  drain(): Promise<void> {
    return this.#onWire;
  }
}
