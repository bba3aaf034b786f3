// Updates of an autoencoder, or of kernels between its frozen nets, with what both kinds of task do around them: reports,
// checkpoints, and the end of a training that goes nowhere.

import type { ImageHeartbeat } from '#schemas/messages.ts';
import { type HistoryRow, historyRow, isRecorded } from '../../activities/metflow/chains/training-record.ts';
import type { TrainState } from '../../activities/metflow/training.ts';
import type { ImageBatches } from '../../activities/metflow/vae/image-batches.ts';
import type { VaeTrainer } from '../../activities/metflow/vae/vae-training.ts';
import { MOST_SKIPPED, stuck } from './metflow-train.ts';
import type { TaskContext } from './task-context.ts';

/** Where a task works. */
export interface TaskPlace {
  readonly runDir: string;
  readonly task: number;
  readonly context: Pick<TaskContext, 'signal' | 'progress'>;
}

const REPORT_EVERY_MS = 100;

/** Tells how far a task is, not too often. */
export function reporter({ task, context }: TaskPlace, from: number) {
  let reportedAtMs = 0;
  return (units: number, elbo: number | null = null): void => {
    if (performance.now() - reportedAtMs < REPORT_EVERY_MS) return;
    reportedAtMs = performance.now();
    const bound = elbo !== null && Number.isFinite(elbo) ? elbo : null;
    context.progress({ at: 'images', task, units, from, elbo: bound } satisfies ImageHeartbeat);
  };
}

export interface Training {
  readonly state: TrainState;
  readonly history: readonly HistoryRow[];
}

export interface TrainingOptions {
  readonly trainer: VaeTrainer;
  readonly batches: ImageBatches;
  readonly steps: number;
  readonly checkpointEvery: number;
  readonly signal: AbortSignal;
  readonly report: (units: number, elbo: number) => void;
  readonly save: (training: Training) => Promise<void>;
  /** The bound on a batch that stays the same, where it is due behind this many updates. */
  readonly evaluate?: (state: TrainState) => Promise<number | null>;
}

/**
 * Trains to the last update, or until the signal; saves every so many updates.
 * @throws PipelineError `non-finite-input` where gradients stay non-finite.
 */
export async function trainOnImages(from: Training, options: TrainingOptions): Promise<Training> {
  const { trainer, batches, steps, checkpointEvery, signal, report, save, evaluate } = options;
  const history = [...from.history];
  let { state } = from;
  while (state.step < steps && !signal.aborted) {
    const { state: next, info } = await trainer.step(state, batches.at(state.step));
    state = next;
    if (state.skippedInRow >= MOST_SKIPPED) throw stuck(state.step);
    const evaluated = (await evaluate?.(state)) ?? null;
    if (evaluated !== null || isRecorded(info.step, steps)) history.push(historyRow(info, evaluated));
    if (state.step % checkpointEvery === 0) await save({ state, history });
    report(state.step, info.elbo);
  }
  return { state, history };
}
