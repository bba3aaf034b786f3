// Rows of the tables that follow from the draws: diagnostics, kernels, modes.

import type { ChainDraws } from '../diagnostics/split-chains.ts';
import { chainMean, sampleVariance } from '../diagnostics/split-chains.ts';
import { bulkEffectiveSize, tailEffectiveSize } from '../diagnostics/effective-sample-size.ts';
import { finishHealth, mergeHealth } from '../diagnostics/kernel-health.ts';
import { finiteOrNull } from '../../numeric/finite-or-null.ts';
import { levelMasses } from '../diagnostics/level-mass.ts';
import type { ModeOccupancy, Modes, Positions } from '../diagnostics/mode-occupancy.ts';
import { meanError } from '../diagnostics/monte-carlo-error.ts';
import { rankNormalisedRHat } from '../diagnostics/rank-normalised-r-hat.ts';
import type { Levels } from '../targets/target.ts';
import type { NamedHealth } from './chain-run.ts';

/** A row of diagnostics.parquet. */
export interface ParameterRow {
  readonly parameter: string;
  readonly mean: number;
  readonly sd: number;
  readonly mcse_mean: number;
  readonly ess_bulk: number;
  readonly ess_tail: number;
  readonly r_hat: number;
}

/** Diagnoses one parameter; figures that are not defined are NaN. */
export function parameterRow(parameter: string, draws: ChainDraws): ParameterRow {
  return {
    parameter,
    mean: chainMean(draws.values),
    sd: Math.sqrt(sampleVariance(draws.values)),
    mcse_mean: meanError(draws),
    ess_bulk: bulkEffectiveSize(draws),
    ess_tail: tailEffectiveSize(draws),
    r_hat: rankNormalisedRHat(draws),
  };
}

/** Worst R-hat and effective sizes of some rows; null where any is not defined, for no row can speak for it. */
export function worstOf(rows: readonly ParameterRow[]): {
  readonly rHat: number | null;
  readonly essBulk: number | null;
  readonly essTail: number | null;
} {
  return {
    rHat: finiteOrNull(Math.max(...rows.map(({ r_hat }) => r_hat))),
    essBulk: finiteOrNull(Math.min(...rows.map(({ ess_bulk }) => ess_bulk))),
    essTail: finiteOrNull(Math.min(...rows.map(({ ess_tail }) => ess_tail))),
  };
}

/** Rows of kernel_health.parquet. @param groups - of every group of chains, one entry per kernel step of a sweep. */
export function kernelRows(groups: readonly (readonly NamedHealth[])[], dim: number) {
  const [first = []] = groups;
  return first.map(({ kernel }, place) => {
    const sums = groups.map((health) => health[place]!.sums).reduce(mergeHealth);
    const health = finishHealth(sums, { dim });
    return {
      place,
      kernel,
      steps: health.steps,
      accepted_share: health.acceptedShare,
      mean_acceptance: health.meanAcceptance,
      backward_share: health.directions.backward,
      forward_share: health.directions.forward,
      squared_jump: health.squaredJump,
      squared_jump_per_dimension: health.squaredJumpPerDimension,
      mean_log_ratio: health.meanLogRatio,
      sd_log_ratio: health.deviationLogRatio,
      diverged: health.diverged,
      evaluations: health.evaluations,
      longest_rejection_run: health.longestRun,
    };
  });
}

/** Rows of level_mass.parquet. @param effectiveSize - of the slowest parameter. */
export function levelRows(
  { z, chains, draws }: Positions,
  { levels, effectiveSize }: { readonly levels: Levels; readonly effectiveSize: number },
) {
  const { units, passed } = levels;
  const found = levelMasses({ passed: passed(z), levels: units.length, chains, draws }, effectiveSize);
  return found.map((level, place) => ({
    level: place + 1,
    units: units[place]!,
    share: level.share,
    share_se: finiteOrNull(level.shareError),
    ess: finiteOrNull(level.effectiveSize),
    reliable: level.reliable,
    log_mass: finiteOrNull(level.logMass),
    log_mass_se: finiteOrNull(level.logError),
    ci_low: finiteOrNull(level.low),
    ci_high: finiteOrNull(level.high),
  }));
}

/** Rows of modes.parquet. */
export function modeRows({ modes: visits }: ModeOccupancy, { centres, weights }: Modes) {
  const dim = centres.length / weights.length;
  return visits.map((visit, mode) => ({
    mode,
    centre: centres.slice(mode * dim, (mode + 1) * dim),
    weight: weights[mode]!,
    mass: visit.probability,
    mass_error: visit.massError,
    mass_se: visit.error,
    ess: visit.effectiveSize,
    inside_share: visit.insideShare,
    visited: visit.visited,
  }));
}
