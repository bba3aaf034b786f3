// Acceptance functions rho of the log ratio l = log t. Both satisfy rho(t) = t rho(1/t), so both keep the target.

/** Metropolis mixes fastest (Peskun 1973); Barker is smooth, so it can be trained through. */
export type AcceptRule = 'metropolis' | 'barker';

/**
 * Log probability of accepting, exact for any l; -Infinity where l is NaN, so a broken proposal is rejected.
 * @param logRatio - l, natural logarithm.
 * @see Barker, "Monte Carlo calculations of the radial distribution functions", 1965.
 */
export function logAcceptance(logRatio: number, { rule }: { readonly rule: AcceptRule }): number {
  if (Number.isNaN(logRatio)) return Number.NEGATIVE_INFINITY;
  switch (rule) {
    case 'metropolis':
      return Math.min(0, logRatio);
    case 'barker':
      return -softplus(-logRatio);
  }
}

/** Whether a uniform in (0, 1) accepts; compared as logarithms, so a ratio of e^-700 still counts. */
export function accepts(logRatio: number, uniform: number, { rule }: { readonly rule: AcceptRule }): boolean {
  return Math.log(uniform) < logAcceptance(logRatio, { rule });
}

/** log(1 + e^x). */
function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}
