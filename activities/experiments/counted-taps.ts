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

  /**
   * A layer_id is the number among the model's taps; max-pools are numbered behind them.
   * @param taps - taps of an exact or sampled net that starts somewhere in `network`.
   */
  constructor({ taps: all, pools }: Pick<Network, 'taps' | 'pools'>, taps: readonly TapInfo[]) {
    const ids = new Map([...all, ...pools].map(({ name }, id) => [name, id]));
    this.taps = taps;
    this.layerIds = Int32Array.from(taps, ({ name }) => ids.get(name) ?? -1);
    this.ordered = [...taps.keys()]
      .filter((tap) => this.layerIds[tap]! >= 0)
      .sort((a, b) => this.layerIds[a]! - this.layerIds[b]!);
    this.bitTaps = this.ordered.filter((tap) => taps[tap]!.kind !== 'pool');
    this.codeBits = this.bitTaps.reduce((sum, tap) => sum + taps[tap]!.codeBits, 0);
  }

  /** Sum over the taps whose bits count. */
  sum(values: ArrayLike<number>): number {
    return this.bitTaps.reduce((sum, tap) => sum + values[tap]!, 0);
  }

  /**
   * `[taps]` share of differing bits that the angle at the start alone lets expect, NaN where no bits count.
   * @see gaussianNull
   */
  expectedShares(angle: number): Float64Array {
    const shares = gaussianNull(angle, this.bitTaps.length);
    const expected = new Float64Array(this.taps.length).fill(Number.NaN);
    this.bitTaps.forEach((tap, layer) => {
      expected[tap] = shares[layer]!;
    });
    return expected;
  }
}
