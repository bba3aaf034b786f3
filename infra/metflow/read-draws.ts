// Draws of all chains back from their parts, as the diagnostics take them.

import { DRAW_COLUMNS } from '#schemas/columns/metflow/draws.ts';
import { columnOf, int32Of } from '../arrow/column-block.ts';
import { readBlocks } from '../parquet/parquet-file.ts';
import { coveredDraws, listParts, partPath } from './draw-parts.ts';
import type { Positions } from '../../activities/metflow/diagnostics/mode-occupancy.ts';
import { drawsOf, type MetflowPlan } from './metflow-plan.ts';

/** Coordinates `[from, to)` of the draws that every chain has; all arrays `[chains, draws]`, coordinate by coordinate. */
export interface ReadDraws {
  readonly chains: number;
  readonly draws: number;
  readonly coordinates: readonly Float64Array[];
  readonly logDensity: Float64Array;
}

const COLUMNS = DRAW_COLUMNS.filter(({ name }) => ['chain', 'draw', 'z', 'log_density'].includes(name));

/** Draws of each chain that are in parts, the least of all groups. */
export async function drawsInParts(runDir: string, plan: MetflowPlan): Promise<number> {
  const parts = await listParts(runDir);
  const covered = Array.from({ length: plan.groups }, (_, group) => coveredDraws(parts, group));
  return Math.min(drawsOf(plan), ...covered);
}

/** Reads the first `draws` of every chain. */
export async function readDraws(
  runDir: string,
  plan: MetflowPlan,
  { draws, from, to }: { readonly draws: number; readonly from: number; readonly to: number },
): Promise<ReadDraws> {
  const { chains } = plan.config.sample;
  const { dim } = plan;
  const coordinates = Array.from({ length: to - from }, () => new Float64Array(chains * draws));
  const logDensity = new Float64Array(chains * draws);
  for (const part of await listParts(runDir)) {
    if (part.from >= draws) continue;
    for await (const block of readBlocks(partPath(runDir, part), COLUMNS)) {
      const chain = int32Of(block, 'chain');
      const draw = columnOf(block, 'draw').values as BigInt64Array;
      const z = columnOf(block, 'z').values as Float64Array;
      const density = columnOf(block, 'log_density').values as Float64Array;
      for (let row = 0; row < block.rows; row++) {
        if (Number(draw[row]) >= draws) continue;
        const at = chain[row]! * draws + Number(draw[row]);
        logDensity[at] = density[row]!;
        for (let i = from; i < to; i++) coordinates[i - from]![at] = z[row * dim + i]!;
      }
    }
  }
  return { chains, draws, coordinates, logDensity };
}

/** All coordinates of the first `draws` of every chain. */
export async function readPositions(runDir: string, plan: MetflowPlan, draws: number): Promise<Positions> {
  const { dim } = plan;
  const { chains, coordinates } = await readDraws(runDir, plan, { draws, from: 0, to: dim });
  const z = new Float64Array(chains * draws * dim);
  for (const [i, values] of coordinates.entries())
    for (let at = 0; at < values.length; at++) z[at * dim + i] = values[at]!;
  return { z, chains, draws, dim };
}
