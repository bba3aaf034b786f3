// p-values from statistics of randomised data.

/** Which values of the statistic speak against the null hypothesis. */
export type Tail = 'greater' | 'less' | 'two-sided';

/**
 * (1 + values as extreme) / (1 + values): the sample is one of the arrangements that the null hypothesis
 * allows, so p is never 0.
 * @param nullValues - the statistic of randomised data; NaN counts as extreme, which errs on the safe side.
 * @returns two-sided: twice the smaller tail, at most 1.
 * @see Phipson and Smyth, "Permutation P-values Should Never Be Zero", 2010.
 */
export function permutationPValue(observed: number, nullValues: ArrayLike<number>, tail: Tail): number {
  let asHigh = 1;
  let asLow = 1;
  for (let i = 0; i < nullValues.length; i++) {
    if (!(nullValues[i]! < observed)) asHigh++;
    if (!(nullValues[i]! > observed)) asLow++;
  }
  const all = nullValues.length + 1;
  if (tail === 'greater') return asHigh / all;
  if (tail === 'less') return asLow / all;
  return Math.min(1, (2 * Math.min(asHigh, asLow)) / all);
}
