// The bias-free copy of a network: every polytope is a cone, so that scaling a vector changes neither code nor class.

import type { PiecewiseNet } from './piecewise-net.ts';

/**
 * The same network without any bias, that of the outputs included: every step less what it makes of a state of zeros.
 *
 * Scaling a vector by a positive factor then scales every state and keeps every code, but for rounding.
 * @returns null where an activation bends elsewhere than at 0 (Clip with an upper bound): it has no such copy.
 * @see polytope-lens specification, E1 (control) and 1.1.
 */
export function withoutBiases(net: PiecewiseNet): PiecewiseNet | null {
  const bendsAtZero = net.stages.every(({ taps }) =>
    taps.every((units) => units.kind === 'pool' || units.bends.every((bend) => bend === 0)),
  );
  if (!bendsAtZero) return null;
  const offsets = new Map<number, Promise<Float64Array>>();
  const takenBy = (stage: number) => (stage === 0 ? net.start.size : net.stages[stage - 1]!.width);
  function offsetOf(stage: number): Promise<Float64Array> {
    const known = offsets.get(stage) ?? net.advance(stage, new Float64Array(takenBy(stage)), 1);
    offsets.set(stage, known);
    return known;
  }
  return {
    ...net,
    async advance(stage, values, points) {
      const offset = await offsetOf(stage);
      const next = await net.advance(stage, values, points);
      for (let at = 0; at < next.length; at++) next[at]! -= offset[at % offset.length]!;
      return next;
    },
    dense(stage) {
      const step = net.dense(stage);
      return step === null ? null : { ...step, bias: new Float64Array(step.bias.length) };
    },
  };
}
