// Many tests at once, where a share of false findings among the findings is accepted.

/**
 * Step-up adjustment: rejecting where the adjusted p is at most q keeps the expected share of false rejections at most
 * q, for independent or positively dependent tests.
 * @param pValues - in [0, 1]; NaN stands for no test, is not counted and stays NaN.
 * @see Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
 */
export function benjaminiHochberg(pValues: Float64Array): Float64Array {
  const order = Array.from(pValues.keys()).filter((test) => !Number.isNaN(pValues[test]!));
  order.sort((a, b) => pValues[b]! - pValues[a]!);
  const adjusted = new Float64Array(pValues.length).fill(Number.NaN);
  let least = 1;
  for (const [place, test] of order.entries()) {
    least = Math.min(least, (pValues[test]! * order.length) / (order.length - place));
    adjusted[test] = least;
  }
  return adjusted;
}
