// What boundary density the angle between two points gives in a net that knows nothing: wide layers of
// Gaussian weights without biases.

/**
 * Expected share of differing bits after each of several layers.
 * @param angle - between the points where the first layer starts, in [0, π].
 * @returns `[layers]`: θ/π for the first layer, and θ'/π from {@link nextAngle} for each that follows.
 * @see polytope-lens specification, E3 (closed-form null).
 */
export function gaussianNull(angle: number, layers: number): number[] {
  const shares: number[] = [];
  for (let layer = 0; layer < layers; layer++) {
    shares.push(angle / Math.PI);
    angle = nextAngle(angle);
  }
  return shares;
}

/**
 * Angle behind one wide layer of Gaussian weights and ReLU: cos θ' = (sin θ + (π - θ) cos θ) / π.
 * @see Cho and Saul, "Kernel Methods for Deep Learning", 2009, equation 6.
 */
export function nextAngle(angle: number): number {
  const cosine = (Math.sin(angle) + (Math.PI - angle) * Math.cos(angle)) / Math.PI;
  return Math.acos(Math.max(-1, Math.min(1, cosine)));
}
