// How far from 0 a value may lie by rounding alone: measured against the tap's values at the path's two ends.

import { PipelineError } from '#schemas/errors.ts';
import type { ChordPaths } from './path-solver.ts';
import type { SolveLimits } from './solver-room.ts';
import type { PiecewiseNet } from './piecewise-net.ts';

/** Relative to the tap's largest value at either end. A bend that touches 0 misses it by this much at most. */
const RELATIVE_TOLERANCE = { float64: 1e-13, float32: 5e-7 } as const;

/**
 * Rounding tolerances from a pass over the end points, so that they do not depend on how the paths are cut into pieces.
 * @returns `[paths, taps]`
 * @throws PipelineError `non-finite-input` where a tap is not finite at an end point.
 */
export async function pathTolerances(
  net: PiecewiseNet,
  { vertices, firstVertex }: ChordPaths,
  { limits, nameOf }: { limits: SolveLimits; nameOf: (path: number) => string },
): Promise<Float64Array> {
  const { size } = net.start;
  const paths = firstVertex.length - 1;
  const tolerance = new Float64Array(paths * net.taps.length);
  const widest = Math.max(...net.stages.map(({ width }) => width));
  const fitting = Math.floor(limits.stageBytes / (16 * widest));
  const batch = Math.max(1, Math.min(limits.pointsPerAdvance >> 1, fitting));
  for (let first = 0; first < paths; first += batch) {
    const count = Math.min(batch, paths - first);
    const ends = new Float64Array(2 * count * size);
    for (let i = 0; i < count; i++) {
      const [a, b] = [firstVertex[first + i]!, firstVertex[first + i + 1]! - 1];
      ends.set(vertices.subarray(a * size, (a + 1) * size), 2 * i * size);
      ends.set(vertices.subarray(b * size, (b + 1) * size), (2 * i + 1) * size);
    }
    await measure(net, ends, { count, first, tolerance, nameOf });
  }
  return tolerance;
}

async function measure(
  net: PiecewiseNet,
  ends: Float64Array,
  {
    count,
    first,
    tolerance,
    nameOf,
  }: { count: number; first: number; tolerance: Float64Array; nameOf: (path: number) => string },
): Promise<void> {
  let values = ends;
  for (const [stage, { width, taps }] of net.stages.entries()) {
    values = await net.advance(stage, values, 2 * count);
    for (const { tap, offset, ...units } of taps) {
      const columns = units.kind === 'relu' ? units.units : inputsOf(units.windows);
      for (let row = 0; row < 2 * count; row++) {
        const path = first + (row >> 1);
        const at = row * width + offset;
        const most = largest(values, at, at + columns);
        if (!Number.isFinite(most)) throw overflow(nameOf(path), net.taps[tap]!.name, most);
        const place = path * net.taps.length + tap;
        tolerance[place] = Math.max(tolerance[place]!, most * RELATIVE_TOLERANCE[net.dtype]);
      }
    }
  }
}

function largest(values: Float64Array, from: number, to: number): number {
  let most = 0;
  for (let at = from; at < to; at++) {
    const size = Math.abs(values[at]!);
    if (!(size <= most)) most = size;
    if (Number.isNaN(size)) return size;
  }
  return most;
}

/** One past the last input column of a pool. */
export function inputsOf(windows: Int32Array): number {
  return windows.reduce((most, column) => Math.max(most, column + 1), 0);
}

function overflow(where: string, tap: string, value: number): PipelineError {
  return new PipelineError({
    kind: 'non-finite-input',
    what: `the pre-activations of ${tap} are not finite`,
    where,
    value: String(value),
    remedy: 'Check the weights for NaN, and the points for values too large for the net.',
  });
}
