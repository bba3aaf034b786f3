// The gamma function's logarithm, and the chi-square distribution that rests on it.

const STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400];

/**
 * log Gamma(x) for x > 0, relative error about 1e-15 away from its zeros at 1 and 2.
 * @see Stirling's series, Abramowitz and Stegun 6.1.41, reached by the recurrence.
 */
export function logGamma(x: number): number {
  let shift = 1;
  while (x < 12) shift *= x++;
  let series = 0;
  for (let k = STIRLING.length - 1; k >= 0; k--) series = series / (x * x) + STIRLING[k]!;
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series / x - Math.log(shift);
}

/**
 * P(X > x) of a chi-square law.
 * @param degrees - of freedom, above 0.
 */
export function chiSquareTail(x: number, degrees: number): number {
  if (!(x > 0)) return Number.isNaN(x) ? x : 1;
  const a = degrees / 2;
  const y = x / 2;
  const scale = Math.exp(a * Math.log(y) - y - logGamma(a));
  return y < a + 1 ? 1 - scale * lowerSeries(a, y) : scale * upperFraction(a, y);
}

/** The x with P(X <= x) = p of a chi-square law, by bisection to rounding. */
export function chiSquareQuantile(p: number, degrees: number): number {
  if (!(p >= 0 && p < 1)) throw new RangeError(`no chi-square quantile at ${p}`);
  let low = 0;
  let high = degrees + 1;
  while (chiSquareTail(high, degrees) > 1 - p) high *= 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (chiSquareTail(middle, degrees) > 1 - p) low = middle;
    else high = middle;
  }
}

/** sum over k of y^k / (a (a+1) ... (a+k)), for y below a + 1. */
function lowerSeries(a: number, y: number): number {
  let term = 1 / a;
  let sum = term;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= y / (a + k);
    sum += term;
  }
  return sum;
}

/** Continued fraction of the upper incomplete gamma function over its leading term, for y from a + 1. */
function upperFraction(a: number, y: number): number {
  let b = y + 1 - a;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let fraction = d;
  for (let k = 1; k < 10_000; k++) {
    const numerator = -k * (k - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return fraction;
}
