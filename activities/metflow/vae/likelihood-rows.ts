// Rows of vae_likelihood.parquet: each training on its own, then each model over its seeds.

import { type ImageLikelihoods, meanAndError } from './likelihood.ts';

/** What one training came to. */
export interface JudgedTraining {
  readonly model: string;
  readonly seed: number;
  readonly parameters: number;
  readonly updates: number;
  readonly images: ImageLikelihoods;
}

export interface LikelihoodRow {
  readonly model: string;
  readonly seed: number | null;
  readonly trainings: number;
  readonly parameters: number;
  readonly updates: number;
  readonly images: number;
  readonly draws: number;
  readonly bound: number;
  readonly bound_se: number;
  readonly log_likelihood: number;
  readonly log_likelihood_se: number | null;
  readonly monte_carlo_se: number | null;
  readonly median_ess: number | null;
  readonly difference: number | null;
  readonly difference_se: number | null;
}

/** @param trainings - models in the order of the config, each with the same seeds; the first model is compared with. */
export function likelihoodRows(trainings: readonly JudgedTraining[]): LikelihoodRow[] {
  const models = [...new Set(trainings.map(({ model }) => model))];
  return models.flatMap((model) => {
    const own = trainings.filter((each) => each.model === model);
    const rows = own.map((each) => {
      const base = trainings.find((other) => other.model === models[0] && other.seed === each.seed);
      return trainingRow(each, model === models[0] ? null : (base ?? null));
    });
    return [...rows, modelRow(rows)];
  });
}

function trainingRow(
  { model, seed, parameters, updates, images }: JudgedTraining,
  base: JudgedTraining | null,
): LikelihoodRow {
  const { bound, logLikelihood, variance, effectiveDraws, draws } = images;
  const judged = meanAndError(logLikelihood);
  const n = logLikelihood.length;
  const difference =
    base === null
      ? null
      : meanAndError(logLikelihood.map((value, i) => value - base.images.logLikelihood[i]!));
  return {
    ...{ model, seed, trainings: 1, parameters, updates, images: n, draws },
    bound: meanAndError(bound).mean,
    bound_se: meanAndError(bound).se,
    log_likelihood: judged.mean,
    log_likelihood_se: judged.se,
    monte_carlo_se: Math.sqrt(variance.reduce((sum, value) => sum + value, 0)) / n,
    median_ess: median(effectiveDraws),
    difference: difference?.mean ?? null,
    difference_se: difference?.se ?? null,
  };
}

/** Over seeds: errors are those of a mean of trainings, and there are none for one seed. */
function modelRow(rows: readonly LikelihoodRow[]): LikelihoodRow {
  const of = (pick: (row: LikelihoodRow) => number) => meanAndError(rows.map(pick));
  const known = (value: number) => (Number.isNaN(value) ? null : value);
  const [bound, judged] = [of((row) => row.bound), of((row) => row.log_likelihood)];
  const compared = rows.every(({ difference }) => difference !== null);
  const difference = compared ? of((row) => row.difference!) : null;
  return {
    ...rows[0]!,
    seed: null,
    trainings: rows.length,
    bound: bound.mean,
    bound_se: bound.se,
    log_likelihood: judged.mean,
    log_likelihood_se: known(judged.se),
    monte_carlo_se: null,
    median_ess: null,
    difference: difference?.mean ?? null,
    difference_se: difference === null ? null : known(difference.se),
  };
}

function median(values: Float64Array): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
