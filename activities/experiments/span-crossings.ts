// What of a path's crossings lies in a span of layers.

import { bitEvents, type PathCrossings } from '../polytope/crossing-events.ts';

/** What of a report lies in some of its taps, in their order. */
export function crossingsWithin(found: PathCrossings, taps: readonly number[]): PathCrossings {
  const place = new Map(taps.map((tap, i) => [tap, i]));
  const { flips } = found;
  const kept = Int32Array.from(flips.tap.keys()).filter((flip) => place.has(flips.tap[flip]!));
  const pick = (values: Int32Array) => Int32Array.from(taps, (tap) => values[tap]!);
  const [tapCrossings, tapHamming] = [pick(found.tapCrossings), pick(found.tapHamming)];
  const within = {
    t: Float64Array.from(kept, (flip) => flips.t[flip]!),
    event: Int32Array.from(kept, (flip) => flips.event[flip]!),
    tap: Int32Array.from(kept, (flip) => place.get(flips.tap[flip]!)!),
    unit: Int32Array.from(kept, (flip) => flips.unit[flip]!),
    isPool: Uint8Array.from(kept, (flip) => flips.isPool[flip]!),
    toOn: Uint8Array.from(kept, (flip) => flips.toOn[flip]!),
  };
  const poolCrossings = within.isPool.reduce((sum, isPool) => sum + isPool, 0);
  return {
    ...found,
    crossings: kept.length - poolCrossings,
    events: bitEvents(within),
    poolCrossings,
    hamming: tapHamming.reduce((sum, bits) => sum + bits, 0),
    tapCrossings,
    tapHamming,
    flips: within,
    lengths: null,
  };
}
