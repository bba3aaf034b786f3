// Draws of a standard normal between two ends, from one uniform each, also far out.

import { normalCdf } from './normal-distribution.ts';
import { logNormalCdf, normalQuantile } from './normal-quantile.ts';

/** Beyond so many standard deviations probabilities are followed by their logarithms. */
const FAR = 5;
/** Newton's method is quadratic and starts within a few percent. */
const NEWTON_STEPS = 6;

/**
 * The quantile `uniform` of N(0, 1) given that it lies in [low, high]; ends may be infinite.
 * @param uniform - in (0, 1).
 */
export function truncatedNormal(uniform: number, low: number, high: number): number {
  if (low > FAR) return within(farQuantile(uniform, low, high), low, high);
  // In the upper half, differences of probabilities near 1 would cancel.
  if (low > 0 || high > -low) return -truncatedBelow(1 - uniform, -high, -low);
  return truncatedBelow(uniform, low, high);
}

/** As {@link truncatedNormal}, where less of the interval lies above 0 than below. */
function truncatedBelow(uniform: number, low: number, high: number): number {
  if (high < -FAR) return within(-farQuantile(1 - uniform, -high, -low), low, high);
  const [from, to] = [normalCdf(low), normalCdf(high)];
  return within(normalQuantile(from + uniform * (to - from)), low, high);
}

/** Solves log Q(x) = log((1 - u) Q(low) + u Q(high)), Q the upper tail. */
function farQuantile(uniform: number, low: number, high: number): number {
  const [first, last] = [logNormalCdf(-low), logNormalCdf(-high)];
  const wanted = first + Math.log1p(uniform * Math.expm1(last - first));
  let x = Math.sqrt(low * low + 2 * (first - wanted));
  for (let step = 0; step < NEWTON_STEPS; step++) {
    const at = logNormalCdf(-x);
    const hazard = Math.exp(-0.5 * x * x - 0.5 * Math.log(2 * Math.PI) - at);
    x += (at - wanted) / hazard;
  }
  return x;
}

function within(x: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, x));
}
