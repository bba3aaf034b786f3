// Mutual information that two labelings share by chance.

/**
 * Expected mutual information, in nats, of two labelings with these class sizes when one of them is shuffled
 * (hypergeometric model).
 * @param a - class sizes of one labeling, positive, with the sum `n`.
 * @param b - class sizes of the other, with the same sum.
 * @see Vinh, Epps, Bailey, "Information Theoretic Measures for Clusterings Comparison", 2010, equation 24a.
 */
export function expectedInformation(a: ArrayLike<number>, b: ArrayLike<number>, n: number): number {
  const logFactorial = logFactorials(n);
  // Terms depend on sizes only, and sizes repeat.
  const known = new Map<number, number>();
  let total = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      const key = a[i]! * (n + 1) + b[j]!;
      let term = known.get(key);
      if (term === undefined) {
        term = cellInformation(a[i]!, b[j]!, n, logFactorial);
        known.set(key, term);
      }
      total += term;
    }
  }
  return total;
}

/** Expectation of (k / n) ln(n k / (a b)) where k of n points fall into both classes. */
function cellInformation(a: number, b: number, n: number, logFactorial: Float64Array): number {
  const of = (count: number): number => logFactorial[count]!;
  const fixed = of(a) + of(b) + of(n - a) + of(n - b) - of(n);
  let sum = 0;
  for (let k = Math.max(1, a + b - n); k <= Math.min(a, b); k++) {
    const logShare = fixed - of(k) - of(a - k) - of(b - k) - of(n - a - b + k);
    sum += (k / n) * Math.log((n * k) / (a * b)) * Math.exp(logShare);
  }
  return sum;
}

/** `[n + 1]`; summed with a running correction (Neumaier), as errors here are exponentiated. */
function logFactorials(n: number): Float64Array {
  const table = new Float64Array(n + 1);
  let sum = 0;
  let lost = 0;
  for (let k = 2; k <= n; k++) {
    const term = Math.log(k);
    const next = sum + term;
    lost += sum - next + term;
    sum = next;
    table[k] = sum + lost;
  }
  return table;
}
