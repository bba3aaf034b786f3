// From measured values to evidence: the effect, its interval by resampling units, and a p-value.

import { bootstrapMean, bootstrapPValue, type Estimate } from '../numeric/bootstrap.ts';
import { percentileInterval } from '../numeric/quantiles.ts';
import type { Evidence } from '../polytope/claim.ts';

/** What is claimed, of which model and span. */
export type Statement = Pick<
  Evidence,
  'claim' | 'experiment' | 'model' | 'span' | 'nullEffect' | 'predicted'
>;

/** Intervals of the claims table hold the effect with this confidence. */
const CONFIDENCE = 0.99;

/**
 * Evidence from an estimate with its resamples.
 * @param n - independent units behind it.
 */
export function evidenceOf(statement: Statement, { value, replicates }: Estimate, n: number): Evidence {
  const interval = Number.isNaN(value) ? null : percentileInterval(replicates, CONFIDENCE);
  return {
    ...statement,
    effect: Number.isNaN(value) ? null : value,
    interval,
    pValue: interval === null ? null : bootstrapPValue(replicates, statement.nullEffect),
    n,
  };
}

/** Evidence from the mean of one value per unit; units without a value are left out. */
export function meanEvidence(
  statement: Statement,
  values: readonly (number | null)[],
  seed: number,
): Evidence {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { ...statement, effect: null, interval: null, pValue: null, n: 0 };
  return evidenceOf(statement, bootstrapMean(known, { seed }), known.length);
}
