// How far the work on one autoencoder has come, as a checkpoint: its training, then the draws of its evaluation.

import { NO_EVALUATION } from '../early-stop.ts';
import { arrayOf, type Checkpoint } from '../checkpoint.ts';
import { type HistoryRow, trainingContent, trainingOf } from '../chains/training-record.ts';
import type { TrainState } from '../training.ts';
import { emptyTally, type LikelihoodTally } from './likelihood.ts';

export interface VaeRun {
  readonly state: TrainState;
  readonly history: readonly HistoryRow[];
  readonly tally: LikelihoodTally;
}

export function beginVaeRun(state: TrainState, images: number): VaeRun {
  return { state, history: [], tally: emptyTally(images) };
}

/** Everything of it, without losing a bit. */
export function vaeRunContent({ state, history, tally }: VaeRun): Pick<Checkpoint, 'state' | 'arrays'> {
  const training = trainingContent({ state, history, stop: NO_EVALUATION });
  const { draws, most, total, squares, logSum } = tally;
  return {
    state: { training: training.state, draws },
    arrays: { ...training.arrays, most, total, squares, logSum },
  };
}

/** @throws PipelineError `data-invalid` where an array is missing. */
export function vaeRunOf(checkpoint: Checkpoint): VaeRun {
  const { training, draws } = checkpoint.state as unknown as {
    readonly training: Checkpoint['state'];
    readonly draws: number;
  };
  const { state, history } = trainingOf({ ...checkpoint, state: training });
  const floats = (name: string) => arrayOf(checkpoint, name, 'float64');
  const tally = {
    ...{ draws, most: floats('most'), total: floats('total') },
    ...{ squares: floats('squares'), logSum: floats('logSum') },
  };
  return { state, history, tally };
}
