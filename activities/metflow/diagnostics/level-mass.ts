// The mass of a rare region by nested levels, `P(r) = prod P(L_j | L_{j-1})`: each factor is the share of draws of the law on
// the level before that lie in the level. Draws of different levels are independent, so relative variances add.

import { normalQuantile } from '../../numeric/normal-quantile.ts';
import { regionMasses } from './region-mass.ts';

export interface LevelDraws {
  /** `[chains, draws, levels]` 1 where the point in the level before lies in the level. */
  readonly passed: Uint8Array;
  readonly levels: number;
  readonly chains: number;
  readonly draws: number;
}

export interface LevelMass {
  /** P(L_j | L_{j-1}), with the error that its indicator's effective size gives. */
  readonly share: number;
  readonly shareError: number;
  readonly effectiveSize: number;
  /** As of a region's mass: every chain enters and leaves the level, with 50 effective draws. */
  readonly reliable: boolean;
  /** Natural logarithm of P(L_j), and its standard error: the mass's relative one. */
  readonly logMass: number;
  readonly logError: number;
  /** 95 % interval of P(L_j). */
  readonly low: number;
  readonly high: number;
}

const UPPER = 0.975;

/**
 * @param effectiveSize - of the slowest parameter: what bounds a level that no draw passes.
 * @returns one entry a level, the last of which is the region's own. A level that no draw has passed has mass 0 and an error
 * that is not defined (NaN), and so have those behind it.
 * @see Kahn and Harris, "Estimation of particle transmission by random sampling", 1951, for splitting.
 */
export function levelMasses(
  { passed, levels, chains, draws }: LevelDraws,
  effectiveSize: number,
): readonly LevelMass[] {
  let logMass = 0;
  let variance = 0;
  return Array.from({ length: levels }, (_, level): LevelMass => {
    const labels = Int32Array.from({ length: chains * draws }, (__, draw) => passed[draw * levels + level]!);
    const { reported } = regionMasses(
      { labels, regions: 2, chains, draws },
      { effectiveSize, wanted: Uint8Array.of(0, 1) },
    );
    const found = reported.find(({ region }) => region === 1)!;
    const { mass: share, error, reliable } = found;
    logMass += Math.log(share);
    // A level that every draw passes is no factor, as far as its draws can tell.
    variance += share === 1 ? 0 : (error / share) ** 2;
    const reach = normalQuantile(UPPER) * Math.sqrt(variance);
    return {
      ...{ share, shareError: error, effectiveSize: found.effectiveSize, reliable },
      ...{ logMass, logError: Math.sqrt(variance) },
      low: Math.exp(logMass - reach),
      high: Math.min(1, Math.exp(logMass + reach)),
    };
  });
}
