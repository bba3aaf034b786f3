// What a piecewise-linear network computes at single points: pre-activations and activations of every tap, and outputs.

import type { PiecewiseNet, ReluUnits } from './piecewise-net.ts';

/** Values at points, exact or sampled. */
export interface PointValues {
  /** Per tap `[points, units]` pre-activations; null for a max-pool. */
  readonly pre: readonly (Float64Array | Float32Array | null)[];
  /** Per tap `[points, units]` activations; null for a max-pool, and where the activation function is not known. */
  readonly after: readonly (Float64Array | null)[];
  /** `[points, outputs]` */
  readonly outputs: Float64Array | Float32Array;
}

/**
 * Runs points through every stage.
 * @param points - `[count, start.size]`.
 */
export async function pointValues(
  net: PiecewiseNet,
  points: Float64Array,
  count: number,
): Promise<PointValues> {
  const pre: (Float64Array | null)[] = net.taps.map(() => null);
  const after: (Float64Array | null)[] = net.taps.map(() => null);
  let state = points;
  for (const [stage, { width, taps }] of net.stages.entries()) {
    state = await net.advance(stage, state, count);
    for (const units of taps) {
      if (units.kind === 'pool') continue;
      const z = columnsOf(state, { count, width, offset: units.offset, columns: units.units });
      pre[units.tap] = z;
      after[units.tap] = activated(net, { stage, units, z });
    }
  }
  const outputs = net.outputs > 0 ? await net.advance(net.stages.length, state, count) : new Float64Array();
  return { pre, after, outputs };
}

function columnsOf(
  state: Float64Array,
  { count, width, offset, columns }: { count: number; width: number; offset: number; columns: number },
): Float64Array {
  const taken = new Float64Array(count * columns);
  for (let row = 0; row < count; row++) {
    const from = row * width + offset;
    taken.set(state.subarray(from, from + columns), row * columns);
  }
  return taken;
}

/** Null where the slope below zero is not known: it is where the next step is one dense layer. */
function activated(
  net: PiecewiseNet,
  { stage, units, z }: { stage: number; units: ReluUnits; z: Float64Array },
): Float64Array | null {
  const { activation } = net.taps[units.tap]!;
  const top = Math.max(...units.bends);
  const cap = top > 0 ? top : Number.POSITIVE_INFINITY;
  if (activation === 'Relu' || activation === 'Clip')
    return z.map((value) => (value > 0 ? Math.min(value, cap) : 0));
  const slopes = net.dense(stage + 1)?.negativeSlopes;
  if (slopes === undefined) return null;
  return z.map((value, at) => (value > 0 ? value : value * slopes[units.offset + (at % units.units)]!));
}
