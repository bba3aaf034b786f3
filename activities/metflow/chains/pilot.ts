// A pilot: short local chains from a wide law, before the training. Each ends in some mode; flows that begin as swaps of
// the places so found lead from mode to mode from the first update on, also in dimensions in which a direction drawn at
// random never does. It knows nothing of the target but its density; chains keep the target whatever it found.

import { PipelineError } from '#schemas/errors.ts';
import type { MetflowConfig } from '#schemas/metflow-config.ts';
import { swapStart } from '../flow-options.ts';
import type { Target } from '../kernel.ts';
import type { FloatArray } from '../parameters.ts';
import { MEAN, type PathModel, SCALE } from '../path/path-model.ts';
import { beginChains, runSegment } from './chain-run.ts';
import { localKernel, placesOf } from './configured-kernels.ts';
import type { DrawRows } from './draw-recorder.ts';

export type PilotConfig = NonNullable<MetflowConfig['train']['pilot']>;

/** Where the chains of a pilot ended. */
export interface PilotPlaces {
  /** `[chains, dim]` mean of each chain's draws. */
  readonly means: Float64Array;
  /** `[dim]` mean over the chains of the variance within one, above 0. */
  readonly variance: Float64Array;
  /** `[chains]` mean of each chain's log densities. */
  readonly logDensity: Float64Array;
}

/** Pilot chains are numbered from here on, beyond all chains of a run, so that no draw of theirs is one of the run's. */
const FIRST_CHAIN = 2 ** 31;
/** Not HMC: trajectories of one length may be whole periods of a mode, and then means of many draws are those of few. */
const NUTS = { type: 'nuts', maxDepth: 10, use: 'sample' } as const;

/**
 * Runs a pilot, a function of seed, target and options.
 * @param scale - standard deviation of the starts around 0.
 * @throws the signal's reason; PipelineError `non-finite-input` where no chain moves along some coordinate.
 */
export async function runPilot(
  target: Target,
  { chains, warmup, draws }: PilotConfig,
  options: {
    readonly seed: number;
    readonly scale: number;
    readonly signal: AbortSignal;
    readonly onSweep?: () => void;
  },
): Promise<PilotPlaces> {
  const { seed, scale, signal, onSweep } = options;
  const { dim } = target;
  const sampler = {
    target,
    kernels: [localKernel(NUTS, { target, rule: 'metropolis' })],
    seed,
    chains: Uint32Array.from({ length: chains }, (_, chain) => FIRST_CHAIN + chain),
    warmup,
    thin: 1,
    start: { mean: new Float64Array(dim), scale: new Float64Array(dim).fill(scale) },
  };
  const told = onSweep === undefined ? {} : { onPlace: onSweep };
  const begun = await beginChains(sampler, signal);
  const warm = await runSegment(sampler, begun, { to: { warmed: warmup, drawn: 0 }, signal, ...told });
  const done = await runSegment(sampler, warm.run, { to: { warmed: warmup, drawn: draws }, signal, ...told });
  return placesOfDraws(done.draws!);
}

function placesOfDraws({ z, logDensity, dim, numbers, from, to }: DrawRows): PilotPlaces {
  const chains = numbers.length;
  const draws = to - from;
  const means = new Float64Array(chains * dim);
  const variance = new Float64Array(dim);
  for (let chain = 0; chain < chains; chain++) {
    for (let i = 0; i < dim; i++) {
      // From the first draw on, so that a chain that never moves has no variance by rounding.
      const first = z[chain * draws * dim + i]!;
      const moved = (draw: number) => z[(chain * draws + draw) * dim + i]! - first;
      let mean = 0;
      for (let draw = 0; draw < draws; draw++) mean += moved(draw) / draws;
      means[chain * dim + i] = first + mean;
      for (let draw = 0; draw < draws; draw++)
        variance[i]! += (moved(draw) - mean) ** 2 / ((draws - 1) * chains);
    }
  }
  const still = variance.findIndex((value) => !(value > 0 && Number.isFinite(value)));
  if (still >= 0) {
    throw new PipelineError({
      kind: 'non-finite-input',
      what: 'no chain of the pilot moves along a coordinate',
      where: `coordinate ${still}`,
      value: `variance ${variance[still]}`,
      remedy: 'Give train.pilot more warmup, or start nearer to the target (train.initialScale).',
    });
  }
  const level = Float64Array.from({ length: chains }, (_, chain) =>
    logDensity
      .subarray(chain * draws, (chain + 1) * draws)
      .reduce((total, value) => total + value / draws, 0),
  );
  return { means, variance, logDensity: level };
}

/**
 * Chains whose places lie far from each other: first that of the highest log density, then always the one that is farthest
 * from those chosen, in units of the deviations within chains. Of chains in as many modes as are wanted, or fewer, every mode has one.
 * @returns their numbers; all of them where there are no more than `count`.
 * @see Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
 */
export function farthestPlaces({ means, variance, logDensity }: PilotPlaces, count: number): number[] {
  const dim = variance.length;
  const chosen = [logDensity.indexOf(Math.max(...logDensity))];
  const nearest = new Float64Array(logDensity.length).fill(Number.POSITIVE_INFINITY);
  while (chosen.length < Math.min(count, logDensity.length)) {
    const last = chosen.at(-1)!;
    for (let chain = 0; chain < nearest.length; chain++) {
      let squared = 0;
      for (let i = 0; i < dim; i++)
        squared += (means[chain * dim + i]! - means[last * dim + i]!) ** 2 / variance[i]!;
      nearest[chain] = chain === last ? -1 : Math.min(nearest[chain]!, squared);
    }
    chosen.push(nearest.indexOf(Math.max(...nearest)));
  }
  return chosen;
}

/**
 * Parameters that begin at a pilot's places: every flow swaps a new place with one that flows before it lead to, and the
 * initial law, where it is learned, is a Gaussian at the first. Round by round each known place gets a new one, so that flows
 * that move half of what they may divide modes of equal mass evenly, and no flow is left with little to learn from.
 * @param theta - the path's start values; copied.
 */
export function pilotedTheta(path: PathModel, theta: FloatArray, places: PilotPlaces): FloatArray {
  const { dim, slots, initial } = path;
  const unit = initial.scale;
  const started = theta.slice() as FloatArray;
  const parts = placesOf({ path, theta: started });
  const flows = slots.filter(({ kernel }) => kernel.name === 'metflow');
  const chosen = farthestPlaces(places, flows.length + 1).map((chain) =>
    places.means.subarray(chain * dim, (chain + 1) * dim).map((value) => value / unit),
  );
  for (const [k, { prefix }] of flows.entries()) {
    // More flows than places begin at the same ones again.
    const to = 1 + (k % (chosen.length - 1));
    const from = to - 2 ** Math.floor(Math.log2(to));
    for (const [name, values] of swapStart(chosen[from]!, chosen[to]!))
      parts.get(`${prefix}.${name}`)!.set(values);
  }
  if (initial.law === 'learned') {
    parts.get(MEAN)!.set(chosen[0]!);
    parts.get(SCALE)!.set(places.variance.map((value) => Math.log(value) / 2 - Math.log(unit)));
  }
  return started;
}
