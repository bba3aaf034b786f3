// Rows of region_mass.parquet and region_summary.parquet from coded draws and coded data.

import { finiteOrNull } from '../../numeric/finite-or-null.ts';
import {
  compareRegions,
  gTest,
  type RegionDifference,
  regionDivergence,
} from '../diagnostics/region-comparison.ts';
import {
  type RegionDraws,
  type RegionMass,
  regionMasses,
  type RegionMasses,
  unseenMass,
  visitsOf,
} from '../diagnostics/region-mass.ts';
import { type CodeCounts, type CodedDraws, frequentKeys, labelsOf } from './coded-draws.ts';

export interface RegionRowsOptions {
  readonly estimate: string;
  readonly span: string;
  readonly bits: number;
  readonly data: CodeCounts | null;
  /** Effective size of the slowest parameter; NaN where it is not known. */
  readonly effectiveSize: number;
  readonly most: number;
  readonly seed: number;
}

/** Rows of one estimate and span: of region_mass, and the one of region_summary. */
export function regionRows(coded: CodedDraws, options: RegionRowsOptions) {
  const { data, effectiveSize, most } = options;
  const wantedKeys = data === null ? [] : frequentKeys(data, most);
  const { labelled, keys } = labelsOf(coded, wantedKeys);
  const wanted = Uint8Array.from(keys, () => 0);
  const places = new Map(keys.map((key, region) => [key, region]));
  for (const key of wantedKeys) wanted[places.get(key)!] = 1;
  const masses = regionMasses(labelled, { effectiveSize, most, wanted });
  const cells = [...masses.reported, masses.other];
  const ambiguous = ambiguousVisits(coded, labelled, masses);
  const counts = data === null ? null : countsOf(masses, keys, data);
  const compared =
    counts === null || data === null
      ? null
      : compareRegions(cells, { counts, points: data.points, chains: coded.chains });
  const unseen = unseenOf(coded, labelled, effectiveSize);
  const rows = cells.map((cell, i) => ({
    ...named(options, 'region' in cell ? keys[cell.region as number]! : null),
    ...massCells(cell, ambiguous[i]!),
    ...dataCells(counts?.[i] ?? null, compared?.[i] ?? null),
  }));
  return {
    rows: [...rows, unseenRow(options, unseen)],
    summary: {
      ...summaryOf(coded, { labelled, masses, options, unseen }),
      ...fitOf(labelled, { masses, counts, keys, options }),
    },
  };
}

/** `[reported + 1]` ambiguous draws in each, the bin of all others last. */
function ambiguousVisits(
  { ambiguous }: CodedDraws,
  { labels, regions }: RegionDraws,
  masses: RegionMasses,
): Int32Array {
  const places = placesOf(masses, regions);
  const visits = new Int32Array(masses.reported.length + 1);
  for (const [draw, label] of labels.entries()) visits[places[label]!]! += ambiguous[draw]!;
  return visits;
}

/** `[regions]` place of each among the reported ones; that behind them for all others. */
function placesOf({ reported }: RegionMasses, regions: number): Int32Array {
  const places = new Int32Array(regions).fill(reported.length);
  for (const [place, { region }] of reported.entries()) places[region] = place;
  return places;
}

/** `[reported + 1]` data points in each. */
function countsOf(
  { reported }: RegionMasses,
  keys: readonly string[],
  { points, counts }: CodeCounts,
): number[] {
  const own = reported.map(({ region }) => counts.get(keys[region]!) ?? 0);
  return [...own, points - own.reduce((sum, count) => sum + count, 0)];
}

interface Unseen {
  readonly mass: number;
  readonly kept: number;
}

/** Draws an autocorrelation time apart; where it is not known, one draw of each chain. */
function unseenOf({ chains, draws }: CodedDraws, labelled: RegionDraws, effectiveSize: number): Unseen {
  const stride = Math.ceil((chains * draws) / effectiveSize);
  return unseenMass(labelled, Number.isFinite(stride) ? Math.min(draws, Math.max(1, stride)) : draws);
}

function named({ estimate, span }: RegionRowsOptions, key: string | null) {
  const digest = key === null ? null : Uint8Array.from(key, (byte) => byte.charCodeAt(0));
  return { estimate, span, kind: key === null ? 'other' : 'region', digest };
}

function massCells(cell: RegionMass, ambiguous: number) {
  const { mass, error, effectiveSize, low, high, reliable, visits } = cell;
  const [se, ess, ci_low, ci_high] = [error, effectiveSize, low, high].map(finiteOrNull);
  return { mass, se, ess, ci_low, ci_high, reliable, visits: BigInt(visits), ambiguous: BigInt(ambiguous) };
}

function dataCells(count: number | null, compared: RegionDifference | null) {
  return {
    data_count: count === null ? null : BigInt(count),
    data_frequency: compared?.frequency ?? null,
    difference: compared?.difference ?? null,
    log_ratio: finiteOrNull(compared?.logRatio ?? Number.NaN),
    p_value: finiteOrNull(compared?.pValue ?? Number.NaN),
    p_adjusted: finiteOrNull(compared?.adjusted ?? Number.NaN),
  };
}

function unseenRow(options: RegionRowsOptions, { mass, kept }: Unseen) {
  // Good's own error of the estimate: about the root of the number of singletons, over n.
  const se = Math.sqrt(mass / kept);
  return {
    ...named(options, null),
    kind: 'unseen',
    mass,
    se,
    ess: kept,
    ci_low: null,
    ci_high: null,
    reliable: Number.isFinite(options.effectiveSize),
    visits: 0n,
    ambiguous: 0n,
    ...dataCells(null, null),
  };
}

function summaryOf(
  { chains, draws, ambiguous }: CodedDraws,
  {
    labelled,
    masses,
    options,
    unseen,
  }: { labelled: RegionDraws; masses: RegionMasses; options: RegionRowsOptions; unseen: Unseen },
) {
  return {
    estimate: options.estimate,
    span: options.span,
    bits: options.bits,
    chains,
    draws: BigInt(chains * draws),
    regions: BigInt(visitsOf(labelled).filter((visits) => visits > 0).length),
    reported: BigInt(masses.reported.length),
    other_mass: masses.other.mass,
    unseen_mass: unseen.mass,
    unseen_draws: BigInt(unseen.kept),
    ambiguous: BigInt(ambiguous.reduce((sum, flag) => sum + flag, 0)),
    least_ess: finiteOrNull(leastSize(masses)),
  };
}

/** Least effective size of the cells that have one; NaN where none has. */
function leastSize({ reported, other }: RegionMasses): number {
  const sizes = [...reported, other].map(({ effectiveSize }) => effectiveSize).filter(Number.isFinite);
  return sizes.length === 0 ? Number.NaN : Math.min(...sizes);
}

function fitOf(
  labelled: RegionDraws,
  {
    masses,
    counts,
    keys,
    options,
  }: {
    masses: RegionMasses;
    counts: readonly number[] | null;
    keys: readonly string[];
    options: RegionRowsOptions;
  },
) {
  const { data, seed } = options;
  if (data === null || counts === null) return NO_FIT;
  const { points } = data;
  const shares = [...masses.reported, masses.other].map(({ mass }) => mass);
  const visits = visitsOf(labelled);
  const seen = keys.reduce(
    (sum, key, region) => sum + (visits[region]! > 0 ? (data.counts.get(key) ?? 0) : 0),
    0,
  );
  const g = gTest(shares, { counts, points, size: leastSize(masses) });
  const perChain = sharesPerChain(labelled, masses);
  const js = regionDivergence(perChain, { counts, chains: labelled.chains, seed });
  return {
    data_points: BigInt(points),
    data_regions: BigInt(data.counts.size),
    data_seen: seen / points,
    js_bits: js.bits,
    js_low: js.low,
    js_high: js.high,
    g_statistic: finiteOrNull(g.statistic),
    g_p_value: finiteOrNull(g.pValue),
  };
}

const NO_FIT = {
  data_points: null,
  data_regions: null,
  data_seen: null,
  js_bits: null,
  js_low: null,
  js_high: null,
  g_statistic: null,
  g_p_value: null,
};

/** `[chains, reported + 1]`. */
function sharesPerChain({ labels, regions, chains, draws }: RegionDraws, masses: RegionMasses): Float64Array {
  const places = placesOf(masses, regions);
  const cells = masses.reported.length + 1;
  const shares = new Float64Array(chains * cells);
  for (const [at, label] of labels.entries())
    shares[Math.floor(at / draws) * cells + places[label]!]! += 1 / draws;
  return shares;
}
