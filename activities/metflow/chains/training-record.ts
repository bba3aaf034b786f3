// A training's state and history as a checkpoint, and the history as rows.

import { arrayOf, type Checkpoint, type CheckpointArray } from '../checkpoint.ts';
import type { EarlyStop } from '../early-stop.ts';
import type { FloatArray } from '../parameters.ts';
import type { ParameterUnits } from '../path/path-model.ts';
import type { Fading, TrainInfo, TrainState } from '../training.ts';

/** Rows of the training table at most: of longer trainings every so many updates are recorded. */
const MOST_ROWS = 10_000;
/** Columns of the history beside the acceptance rates: step, bound, evaluated bound, norm, broken, moved. */
const FIXED_COLUMNS = 6;

/** What the numbers of a training mean: a training goes on by the rules that it began with, whatever release goes on with it. */
interface TrainingRules {
  readonly units: ParameterUnits;
  readonly fading: Fading;
}

/** @param format - of its checkpoints, 1 is that of release 0.1.0; not given for a training that begins. */
export function trainingRules(format?: number): TrainingRules {
  return format === 1
    ? { units: 'target', fading: 'linear' }
    : { units: 'initial-scale', fading: 'quadratic' };
}

/** What a training checkpoint holds. */
export interface TrainingRecord {
  readonly state: TrainState;
  readonly stop: EarlyStop;
  readonly history: readonly HistoryRow[];
}

/** How long a training goes on. */
export interface TrainingLength {
  readonly steps: number;
  /** Evaluations without a better bound; undefined for no early stop. */
  readonly patience?: number | undefined;
}

/** Whether a training has ended, with its last update or early. */
export function hasEnded({ state, stop }: TrainingRecord, { steps, patience }: TrainingLength): boolean {
  return state.step >= steps || (patience !== undefined && stop.stale >= patience);
}

/** The parameters that a training gives: the last ones, or with early stop the best. */
export function trainedTheta({ state, stop }: TrainingRecord, { patience }: TrainingLength): FloatArray {
  return patience === undefined ? state.theta : (stop.bestTheta ?? state.theta);
}

/** A row of training.parquet. */
export interface HistoryRow {
  readonly step: number;
  readonly elbo: number;
  /** null where none was evaluated after this update. */
  readonly elbo_eval: number | null;
  readonly grad_norm: number;
  readonly accept_rate: readonly number[];
  readonly broken: number;
  readonly moved: boolean;
}

/** Whether an update is one of the rows: evenly spaced, with the last one. */
export function isRecorded(step: number, steps: number): boolean {
  return step % Math.ceil(steps / MOST_ROWS) === 0 || step === steps - 1;
}

export function historyRow(info: TrainInfo, elboEval: number | null): HistoryRow {
  const { step, elbo, gradientNorm, acceptRate, broken, moved } = info;
  const rates = Array.from(acceptRate);
  return { step, elbo, elbo_eval: elboEval, grad_norm: gradientNorm, accept_rate: rates, broken, moved };
}

/** @returns state and arrays of a checkpoint; a missing evaluation is NaN in them. */
export function trainingContent({
  state,
  stop,
  history,
}: TrainingRecord): Pick<Checkpoint, 'state' | 'arrays'> {
  const { theta, first, second, ...numbers } = state;
  const columns = FIXED_COLUMNS + (history[0]?.accept_rate.length ?? 0);
  const rows = new Float64Array(history.length * columns);
  for (const [i, row] of history.entries()) {
    const fixed = [
      row.step,
      row.elbo,
      row.elbo_eval ?? Number.NaN,
      row.grad_norm,
      row.broken,
      Number(row.moved),
    ];
    rows.set([...fixed, ...row.accept_rate], i * columns);
  }
  const { bestTheta, bestElbo, ...counts } = stop;
  const arrays: Record<string, CheckpointArray> = {
    ...{ theta, first, second, history: rows },
    // -Infinity before the first evaluation, which JSON cannot hold.
    bestElbo: Float64Array.of(bestElbo),
    ...(bestTheta === null ? {} : { bestTheta }),
  };
  return { state: { ...numbers, ...counts, columns }, arrays };
}

/** @throws PipelineError `data-invalid` where an array is missing. */
export function trainingOf(checkpoint: Checkpoint): TrainingRecord {
  const { columns, bestStep, stale, ...numbers } = checkpoint.state as unknown as TrainingNumbers;
  const floats = (name: string): FloatArray => {
    const found = checkpoint.arrays[name];
    return found instanceof Float32Array ? found : arrayOf(checkpoint, name, 'float64');
  };
  const bestTheta = checkpoint.arrays.bestTheta === undefined ? null : floats('bestTheta');
  const [bestElbo] = arrayOf(checkpoint, 'bestElbo', 'float64');
  return {
    state: { ...numbers, theta: floats('theta'), first: floats('first'), second: floats('second') },
    stop: { bestElbo: bestElbo!, bestStep, bestTheta, stale },
    history: historyOf(arrayOf(checkpoint, 'history', 'float64'), columns),
  };
}

type TrainingNumbers = Omit<TrainState, 'theta' | 'first' | 'second'> &
  Pick<EarlyStop, 'bestStep' | 'stale'> & { readonly columns: number };

function historyOf(values: Float64Array, columns: number): HistoryRow[] {
  return Array.from({ length: values.length / columns }, (_, i): HistoryRow => {
    const [step, elbo, elboEval, norm, broken, moved] = values.subarray(i * columns, (i + 1) * columns);
    return {
      step: step!,
      elbo: elbo!,
      elbo_eval: Number.isNaN(elboEval!) ? null : elboEval!,
      grad_norm: norm!,
      accept_rate: Array.from(values.subarray(i * columns + FIXED_COLUMNS, (i + 1) * columns)),
      broken: broken!,
      moved: moved === 1,
    };
  });
}
