// How far the chains of one sampler have come, as a checkpoint: the training of its kernels, then the chains, with the
// sums that their summary is made of.

import { type HistoryRow, trainingContent, trainingOf } from '../chains/training-record.ts';
import { arrayOf, type Checkpoint } from '../checkpoint.ts';
import { bulkEffectiveSize } from '../diagnostics/effective-sample-size.ts';
import { meanError } from '../diagnostics/monte-carlo-error.ts';
import { rankNormalisedRHat } from '../diagnostics/rank-normalised-r-hat.ts';
import { NO_EVALUATION } from '../early-stop.ts';
import type { TrainState } from '../training.ts';
import type { InpaintingState } from './inpainting.ts';

export interface InpaintingRun {
  /** Of the kernels' training; without parameters it stays at its start. */
  readonly state: TrainState;
  readonly history: readonly HistoryRow[];
  /** Null before frame 0. */
  readonly chain: InpaintingState | null;
  /** Sweeps and frames behind frame 0. */
  readonly sweeps: number;
  readonly frames: number;
  /** `[chains, kernels]` steps accepted so far. */
  readonly accepted: Float64Array<ArrayBuffer>;
  /** `[frames, chains]` share of missing pixels that are lit. */
  readonly lit: Float64Array<ArrayBuffer>;
  /** `[chains]` sum over frames of the share of missing pixels whose estimate crossed 1/2 since the frame before. */
  readonly crossed: Float64Array<ArrayBuffer>;
}

export function beginInpaintingRun(
  state: TrainState,
  { chains, kernels }: { readonly chains: number; readonly kernels: number },
): InpaintingRun {
  return {
    ...{ state, history: [], chain: null, sweeps: 0, frames: 0 },
    accepted: new Float64Array(chains * kernels),
    lit: new Float64Array(0),
    crossed: new Float64Array(chains),
  };
}

/** Takes in the chains at the end of a frame, `sweeps` sweeps after the one before. */
export function addFrame(
  run: InpaintingRun,
  chain: InpaintingState,
  { sweeps, missing }: { readonly sweeps: number; readonly missing: readonly number[] },
): InpaintingRun {
  const chains = run.crossed.length;
  const pixels = chain.x.length / chains;
  const before = run.chain!.estimate;
  const share = (row: number, holds: (at: number) => boolean) =>
    missing.filter((pixel) => holds(row * pixels + pixel)).length / missing.length;
  const lit = Float64Array.from({ length: chains }, (_, row) => share(row, (at) => chain.x[at] === 1));
  const crossed = run.crossed.map(
    (sum, row) => sum + share(row, (at) => chain.estimate[at]! > 0.5 !== before[at]! > 0.5),
  );
  const frames = run.frames + 1;
  return { ...run, chain, sweeps: run.sweeps + sweeps, frames, lit: joined(run.lit, lit), crossed };
}

export interface InpaintingSummary {
  readonly accept_rate: readonly number[];
  readonly lit: number;
  readonly lit_mcse: number;
  readonly lit_ess: number;
  readonly lit_r_hat: number;
  readonly frame_change: number;
  readonly chain_change: number;
  readonly distance: number;
}

/** What the chains of one image, rows `[from, to)`, come to. @param image - `[pixels]` the true one. */
export function summariseImage(
  run: InpaintingRun,
  {
    from,
    to,
    image,
    missing,
  }: { from: number; to: number; image: ArrayLike<number>; missing: readonly number[] },
): InpaintingSummary {
  const chains = to - from;
  const all = run.crossed.length;
  const { frames, sweeps } = run;
  const values = Float64Array.from({ length: chains * frames }, (_, i) => {
    return run.lit[(i % frames) * all + from + Math.floor(i / frames)]!;
  });
  const draws = { values, chains, draws: frames };
  const bright = brightPixels(run.chain!, { from, to, missing, chains: all });
  return {
    accept_rate: acceptRates(run, { from, to, sweeps }),
    lit: mean(values),
    lit_mcse: meanError(draws),
    lit_ess: bulkEffectiveSize(draws),
    lit_r_hat: rankNormalisedRHat(draws),
    frame_change: mean(run.crossed.subarray(from, to)) / frames,
    chain_change: meanPairDifference(bright),
    distance: mean(bright.map((row) => mean(row.map((is, i) => Number(is !== (image[missing[i]!] === 1)))))),
  };
}

function acceptRates(
  { accepted, crossed }: InpaintingRun,
  { from, to, sweeps }: { readonly from: number; readonly to: number; readonly sweeps: number },
): number[] {
  const kernels = accepted.length / crossed.length;
  return Array.from({ length: kernels }, (_, kernel) => {
    let sum = 0;
    for (let row = from; row < to; row++) sum += accepted[row * kernels + kernel]!;
    return sum / (sweeps * (to - from));
  });
}

/** Per chain, whether each missing pixel is more likely lit than not. */
function brightPixels(
  { estimate }: InpaintingState,
  { from, to, missing, chains }: { from: number; to: number; missing: readonly number[]; chains: number },
): boolean[][] {
  const pixels = estimate.length / chains;
  return Array.from({ length: to - from }, (_, row) =>
    missing.map((pixel) => estimate[(from + row) * pixels + pixel]! > 0.5),
  );
}

function meanPairDifference(rows: readonly (readonly boolean[])[]): number {
  const pairs = rows.flatMap((a, i) =>
    rows.slice(i + 1).map((b) => mean(a.map((is, at) => Number(is !== b[at])))),
  );
  return pairs.length === 0 ? Number.NaN : mean(pairs);
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function joined(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const both = new Float64Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Everything of it, without losing a bit. */
export function inpaintingRunContent(run: InpaintingRun): Pick<Checkpoint, 'state' | 'arrays'> {
  const { state, history, chain, sweeps, frames, accepted, lit, crossed } = run;
  const training = trainingContent({ state, history, stop: NO_EVALUATION });
  const own = (values: Float64Array) => Float64Array.from(values);
  return {
    state: { training: training.state, sweeps, frames, sweep: chain?.sweep ?? null },
    arrays: {
      ...training.arrays,
      ...{ accepted, lit, crossed },
      ...(chain === null ? {} : { x: own(chain.x), z: own(chain.z), estimate: own(chain.estimate) }),
    },
  };
}

/** @throws PipelineError `data-invalid` where an array is missing. */
export function inpaintingRunOf(checkpoint: Checkpoint): InpaintingRun {
  const numbers = checkpoint.state as unknown as {
    readonly training: Checkpoint['state'];
    readonly sweeps: number;
    readonly frames: number;
    readonly sweep: number | null;
  };
  const { state, history } = trainingOf({ ...checkpoint, state: numbers.training });
  const floats = (name: string) => arrayOf(checkpoint, name, 'float64');
  const { sweeps, frames, sweep } = numbers;
  const chain =
    sweep === null
      ? null
      : {
          sweep,
          x: floats('x'),
          z: floats('z'),
          estimate: floats('estimate'),
          accepted: new Float64Array(0),
        };
  const sums = { accepted: floats('accepted'), lit: floats('lit'), crossed: floats('crossed') };
  return { state, history, chain, sweeps, frames, ...sums };
}
