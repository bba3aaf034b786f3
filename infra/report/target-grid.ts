// The density of a target in two dimensions on a grid, to draw chains against.

import type { TargetConfig } from '#schemas/metflow-targets.ts';
import { openTarget } from '../../activities/metflow/targets/open-target.ts';
import { namedTarget } from '../metflow/named-targets.ts';
import { createProgramRunner } from '../metflow/program-runner.ts';

const SIDE = 160;
const ROWS = 3200;

export interface TargetGrid {
  readonly side: number;
  readonly box: { readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number };
  /** `[side, side]`, rows from y0 up, natural log less its largest value. */
  readonly logDensity: Float64Array;
}

/**
 * Evaluates a built-in target of two dimensions at the middles of the cells of a box.
 * @returns null for other targets: more dimensions have no picture, and a module of the user's own is not run for a report.
 */
export async function targetGrid(
  config: TargetConfig,
  { seed, box }: { readonly seed: number; readonly box: TargetGrid['box'] },
): Promise<TargetGrid | null> {
  if ('module' in config) return null;
  const { traced } = await namedTarget(config, seed);
  if (traced.dim !== 2) return null;
  const target = await openTarget(traced, { runner: createProgramRunner(), rows: ROWS });
  try {
    const z = new Float64Array(SIDE * SIDE * 2);
    for (let i = 0; i < SIDE * SIDE; i++) {
      z[2 * i] = box.x0 + (((i % SIDE) + 0.5) / SIDE) * (box.x1 - box.x0);
      z[2 * i + 1] = box.y0 + ((Math.floor(i / SIDE) + 0.5) / SIDE) * (box.y1 - box.y0);
    }
    const logDensity = await target.logDensity(z);
    const most = logDensity.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return { side: SIDE, box, logDensity: logDensity.map((value) => value - most) };
  } finally {
    await target.close();
  }
}

/** Density of one coordinate at the middles of the grid's columns (axis 0) or rows (axis 1), integral 1 over the box. */
export function gridMarginal(
  { side, box, logDensity }: TargetGrid,
  axis: 0 | 1,
): readonly { readonly x: number; readonly density: number }[] {
  const sums = new Float64Array(side);
  for (let i = 0; i < side * side; i++)
    sums[axis === 0 ? i % side : Math.floor(i / side)]! += Math.exp(logDensity[i]!);
  const [from, to] = axis === 0 ? [box.x0, box.x1] : [box.y0, box.y1];
  const step = (to - from) / side;
  const total = sums.reduce((a, b) => a + b, 0) * step;
  return Array.from(sums, (sum, i) => ({ x: from + (i + 0.5) * step, density: sum / total }));
}
