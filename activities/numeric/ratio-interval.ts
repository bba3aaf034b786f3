// An interval for a ratio of sums over independent clusters, such as the share of points that agree with their region.

import { normalQuantile } from './normal-quantile.ts';

/** Sums over clusters of (a, b), a of b parts being a success; `clusters` of them. */
export interface ClusterSums {
  readonly clusters: number;
  readonly a: number;
  readonly b: number;
  readonly aa: number;
  readonly ab: number;
  readonly bb: number;
}

/**
 * Wilson's interval for the share `a / b` with the number of trials that the spread between clusters leaves: the variance of a
 * ratio of sums (linearised) gives the effective number. Where all clusters agree wholly, each counts as one trial.
 * @param level - coverage. @default 0.95
 * @returns null without clusters.
 * @see Cochran, "Sampling Techniques", 1977, section 6.3; Wilson, "Probable inference", 1927.
 */
export function ratioInterval(
  { clusters, a, b, aa, ab, bb }: ClusterSums,
  level = 0.95,
): { readonly low: number; readonly high: number } | null {
  if (clusters === 0 || b === 0) return null;
  const share = a / b;
  const spread = Math.max(0, aa - 2 * share * ab + share * share * bb);
  const correction = clusters > 1 ? clusters / (clusters - 1) : 1;
  const variance = (correction * spread) / (b * b);
  const trials = variance > 0 && share > 0 && share < 1 ? (share * (1 - share)) / variance : clusters;
  const z = normalQuantile(0.5 + level / 2);
  const middle = (share + (z * z) / (2 * trials)) / (1 + (z * z) / trials);
  const half =
    (z / (1 + (z * z) / trials)) *
    Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
