// What an experiment says: an effect with its interval, the null it is held against, and a verdict by one
// rule.

import { holmAdjust } from '../numeric/holm.ts';

/**
 * `supported` and `reversed`: the interval excludes the null value and the corrected p is below 0.05, in the
 * predicted or in the other direction. `not shown`: neither. `too few`: not enough units to say.
 */
export type Verdict = 'supported' | 'reversed' | 'not shown' | 'too few';

/** A row of the claims table. */
export interface Claim {
  /** What is claimed, in a few words. */
  readonly claim: string;
  /** Such as `density`. */
  readonly experiment: string;
  /** Variant of the model, such as `trained` or `random_init:3`. */
  readonly model: string;
  /** Span or tap that the claim is about. */
  readonly span: string;
  /** Null only where the verdict is `too few`. */
  readonly effect: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
  /** The effect under the null hypothesis. */
  readonly nullEffect: number;
  /** Two-sided, corrected (Holm) over the family that was judged together; null where `too few`. */
  readonly pValue: number | null;
  readonly verdict: Verdict;
  /** Independent units behind the effect: images, sequences, clusters. */
  readonly n: number;
}

/** One measured effect before it is judged. */
export interface Evidence {
  readonly claim: string;
  readonly experiment: string;
  readonly model: string;
  readonly span: string;
  readonly effect: number | null;
  /** Null where resampling gave none: `too few`. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly nullEffect: number;
  /** Two-sided and not corrected; null where no test could be made: `too few`. */
  readonly pValue: number | null;
  /** On which side of the null effect the claim puts the effect. */
  readonly predicted: 'above' | 'below';
  readonly n: number;
}

export interface JudgingOptions {
  /** Fewer independent units than this are `too few`. @default 10 */
  readonly leastUnits?: number;
}

const LEVEL = 0.05;
/** Fewer independent units than these say nothing, unless an experiment says otherwise. */
export const LEAST_UNITS = 10;

/**
 * Judges a family of effects, such as one claim over all spans of a model: p-values are corrected over
 * those of the family that have enough units.
 * @returns one claim per evidence, in order.
 * @throws RangeError for a p-value outside [0, 1].
 * @see polytope-lens specification, section 4 (intervals).
 */
export function judgeFamily(
  family: readonly Evidence[],
  { leastUnits = LEAST_UNITS }: JudgingOptions = {},
): Claim[] {
  const tested = family.filter((evidence) => isEnough(evidence, leastUnits));
  const corrected = holmAdjust(tested.map(({ pValue }) => pValue!));
  const pValueOf = new Map(tested.map((evidence, i) => [evidence, corrected[i]!]));
  return family.map((evidence) => {
    const { claim, experiment, model, span, effect, interval, nullEffect, n } = evidence;
    const pValue = pValueOf.get(evidence) ?? null;
    return {
      claim,
      experiment,
      model,
      span,
      effect,
      ciLow: interval?.low ?? null,
      ciHigh: interval?.high ?? null,
      nullEffect,
      pValue,
      verdict: verdictOf(evidence, pValue),
      n,
    };
  });
}

function isEnough({ effect, interval, pValue, n }: Evidence, leastUnits: number): boolean {
  return (
    n >= leastUnits && pValue !== null && interval !== null && effect !== null && Number.isFinite(effect)
  );
}

function verdictOf({ interval, nullEffect, predicted }: Evidence, pValue: number | null): Verdict {
  if (pValue === null || interval === null) return 'too few';
  const isAbove = interval.low > nullEffect;
  const isBelow = interval.high < nullEffect;
  if (pValue >= LEVEL || !(isAbove || isBelow)) return 'not shown';
  return isAbove === (predicted === 'above') ? 'supported' : 'reversed';
}
