// Ranks with ties: equal values share the mean of their places.

export interface Ranks {
  /** Per value, from 1; ties share the mean. */
  readonly ranks: Float64Array;
  /** Sum of t^3 - t over groups of t equal values. */
  readonly tieTerm: number;
}

/**
 * Average ranks.
 * @param values - without NaN.
 */
export function averageRanks(values: ArrayLike<number>): Ranks {
  const order = ascendingOrder(values);
  const ranks = new Float64Array(values.length);
  let tieTerm = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    const ties = end - start;
    tieTerm += ties ** 3 - ties;
    for (let at = start; at < end; at++) ranks[order[at]!] = (start + 1 + end) / 2;
    start = end;
  }
  return { ranks, tieTerm };
}

/** Indices of the values in ascending order; equal values keep their order. */
export function ascendingOrder(values: ArrayLike<number>): Int32Array {
  const order = Int32Array.from({ length: values.length }, (_, i) => i);
  return order.sort((a, b) => values[a]! - values[b]! || a - b);
}
