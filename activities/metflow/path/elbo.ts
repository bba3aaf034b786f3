// The bound of section 1 and the functions whose gradients estimate its gradient without bias.

import {
  add,
  div,
  exp,
  filled,
  less,
  mean,
  mul,
  stopGradient,
  sub,
  sum,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { underPrefix, type Parameters } from '../parameters.ts';
import { logJoint, logNormal, type Density, type PathPoint } from './path-kernel.ts';
import { boundKernels, logInitial, startOf, type PathModel } from './path-model.ts';
import { logMarginal, logProduct } from './reverse.ts';
import { chosenLogDet, logChosen, runPath, type PathDraws, type PathStep } from './run-path.ts';

/**
 * Which variance reduction the gradient has; each keeps what the one before it has. `score`: the plain surrogate;
 * `telescoped`: a decision is credited with what comes after it only; `leave-one-out`: less the other rows' mean;
 * `rao-blackwell`: the last decision is summed out.
 */
export type GradientEstimator = 'score' | 'telescoped' | 'leave-one-out' | 'rao-blackwell';

/** Random numbers of a batch of paths from their start. */
export interface ElboDraws extends PathDraws {
  /** `[rows, dim]` standard normals of z0. */
  readonly initial: JaxArray;
  /** `[rows, dim]`, where the path has momentum. */
  readonly momentum: JaxArray | null;
}

export interface ElboTerms {
  readonly steps: readonly PathStep[];
  /** `[rows]` the bound's integrand W, natural logarithms. */
  readonly integrand: JaxArray;
  /** `[rows]` log density of z0 (and its momentum). */
  readonly logStart: JaxArray;
  /** `[rows]` log r(a | z_K); for the exact law it is part of the integrand only. */
  readonly logReverse: JaxArray;
}

/** Runs a batch of paths and evaluates the bound's integrand on them. */
export function elboTerms(
  model: PathModel,
  parameters: Parameters,
  { draws, density }: { readonly draws: ElboDraws; readonly density: Density },
): ElboTerms {
  const { z, logDensity } = startOf(model, parameters, draws.initial);
  const start = { z, logDensity: density(z), momentum: draws.momentum };
  const { rule, directions } = model;
  const kernels = boundKernels(model, parameters);
  const steps = runPath(kernels, start, { draws, density, rule, directions });
  const end = steps.at(-1)!.after;
  const logStart = draws.momentum === null ? logDensity : add(logDensity, logNormal(draws.momentum));
  if (model.reverse.law === 'exact') {
    const at = (rows: JaxArray) => logInitial(model, parameters, rows);
    const marginal = logMarginal(kernels, end.z, { draws, density, rule, logInitial: at });
    const none = filled(0, logStart.shape, logStart);
    return { steps, integrand: sub(end.logDensity, marginal), logStart, logReverse: none };
  }
  const logReverse = reverseOf(model, parameters, { end, bits: steps.map(({ accepted }) => accepted) });
  const logDets = total(steps.map(chosenLogDet));
  const logPath = sub(add(logStart, total(steps.map(logChosen))), logDets);
  return { steps, integrand: sub(add(logJoint(end), logReverse), logPath), logStart, logReverse };
}

/** A scalar whose gradient is an unbiased estimate of the bound's (its value means nothing). */
export function surrogate(
  model: PathModel,
  parameters: Parameters,
  { terms, estimator }: { readonly terms: ElboTerms; readonly estimator: GradientEstimator },
): JaxArray {
  const { steps, integrand } = terms;
  const scores = steps.map(scoreOf);
  if (estimator === 'score') return mean(add(integrand, mul(stopGradient(integrand), total(scores))));
  const last =
    estimator === 'rao-blackwell' && model.reverse.law !== 'exact'
      ? lastSummed(model, parameters, terms)
      : null;
  const credits = last === null ? creditsOf(model, terms) : creditsBeforeLast(steps, last);
  const weigh = (credit: JaxArray, score: JaxArray) => {
    const relative = estimator === 'telescoped' ? credit : sub(credit, othersMean(credit));
    return mul(stopGradient(relative), score);
  };
  const weighted = credits.map((credit, k) => weigh(credit, scores[k]!));
  // The last decision is summed out, its direction is not.
  const { logDirection } = steps.at(-1)!;
  if (last !== null && logDirection !== null) weighted.push(weigh(last, logDirection));
  const value = last === null ? withoutScores(model, terms) : add(valueBeforeLast(terms), last);
  return mean(total([value, ...weighted]));
}

/** Log probability of all that a step drew at random and that parameters decide on. */
function scoreOf(step: PathStep): JaxArray {
  const chosen = logChosen(step);
  return step.logDirection === null ? chosen : add(chosen, step.logDirection);
}

/** What a step adds to the integrand. */
function gain(step: PathStep): JaxArray {
  return sub(add(sub(logJoint(step.after), logJoint(step.before)), chosenLogDet(step)), logChosen(step));
}

/** The integrand without the decisions' own log probabilities, whose gradients have mean 0. */
function withoutScores({ reverse }: PathModel, { steps, integrand }: ElboTerms): JaxArray {
  return reverse.law === 'exact' ? integrand : add(integrand, total(steps.map(logChosen)));
}

/** What each decision is credited with: all that comes after it. */
function creditsOf({ reverse }: PathModel, { steps, integrand, logReverse }: ElboTerms): JaxArray[] {
  return steps.map((_, k) => {
    if (reverse.law === 'exact') return integrand;
    const later = total(steps.slice(k).map(gain));
    // A uniform law gives each decision the same constant: only those still to come count.
    return add(later, reverse.law === 'uniform' ? (k - steps.length) * Math.LN2 : logReverse);
  });
}

/** The same for all decisions but the last, which is summed out. */
function creditsBeforeLast(steps: readonly PathStep[], last: JaxArray): JaxArray[] {
  const before = steps.slice(0, -1);
  return before.map((_, k) => add(total(before.slice(k).map(gain)), last));
}

/** The integrand up to the last step, without scores. */
function valueBeforeLast({ steps, logStart }: ElboTerms): JaxArray {
  const logDets = steps.slice(0, -1).map(chosenLogDet);
  return total([sub(logJoint(steps.at(-1)!.before), logStart), ...logDets]);
}

/** Expected gain of the last step and log reverse, over both of its decisions. */
function lastSummed(model: PathModel, parameters: Parameters, { steps }: ElboTerms): JaxArray {
  const step = steps.at(-1)!;
  const { moved, stayed, logDet, commonLogDet } = step.proposal;
  const always = filled(1, step.logAccept.shape, step.logAccept);
  const branches = [
    { end: moved, bit: less(0, always), logProbability: step.logAccept, ownLogDet: logDet },
    { end: stayed, bit: less(always, 0), logProbability: step.logReject, ownLogDet: null },
  ];
  const values = branches.map(({ end, bit, logProbability, ownLogDet }) => {
    const bits = [...steps.slice(0, -1).map(({ accepted }) => accepted), bit];
    // A branch without probability may have any value: 0 stands for it.
    const possible = less(Number.NEGATIVE_INFINITY, logProbability);
    const logs = [sub(logJoint(end), logJoint(step.before)), reverseOf(model, parameters, { end, bits })];
    if (ownLogDet !== null) logs.push(ownLogDet);
    const worth = sub(total(logs), where(possible, logProbability, 0));
    return where(possible, mul(exp(logProbability), where(possible, worth, 0)), 0);
  });
  const both = total(values);
  return commonLogDet === null ? both : add(both, commonLogDet);
}

function reverseOf(
  { reverse }: PathModel,
  parameters: Parameters,
  { end, bits }: { readonly end: PathPoint; readonly bits: readonly JaxArray[] },
): JaxArray {
  const none = filled(-bits.length * Math.LN2, [end.z.shape[0]!], end.z);
  return reverse.law === 'product' ? logProduct(underPrefix(parameters, 'reverse'), end.z, bits) : none;
}

/** Mean of the other rows; 0 for a batch of one, which has no others. */
function othersMean(x: JaxArray): JaxArray {
  const rows = x.shape[0]!;
  return rows === 1 ? filled(0, [1], x) : div(sub(sum(x), x), rows - 1);
}

function total(terms: readonly JaxArray[]): JaxArray {
  return terms.reduce((sumSoFar, term) => add(sumSoFar, term));
}
