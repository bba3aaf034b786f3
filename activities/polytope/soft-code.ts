// Soft codes of GELU-like activations: how far each unit is on, instead of whether.

import { normalCdf } from '../numeric/normal-distribution.ts';

/**
 * Soft bits Φ(z) of pre-activations.
 * @param pre - finite.
 * @see Balestriero and Baraniuk, "From Hard to Soft", 2018; polytope-lens specification, 1.10.
 */
export function softBits(pre: ArrayLike<number>): Float32Array {
  return Float32Array.from(pre, normalCdf);
}

/**
 * Σ|Φ(z_p) - Φ(z_q)| of two soft codes: the Hamming distance where all units are fully on or off.
 * @throws RangeError where the lengths differ.
 */
export function softDistance(p: Float32Array, q: Float32Array): number {
  if (p.length !== q.length) throw new RangeError(`soft codes of ${p.length} and ${q.length} units`);
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += Math.abs(p[i]! - q[i]!);
  return sum;
}

/** Within it GELU differs visibly from ReLU. */
const SOFT_LIMIT = 2;

/** Share of pre-activations with |z| < 2, where "on" and "off" are a figure of speech; null without any. */
export function softFraction(pre: ArrayLike<number>): number | null {
  let soft = 0;
  for (let i = 0; i < pre.length; i++) if (Math.abs(pre[i]!) < SOFT_LIMIT) soft++;
  return pre.length === 0 ? null : soft / pre.length;
}

/** Mean |gelu(z) - relu(z)| = |z| Φ(-|z|), at most 0.17 (at |z| = 0.752); null without pre-activations. */
export function reluGap(pre: ArrayLike<number>): number | null {
  let sum = 0;
  for (let i = 0; i < pre.length; i++) sum += Math.abs(pre[i]!) * normalCdf(-Math.abs(pre[i]!));
  return pre.length === 0 ? null : sum / pre.length;
}
