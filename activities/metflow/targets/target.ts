// What a target says of itself: a density that jax-js can trace, and what is known of it exactly.

import type { JaxArray } from '../../numeric/array-math.ts';
import type { RandomStream } from '../../numeric/rng.ts';
import type { Modes } from '../diagnostics/mode-occupancy.ts';

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
  /** Modes apart enough to count, where there are any. */
  readonly modes?: Modes;
}
