// log p(x) of images by importance sampling: running sums of weights, relative to the largest one so far.

export interface LikelihoodTally {
  readonly draws: number;
  /** `[images]` largest log weight; -Infinity before the first draw. */
  readonly most: Float64Array<ArrayBuffer>;
  /** `[images]` sums of exp(W - most) and of its square. */
  readonly total: Float64Array<ArrayBuffer>;
  readonly squares: Float64Array<ArrayBuffer>;
  /** `[images]` sum of W. */
  readonly logSum: Float64Array<ArrayBuffer>;
}

/** What the draws say of each image; arrays are `[images]`. */
export interface ImageLikelihoods {
  readonly draws: number;
  /** Mean of W, nats. */
  readonly bound: Float64Array;
  /** log of the mean of exp W, nats. */
  readonly logLikelihood: Float64Array;
  /** Its Monte Carlo variance by the delta method: the relative variance of the mean weight. */
  readonly variance: Float64Array;
  /** (sum of weights)^2 over the sum of their squares. */
  readonly effectiveDraws: Float64Array;
}

export interface MeanAndError {
  readonly mean: number;
  /** NaN for one value. */
  readonly se: number;
}

export function emptyTally(images: number): LikelihoodTally {
  const zeros = () => new Float64Array(images);
  const most = zeros().fill(Number.NEGATIVE_INFINITY);
  return { draws: 0, most, total: zeros(), squares: zeros(), logSum: zeros() };
}

/**
 * Adds one log weight of each image.
 * @param integrand - `[images]` W; NaN counts as -Infinity, a weight of 0.
 */
export function addDraw(before: LikelihoodTally, integrand: ArrayLike<number>): LikelihoodTally {
  const most = before.most.slice();
  const total = before.total.slice();
  const squares = before.squares.slice();
  const logSum = before.logSum.slice();
  for (let i = 0; i < most.length; i++) {
    const value = Number.isNaN(integrand[i]!) ? Number.NEGATIVE_INFINITY : integrand[i]!;
    logSum[i]! += value;
    if (value === Number.NEGATIVE_INFINITY) continue;
    const top = Math.max(most[i]!, value);
    const shrink = Math.exp(most[i]! - top);
    const weight = Math.exp(value - top);
    total[i] = total[i]! * shrink + weight;
    squares[i] = squares[i]! * shrink * shrink + weight * weight;
    most[i] = top;
  }
  return { draws: before.draws + 1, most, total, squares, logSum };
}

/** @see Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", arXiv 1509.00519, section 3. */
export function finishTally({ draws, most, total, squares, logSum }: LikelihoodTally): ImageLikelihoods {
  const effectiveDraws = total.map((value, i) => (value * value) / squares[i]!);
  return {
    draws,
    bound: logSum.map((value) => value / draws),
    logLikelihood: most.map((top, i) => top + Math.log(total[i]! / draws)),
    variance: effectiveDraws.map((effective) => 1 / effective - 1 / draws),
    effectiveDraws,
  };
}

/** Mean of independent values and its standard error. */
export function meanAndError(values: ArrayLike<number>): MeanAndError {
  const n = values.length;
  const all = Array.from(values);
  const mean = all.reduce((sum, value) => sum + value, 0) / n;
  const squares = all.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, se: n > 1 ? Math.sqrt(squares / (n - 1) / n) : Number.NaN };
}
