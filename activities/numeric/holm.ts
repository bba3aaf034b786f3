// Several tests at once.

/**
 * Holm's step-down adjustment: rejecting where the adjusted p is below α keeps the chance of any false
 * rejection below α, whatever the tests' dependence.
 * @param pValues - in [0, 1].
 * @returns adjusted p-values in the same order, at most 1.
 * @throws RangeError for a value outside [0, 1].
 * @see Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
 */
export function holmAdjust(pValues: ArrayLike<number>): Float64Array {
  const tests = pValues.length;
  const order = Int32Array.from({ length: tests }, (_, i) => i);
  for (let i = 0; i < tests; i++) {
    const p = pValues[i]!;
    if (!(p >= 0 && p <= 1)) throw new RangeError(`test ${i} has no p-value: ${p}`);
  }
  order.sort((a, b) => pValues[a]! - pValues[b]! || a - b);
  const adjusted = new Float64Array(tests);
  let most = 0;
  order.forEach((test, place) => {
    most = Math.max(most, Math.min(1, (tests - place) * pValues[test]!));
    adjusted[test] = most;
  });
  return adjusted;
}
