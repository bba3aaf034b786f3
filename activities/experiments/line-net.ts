// A network along straight lines of one space: exact where it is piecewise linear behind it, else sampled.

import type { TapInfo } from '#schemas/sweep.ts';
import { normalCdf } from '../numeric/normal-distribution.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import type { PiecewiseNet, SampledNet } from '../polytope/piecewise-net.ts';
import { type PointValues, pointValues } from '../polytope/point-values.ts';
import { curveBetween } from '../polytope/polyline.ts';
import { sampledCrossings } from '../polytope/sampled-crossings.ts';
import { crossingsOnSegments } from '../polytope/segment-crossings.ts';
import type { Network } from './network.ts';

export interface LineNet {
  /** The exact network, or null where codes are only sampled. */
  readonly piecewise: PiecewiseNet | null;
  readonly taps: readonly TapInfo[];
  readonly size: number;
  readonly outputs: number;
  /** @param points - `[count, size]`. */
  values(points: Float64Array, count: number): Promise<PointValues>;
  /**
   * Crossings of straight lines, with the outputs at breakpoints where exact.
   * @param lines - `[lines, size]` ends.
   */
  crossings(
    lines: { readonly from: Float64Array; readonly to: Float64Array },
    options: { readonly nameOf: (line: number) => string; readonly signal: AbortSignal },
  ): Promise<PathCrossings[]>;
  close(): Promise<void>;
}

/**
 * Opens a space.
 * @param options.at - text models: the token whose vector moves.
 */
export async function openLineNet(
  network: Network,
  { from, at }: Parameters<Network['sampled']>[0],
): Promise<LineNet> {
  if (at === undefined && network.inexact(from).length === 0)
    return exactLines(await network.piecewise({ from }));
  return sampledLines(await network.sampled(at === undefined ? { from } : { from, at }));
}

/** Lines of a piecewise-linear network. */
export function exactLines(net: PiecewiseNet): LineNet {
  return {
    piecewise: net,
    taps: net.taps,
    size: net.start.size,
    outputs: net.outputs,
    values: (points, count) => pointValues(net, points, count),
    crossings: ({ from, to }, options) =>
      crossingsOnSegments(net, { from, to, outputs: 'at-breakpoints', ...options }),
    close: () => net.close(),
  };
}

function sampledLines(net: SampledNet): LineNet {
  const { size } = net.start;
  return {
    piecewise: null,
    taps: net.taps,
    size,
    outputs: net.outputs,
    async values(points, count) {
      const { pre, outputs } = await net.evaluate(points, count);
      return { pre, outputs, after: pre.map((z, tap) => activated(net.taps[tap]!, z)) };
    },
    async crossings({ from, to }, options) {
      const lines = Array.from({ length: from.length / size }, (_, line) => {
        const ends = [from, to].map((all) => all.slice(line * size, (line + 1) * size)) as [
          Float64Array,
          Float64Array,
        ];
        return curveBetween(...ends, { kind: 'lerp', name: options.nameOf(line) });
      });
      return sampledCrossings(net, lines, options);
    },
    close: () => net.close(),
  };
}

/** GELU in its erf form, which the tanh form follows to 0.001; null for activations whose function is not known here. */
function activated({ activation }: TapInfo, z: Float32Array): Float64Array | null {
  if (activation === 'Gelu') return Float64Array.from(z, (value) => value * normalCdf(value));
  return activation === 'Relu' ? Float64Array.from(z, (value) => Math.max(value, 0)) : null;
}
