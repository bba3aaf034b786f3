// Student's distribution, by way of the beta distribution.

import { betaCdf, betaQuantile } from './beta-distribution.ts';

/** P(|T| >= |t|) with `degrees` degrees of freedom; NaN below 1 degree. */
export function studentTwoSided(t: number, degrees: number): number {
  if (!(degrees >= 1)) return Number.NaN;
  return betaCdf(degrees / (degrees + t * t), degrees / 2, 0.5);
}

/** The t with P(|T| >= t) = `share`, for shares in (0, 1); NaN below 1 degree of freedom. */
export function studentQuantile(share: number, degrees: number): number {
  if (!(degrees >= 1)) return Number.NaN;
  const x = betaQuantile(share, degrees / 2, 0.5);
  return Math.sqrt((degrees * (1 - x)) / x);
}
