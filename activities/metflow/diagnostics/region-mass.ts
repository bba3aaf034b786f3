// How much of the target's mass lies in each region of a network, from the region that every draw of the chains is in.

import { studentQuantile } from '../../numeric/student-distribution.ts';
import { probabilityError } from './monte-carlo-error.ts';
import { chainMean, chainsOf, isConstant, sampleVariance, type ChainDraws } from './split-chains.ts';

/** The region of every draw. */
export interface RegionDraws {
  /** `[chains, draws]` numbers of regions, from 0. */
  readonly labels: Int32Array;
  readonly regions: number;
  readonly chains: number;
  readonly draws: number;
}

export interface RegionMass {
  /** Share of the draws in the region. */
  readonly mass: number;
  readonly visits: number;
  /** NaN where it is not defined: a region that is never or always occupied, or one chain that hardly moves. */
  readonly error: number;
  /** Of the region's indicator; NaN where that is constant. */
  readonly effectiveSize: number;
  /** 95 % interval. */
  readonly low: number;
  readonly high: number;
  /** Whether `error` comes from the effective size; else from how much chains differ. */
  readonly reliable: boolean;
}

/** The regions worth a row of their own, and all others as one. */
export interface RegionMasses {
  /** Regions in the order of their visits, then numbers. */
  readonly reported: readonly (RegionMass & { readonly region: number })[];
  /** All other regions together. */
  readonly other: RegionMass;
}

export interface RegionMassOptions {
  /** Effective size of the slowest parameter: what bounds the mass of a region that no draw is in. */
  readonly effectiveSize: number;
  /** Most regions to report by their own weight. @default 1000 */
  readonly most?: number;
  /** `[regions]` 1 for regions to report in any case. */
  readonly wanted?: Uint8Array;
}

/** Fewer effective draws than this do not tell how far they are off. */
const FEWEST_EFFECTIVE = 50;
/** A region has a row of its own with so many effective draws in it. */
const FEWEST_INSIDE = 5;
const LEVEL = 0.95;
/** No event among n independent draws: its probability is below 3 / n with 95 % confidence. */
const RULE_OF_THREE = 3;

/**
 * Estimates every region's mass. The masses reported and the other one sum to 1. A region is reported where its mass
 * times its effective size is at least 5, or where it is wanted.
 */
export function regionMasses(draws: RegionDraws, options: RegionMassOptions): RegionMasses {
  const { most = 1000, wanted = new Uint8Array(draws.regions) } = options;
  const visits = visitsOf(draws);
  const order = Array.from(visits.keys()).sort((a, b) => visits[b]! - visits[a]! || a - b);
  const reported: (RegionMass & { readonly region: number })[] = [];
  let own = 0;
  for (const region of order) {
    const candidate = visits[region]! >= FEWEST_INSIDE && own < most;
    if (!candidate && wanted[region] !== 1) continue;
    const estimate = setMass(draws, (label) => label === region, options);
    const heavy = candidate && !(estimate.mass * estimate.effectiveSize < FEWEST_INSIDE);
    if (heavy) own++;
    if (heavy || wanted[region] === 1) reported.push({ region, ...estimate });
  }
  const named = new Set(reported.map(({ region }) => region));
  return { reported, other: setMass(draws, (label) => !named.has(label), options) };
}

/** `[regions]` draws in each. */
export function visitsOf({ labels, regions }: RegionDraws): Int32Array {
  const visits = new Int32Array(regions);
  for (const label of labels) visits[label]!++;
  return visits;
}

/**
 * Share of the mass in regions that no draw has visited: of draws far enough apart to be independent, the share whose
 * region occurs once.
 * @param stride - draws from one kept draw of a chain to the next: the autocorrelation time, rounded up.
 * @returns the estimate and how many draws were kept.
 * @see Good, "The population frequencies of species and the estimation of population parameters", 1953.
 */
export function unseenMass(
  { labels, regions, chains, draws }: RegionDraws,
  stride: number,
): { readonly mass: number; readonly kept: number } {
  const visits = new Int32Array(regions);
  const each = Math.ceil(draws / stride);
  for (let chain = 0; chain < chains; chain++)
    for (let draw = 0; draw < draws; draw += stride) visits[labels[chain * draws + draw]!]!++;
  const kept = chains * each;
  return { mass: visits.filter((count) => count === 1).length / kept, kept };
}

/** Mass of a set of regions. */
function setMass(
  { labels, chains, draws }: RegionDraws,
  holds: (label: number) => boolean,
  { effectiveSize: overall }: RegionMassOptions,
): RegionMass {
  const values = Float64Array.from(labels, (label) => (holds(label) ? 1 : 0));
  const indicator: ChainDraws = { values, chains, draws };
  const { probability: mass, error, effectiveSize, low, high } = probabilityError(indicator);
  const visits = Math.round(mass * labels.length);
  const all = { mass, visits, effectiveSize };
  if (isConstant(values)) {
    const slack = Math.min(1, RULE_OF_THREE / overall);
    const ends = visits === 0 ? { low: 0, high: slack } : { low: 1 - slack, high: 1 };
    return { ...all, error: Number.NaN, ...ends, reliable: false };
  }
  if (effectiveSize >= FEWEST_EFFECTIVE && !chainsOf(indicator).some(isConstant))
    return { ...all, error, low, high, reliable: true };
  const means = Float64Array.from(chainsOf(indicator), chainMean);
  const between = Math.sqrt(sampleVariance(means) / chains);
  const reach = studentQuantile(1 - LEVEL, chains - 1) * between;
  const ends = { low: Math.max(0, mass - reach), high: Math.min(1, mass + reach) };
  return { ...all, error: between, ...ends, reliable: false };
}
