// The two control nets of a trained one: fresh weights of the same architecture, and the trained weights in
// random order.

import { randomStream, shuffle } from '../numeric/rng.ts';

/** What a weight tensor does, which decides its initial distribution. */
export type WeightRole = { readonly kind: 'linear'; readonly fanIn: number } | { readonly kind: 'embedding' };

/**
 * One weight tensor, in place. Gains, shifts and statistics of normalisations are never passed: both controls
 * keep them.
 */
export interface Weight {
  readonly role: WeightRole;
  readonly values: Float32Array;
}

/** Standard deviation of fresh embeddings, as GPT-2 uses. */
const EMBEDDING_DEVIATION = 0.02;

/**
 * Draws new values for every weight: uniform in ±1/sqrt(fan in) for weights and biases of linear and
 * convolution layers (PyTorch's default, Kaiming-uniform with a = sqrt 5), normal with deviation 0.02 for
 * embeddings.
 * @param weights - in a fixed order: tensor `i` uses random stream `i` of `seed`.
 */
export function randomInit(weights: readonly Weight[], seed: number): void {
  for (const [i, { role, values }] of weights.entries()) {
    const random = randomStream(seed, i);
    const bound = role.kind === 'linear' ? 1 / Math.sqrt(role.fanIn) : 0;
    for (let at = 0; at < values.length; at++) {
      values[at] =
        role.kind === 'linear' ? bound * (2 * random.uniform() - 1) : EMBEDDING_DEVIATION * random.normal();
    }
  }
}

/** Shuffles each tensor's entries, which keeps its distribution and destroys what was learnt. */
export function permuteWeights(weights: readonly Weight[], seed: number): void {
  for (const [i, { values }] of weights.entries()) shuffle(values, randomStream(seed, i));
}
