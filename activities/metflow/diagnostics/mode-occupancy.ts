// Which modes chains visit, how long, and whether in the right proportions.

import { chiSquareQuantile, chiSquareTail } from '../../numeric/gamma-distribution.ts';
import { probabilityError, type ProbabilityEstimate } from './monte-carlo-error.ts';

/** Known modes of a target. */
export interface Modes {
  /** `[modes, dim]`. */
  readonly centres: Float64Array;
  /** `[modes]` standard deviation of each mode in every direction. */
  readonly scales: Float64Array;
  /** `[modes]` known masses, above 0, of sum 1. */
  readonly weights: Float64Array;
}

/** Draws of all coordinates. */
export interface Positions {
  /** `[chains, draws, dim]`. */
  readonly z: Float64Array;
  readonly chains: number;
  readonly draws: number;
  readonly dim: number;
}

export interface ModeVisits extends ProbabilityEstimate {
  /** Estimated mass (share of draws nearest to this centre) less the known one. */
  readonly massError: number;
  /** Share of all draws within the radius that holds 99 % of a Gaussian mode. */
  readonly insideShare: number;
  /** Whether that share is above a tenth of the known mass. */
  readonly visited: boolean;
}

export interface ModeOccupancy {
  readonly modes: readonly ModeVisits[];
  readonly visited: number;
  readonly largestMassError: number;
  /** Entropy of the estimated masses, nats; at most the logarithm of the number of modes. */
  readonly entropy: number;
  /** Pearson's statistic of estimated against known masses, with as many draws as the worst indicator is worth. */
  readonly chiSquare: number;
  /** Its p-value; NaN where some mode was never or always occupied, so that no effective size is known. */
  readonly pValue: number;
  /** Changes of mode, and returns of a chain to the mode where it began, over all chains. */
  readonly switches: number;
  readonly roundTrips: number;
}

const INSIDE_SHARE = 0.99;

/** Counts modes by the nearest centre, in units of each mode's scale. */
export function modeOccupancy(positions: Positions, modes: Modes): ModeOccupancy {
  const { chains, draws } = positions;
  const { nearest, inside } = labelDraws(positions, modes);
  const visits = Array.from(modes.weights, (weight, mode): ModeVisits => {
    const indicator = Float64Array.from(nearest, (label) => (label === mode ? 1 : 0));
    const estimate = probabilityError({ values: indicator, chains, draws });
    let held = 0;
    for (const [at, label] of nearest.entries()) held += label === mode ? inside[at]! : 0;
    const insideShare = held / nearest.length;
    return {
      ...estimate,
      massError: estimate.probability - weight,
      insideShare,
      visited: insideShare > weight / 10,
    };
  });
  return {
    modes: visits,
    visited: visits.filter(({ visited }) => visited).length,
    largestMassError: Math.max(...visits.map(({ massError }) => Math.abs(massError))),
    entropy: -visits.reduce((sum, { probability: p }) => sum + (p > 0 ? p * Math.log(p) : 0), 0),
    ...compareMasses(visits, modes.weights),
    ...countTrips(nearest, positions),
  };
}

/** Per draw the number of the nearest centre, and 1 where it lies within that mode's radius. */
export function labelDraws({ z, dim }: Positions, { centres, scales }: Modes) {
  const radius = chiSquareQuantile(INSIDE_SHARE, dim);
  const count = z.length / dim;
  const nearest = new Int32Array(count);
  const inside = new Uint8Array(count);
  for (let draw = 0; draw < count; draw++) {
    let best = Number.POSITIVE_INFINITY;
    for (let mode = 0; mode < scales.length; mode++) {
      let squared = 0;
      for (let i = 0; i < dim; i++) squared += (z[draw * dim + i]! - centres[mode * dim + i]!) ** 2;
      squared /= scales[mode]! ** 2;
      if (squared >= best) continue;
      best = squared;
      nearest[draw] = mode;
    }
    inside[draw] = best <= radius ? 1 : 0;
  }
  return { nearest, inside };
}

function compareMasses(visits: readonly ModeVisits[], weights: Float64Array) {
  // Math.min gives NaN as soon as one size is NaN.
  const size = Math.min(...visits.map(({ effectiveSize }) => effectiveSize));
  const chiSquare = visits.reduce(
    (sum, { massError }, mode) => sum + (size * massError ** 2) / weights[mode]!,
    0,
  );
  return { chiSquare, pValue: chiSquareTail(chiSquare, weights.length - 1) };
}

function countTrips(nearest: Int32Array, { chains, draws }: Positions) {
  let switches = 0;
  let roundTrips = 0;
  for (let chain = 0; chain < chains; chain++) {
    const home = nearest[chain * draws];
    for (let at = chain * draws + 1; at < (chain + 1) * draws; at++) {
      if (nearest[at] === nearest[at - 1]) continue;
      switches++;
      if (nearest[at] === home) roundTrips++;
    }
  }
  return { switches, roundTrips };
}
