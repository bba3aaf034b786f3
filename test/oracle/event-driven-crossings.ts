// Crossings of a dense network by following the line: from event to event, with the affine pieces of every layer worked
// out anew from the code. Shares nothing with the subdivision that it checks.

import type { DenseLayer } from './piecewise-reference.ts';

export interface Flip {
  readonly t: number;
  readonly tap: number;
  readonly unit: number;
  readonly toOn: boolean;
}

/** Roots closer than this are one event. */
const TOGETHER = 1e-12;

/** Flips on the segment from `from` to `to`, in order. Meant for points in general position. */
export function eventDrivenFlips(
  layers: readonly DenseLayer[],
  from: ArrayLike<number>,
  to: ArrayLike<number>,
): Flip[] {
  const hidden = layers.slice(0, -1);
  const code = bitsAt(hidden, from);
  const flips: Flip[] = [];
  for (let t = 0; ; ) {
    const lines = linesOf(hidden, code, from, to);
    const next = lines
      .flatMap((units, tap) => units.map(([u, v], unit) => ({ tap, unit, root: -u / v, v })))
      .filter(({ tap, unit, v, root }) => (code[tap]![unit] === 1 ? v < 0 : v > 0) && root > t);
    const nearest = Math.min(...next.map(({ root }) => root));
    if (!(nearest < 1)) return flips;
    for (const { tap, unit, root } of next) {
      if (root - nearest > TOGETHER) continue;
      code[tap]![unit] = 1 - code[tap]![unit]!;
      flips.push({ t: root, tap, unit, toOn: code[tap]![unit] === 1 });
    }
    t = nearest;
  }
}

/** Bits of every layer at a point. */
export function bitsAt(hidden: readonly DenseLayer[], point: ArrayLike<number>): number[][] {
  let a = Array.from(point);
  return hidden.map((layer) => {
    const z = layer.bias.map((b, out) => a.reduce((sum, x, i) => sum + layer.weights[out]![i]! * x, b));
    a = z.map((value, i) => (value > 0 ? value : (layer.negativeSlopes?.[i] ?? 0) * value));
    return z.map((value) => (value > 0 ? 1 : 0));
  });
}

/** Pre-activations as `u + t v` where the code holds. */
function linesOf(
  hidden: readonly DenseLayer[],
  code: readonly (readonly number[])[],
  from: ArrayLike<number>,
  to: ArrayLike<number>,
): [number, number][][] {
  let a = Array.from(from, (x, i): [number, number] => [x, to[i]! - x]);
  return hidden.map(({ weights, bias, negativeSlopes }, tap) => {
    const z = bias.map((b, out): [number, number] => [
      a.reduce((sum, [u], i) => sum + weights[out]![i]! * u, b),
      a.reduce((sum, [, v], i) => sum + weights[out]![i]! * v, 0),
    ]);
    a = z.map(([u, v], i) => {
      const slope = code[tap]![i] === 1 ? 1 : (negativeSlopes?.[i] ?? 0);
      return [slope * u, slope * v];
    });
    return z;
  });
}
