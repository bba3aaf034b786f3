// Components of a decomposition as directions, and what those that point most along another direction pick out.

import { topOfDirection } from '../polytope/fair-baselines.ts';
import type { BaselineSet } from './cluster-partitions.ts';

/** Component of one decomposition: how much of it each point has, and where it points. */
export interface Component {
  /** `[rows]` */
  readonly shares: Float64Array;
  /** `[cols]` unit length, or zero. */
  readonly direction: Float64Array;
}

/** Components of one kind. */
export interface Decomposed {
  readonly kind: string;
  readonly all: readonly Component[];
}

/**
 * Components with how much of each every point has.
 * @param shares - `[rows, count]`; `directions` - `[count, cols]`.
 */
export function componentsOf(
  shares: Float32Array | Float64Array,
  directions: Float64Array,
  { cols, sign }: { cols: number; sign: number },
): Component[] {
  const count = directions.length / cols;
  return Array.from({ length: count }, (_, k) => {
    const direction = directions.slice(k * cols, (k + 1) * cols);
    const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0)) || 1;
    return {
      shares: Float64Array.from(
        { length: shares.length / count },
        (_, row) => sign * shares[row * count + k]!,
      ),
      direction: direction.map((value) => (sign * value) / length),
    };
  });
}

/** Of each kind the top points of the component that points most towards a direction. */
export function alignedSets(
  direction: Float64Array,
  k: number,
  components: readonly Decomposed[],
): BaselineSet[] {
  return components.flatMap(({ kind, all }) => {
    if (all.length === 0) return [];
    const cosines = all.map((component) => dot(component.direction, direction));
    const best = cosines.reduce((most, cosine, i) => (cosine > cosines[most]! ? i : most), 0);
    return [{ kind, members: topOfDirection(all[best]!.shares, k) }];
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
