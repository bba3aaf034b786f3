// Crossings of straight segments in one start space, and what of them lies in a span of layers.

import { bitEvents, type PathCrossings } from '../polytope/crossing-events.ts';
import { curveBetween } from '../polytope/polyline.ts';
import { sampledCrossings } from '../polytope/sampled-crossings.ts';
import { crossingsOnSegments } from '../polytope/segment-crossings.ts';
import type { TapInfo } from '#schemas/sweep.ts';
import type { Network } from './network.ts';

export interface SegmentBatch {
  /** `[segments, size]` both. */
  readonly from: Float64Array;
  readonly to: Float64Array;
  readonly nameOf: (segment: number) => string;
  readonly signal: AbortSignal;
}

/** Solves segments of one space; where the network is not piecewise linear behind it the codes are sampled. */
export interface SegmentSolver {
  /** Taps that the reports count, max-pools among them. */
  readonly taps: readonly TapInfo[];
  solve(batch: SegmentBatch): Promise<PathCrossings[]>;
  close(): Promise<void>;
}

/** @throws PipelineError as `piecewise`, `sampled` and the solvers. */
export async function openSegmentSolver(network: Network, space: string): Promise<SegmentSolver> {
  if (network.inexact(space).length === 0) {
    const net = await network.piecewise({ from: space });
    return { taps: net.taps, solve: (batch) => crossingsOnSegments(net, batch), close: () => net.close() };
  }
  const net = await network.sampled({ from: space });
  const { size } = net.start;
  return {
    taps: net.taps,
    solve({ from, to, nameOf, signal }) {
      const curves = Array.from({ length: from.length / size }, (_, i) =>
        curveBetween(from.subarray(i * size, (i + 1) * size), to.subarray(i * size, (i + 1) * size), {
          kind: 'lerp',
          name: nameOf(i),
        }),
      );
      return sampledCrossings(net, curves, { nameOf, signal });
    },
    close: () => net.close(),
  };
}

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
