// The standard normal distribution function, exact to rounding.

/** Beyond this the continued fraction is faster and keeps relative precision. */
const SERIES_LIMIT = 3;

/** Density of the standard normal. */
function normalDensity(z: number): number {
  return Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
}

/**
 * Φ(z) = P(Z <= z), relative error below 1e-13 in both tails.
 * @see Marsaglia, "Evaluating the Normal Distribution", 2004 (series); Laplace's continued fraction beyond
 * |z| = 3.
 */
export function normalCdf(z: number): number {
  if (z > SERIES_LIMIT) return 1 - upperTail(z);
  if (z < -SERIES_LIMIT) return upperTail(-z);
  let term = z;
  let sum = z;
  for (let odd = 3; Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 + sum * normalDensity(z);
}

/** P(Z > z) for z > 3: density over z + 1/(z + 2/(z + 3/...)). */
function upperTail(z: number): number {
  if (z > 40) return 0;
  let fraction = z;
  for (let depth = 80; depth >= 1; depth--) fraction = z + depth / fraction;
  return normalDensity(z) / fraction;
}
