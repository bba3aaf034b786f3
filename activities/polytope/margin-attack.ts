// The margin of a class, its gradient, and projected gradient descent on it.

import type { RandomStream } from '../numeric/rng.ts';
import type { PullBack } from './pull-back.ts';

/** Size of an attack, in units of the start space. */
export interface AttackOptions {
  /** Largest change of one coordinate. */
  readonly epsilon: number;
  /** Change of one coordinate per step. */
  readonly step: number;
  readonly steps: number;
}

/** How far a class's logit lies above the largest other one. */
export function margin(logits: ArrayLike<number>, target: number): number {
  return logits[target]! - logits[runnerUp(logits, target)]!;
}

/**
 * Gradients of the margin with respect to the points.
 * @param points - `[count, size]`.
 * @param targets - `[count]` class of each.
 * @returns `[count, size]`.
 */
export async function marginGradients(
  pullBack: PullBack,
  points: Float64Array,
  targets: Int32Array,
): Promise<Float64Array> {
  const { gradients } = await pullBack.at(points, (logits, point) => {
    const covector = new Float64Array(logits.length);
    covector[targets[point]!] = 1;
    covector[runnerUp(logits, targets[point]!)] = -1;
    return covector;
  });
  return gradients;
}

/**
 * Points within `epsilon` of the given ones in every coordinate, moved against the gradient of the margin by the sign, from
 * uniformly random starts. They are not clipped to any range of data.
 * @param random - stream of each point.
 * @returns `[count, size]`.
 * @see Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018.
 */
export async function attackMargin(
  pullBack: PullBack,
  { points, targets }: { readonly points: Float64Array; readonly targets: Int32Array },
  { epsilon, step, steps, random }: AttackOptions & { readonly random: (point: number) => RandomStream },
): Promise<Float64Array> {
  const size = points.length / targets.length;
  const moved = points.slice();
  for (let point = 0; point < targets.length; point++) {
    const { uniform } = random(point);
    for (let at = point * size; at < (point + 1) * size; at++) moved[at]! += epsilon * (2 * uniform() - 1);
  }
  for (let done = 0; done < steps; done++) {
    const gradients = await marginGradients(pullBack, moved, targets);
    for (let at = 0; at < moved.length; at++) {
      const next = moved[at]! - step * Math.sign(gradients[at]!);
      moved[at] = Math.min(points[at]! + epsilon, Math.max(points[at]! - epsilon, next));
    }
  }
  return moved;
}

/** The class with the largest logit but the target; the first on ties. */
function runnerUp(logits: ArrayLike<number>, target: number): number {
  let best = -1;
  for (let k = 0; k < logits.length; k++)
    if (k !== target && (best < 0 || logits[k]! > logits[best]!)) best = k;
  return best;
}
