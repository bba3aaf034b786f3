// What a target says of itself: a density that jax-js can trace, and what is known of it exactly.

import type { JaxArray } from '../../numeric/array-math.ts';
import type { RandomStream } from '../../numeric/rng.ts';
import type { Modes } from '../diagnostics/mode-occupancy.ts';
import type { Walls } from '../walls.ts';

/** Sets each within the one before; a draw has a point in each but the last. */
export interface Levels {
  /** Units of the network that each level fixes, ascending. */
  readonly units: readonly number[];
  /** `[rows, levels]` 1 where the point in the level before lies in the level. @param z - `[rows, dim]`. */
  passed(z: Float64Array): Uint8Array;
}

export interface TracedTarget {
  readonly dim: number;
  /**
   * Unnormalised natural logarithm, `[rows, dim]` to `[rows]`; -Infinity where there is no mass. It may use up its
   * argument, as jax-js functions do.
   */
  logDensity(z: JaxArray): JaxArray;
  /** Logarithm of the density's integral, where known. */
  readonly logZ?: number;
  /** Exact draws, `[rows, dim]`, where they are to be had. */
  sample?(rows: number, random: RandomStream): Float64Array;
  /** Exact draws of a law that the density tilts (a prior), `[rows, dim]`, where there is one. */
  base?(rows: number, random: RandomStream): Float64Array;
  /** Where it is a standard normal cut down to a polytope. */
  readonly walls?: Walls;
  /** `[dim]` a point that chains start from, where a draw of another law might have no density. */
  readonly start?: Float64Array;
  /** A density with no edges that kernels are trained on in its place; as {@link logDensity}. */
  smoothed?(z: JaxArray): JaxArray;
  /** What of each draw a model is fed, where that is not the draw itself: `[rows, dim]` to `[rows, inputs]`. */
  modelInput?(z: Float64Array): Float64Array;
  /** Levels of a rare region, one a block of coordinates. */
  readonly levels?: Levels;
  /** Modes apart enough to count, where there are any. */
  readonly modes?: Modes;
}
