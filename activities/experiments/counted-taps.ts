// Taps that a path is measured in, and which layer of the tables each of them is.

import type { TapInfo } from '#schemas/sweep.ts';
import { gaussianNull } from '../polytope/closed-form-null.ts';
import type { Network } from './network.ts';

export class CountedTaps {
  readonly taps: readonly TapInfo[];
  /** `[taps]` layer_id; -1 for an activation that `model.taps` leaves out, which is not counted. */
  readonly layerIds: Int32Array;
  /** Taps with a layer_id, ascending in it, pools among them. */
  readonly ordered: readonly number[];
  /** The same without pools: those whose bits count. */
  readonly bitTaps: readonly number[];
  /** Bits of {@link bitTaps}. */
  readonly codeBits: number;
  /** `[bitTaps]` layers between the start and the tap: taps of parallel branches are equally deep. */
  readonly #depths: readonly number[];

  /**
   * A layer_id is the number among the model's taps; max-pools are numbered behind them.
   * @param taps - taps of an exact or sampled net that starts somewhere in `network`.
   */
  constructor(
    { taps: all, pools, startSpaces }: Pick<Network, 'taps' | 'pools' | 'startSpaces'>,
    taps: readonly TapInfo[],
  ) {
    const ids = new Map([...all, ...pools].map(({ name }, id) => [name, id]));
    this.taps = taps;
    this.layerIds = Int32Array.from(taps, ({ name }) => ids.get(name) ?? -1);
    this.ordered = [...taps.keys()]
      .filter((tap) => this.layerIds[tap]! >= 0)
      .sort((a, b) => this.layerIds[a]! - this.layerIds[b]!);
    this.bitTaps = this.ordered.filter((tap) => taps[tap]!.kind !== 'pool');
    this.codeBits = this.bitTaps.reduce((sum, tap) => sum + taps[tap]!.codeBits, 0);
    const cuts = [...new Set(startSpaces.map(({ tapsBefore }) => tapsBefore))];
    const cutsBefore = this.bitTaps.map((tap) => cuts.filter((cut) => cut <= this.layerIds[tap]!).length);
    this.#depths = cutsBefore.map((before) => before - cutsBefore[0]!);
  }

  /** Sum over the taps whose bits count. */
  sum(values: ArrayLike<number>): number {
    return this.bitTaps.reduce((sum, tap) => sum + values[tap]!, 0);
  }

  /**
   * `[taps]` share of differing bits that the angle at the start alone lets expect, NaN where no bits count. The layers of
   * an inception or residual block count as one, in which the null is rough.
   * @see gaussianNull
   */
  expectedShares(angle: number): Float64Array {
    const shares = gaussianNull(angle, 1 + Math.max(0, ...this.#depths));
    const expected = new Float64Array(this.taps.length).fill(Number.NaN);
    this.bitTaps.forEach((tap, i) => {
      expected[tap] = shares[this.#depths[i]!]!;
    });
    return expected;
  }
}
