// Exact directional derivatives of a piecewise-linear network, stage by stage, whatever its operators are.

import { ascendingOrder } from '../numeric/ranks.ts';
import type { PiecewiseNet, Stage } from './piecewise-net.ts';

/**
 * `J(x) r` of the outputs for pairs of a point and a direction.
 *
 * Within a cell of a stage (the side of every bend that every unit is on, and the winner of every window) the next step is
 * affine, so its slope may be taken at any state of that cell: here at one whose entries lie far from every bend, which
 * makes the difference exact but for rounding, however near the point itself is to a boundary.
 * @param points - `[count, start.size]`; on a boundary a unit counts as off.
 * @param directions - `[count, start.size]`.
 * @returns `[count, outputs]`.
 * @see polytope-lens specification, 1.3.
 */
export async function pushForward(
  net: PiecewiseNet,
  points: Float64Array,
  directions: Float64Array,
): Promise<Float64Array> {
  const count = points.length / net.start.size;
  let state = await net.advance(0, points, count);
  const origin = await net.advance(0, new Float64Array(net.start.size), 1);
  let tangent = await net.advance(0, directions, count);
  for (let at = 0; at < tangent.length; at++) tangent[at]! -= origin[at % origin.length]!;
  for (const [index, stage] of net.stages.entries()) {
    const probes = cellProbes(stage, state, tangent);
    const ahead = await net.advance(index + 1, probes.ahead, count);
    const behind = await net.advance(index + 1, probes.behind, count);
    const width = ahead.length / count;
    tangent = ahead.map((value, at) => (value - behind[at]!) / (2 * probes.steps[Math.floor(at / width)]!));
    if (index + 1 < net.stages.length) state = await net.advance(index + 1, state, count);
  }
  return tangent;
}

/** States a step ahead and behind of a representative of each point's cell. */
function cellProbes(
  stage: Stage,
  state: Float64Array,
  tangent: Float64Array,
): { ahead: Float64Array; behind: Float64Array; steps: Float64Array } {
  const { width } = stage;
  const count = state.length / width;
  const [ahead, behind] = [new Float64Array(state.length), new Float64Array(state.length)];
  const steps = new Float64Array(count);
  const columns = columnKinds(stage);
  for (let row = 0; row < count; row++) {
    const from = row * width;
    const own = state.subarray(from, from + width);
    const { values, gap } = representative(own, columns);
    let most = 0;
    for (let i = 0; i < width; i++) most = Math.max(most, Math.abs(tangent[from + i]!));
    // Two entries move towards each other by half a gap at most, so no bend is passed and every winner stays.
    const step = most > 0 ? gap / (4 * most) : 1;
    steps[row] = step;
    for (let i = 0; i < width; i++) {
      ahead[from + i] = values[i]! + step * tangent[from + i]!;
      behind[from + i] = values[i]! - step * tangent[from + i]!;
    }
  }
  return { ahead, behind, steps };
}

/** Per column where it bends; null where it passes unbent. Pools need the order of their inputs. */
interface ColumnKinds {
  readonly bends: readonly (readonly number[] | null)[];
  readonly isPooled: Uint8Array;
}

function columnKinds({ width, taps }: Stage): ColumnKinds {
  const bends: (readonly number[] | null)[] = new Array(width).fill(null);
  const isPooled = new Uint8Array(width);
  for (const units of taps) {
    if (units.kind === 'relu') bends.fill(units.bends, units.offset, units.offset + units.units);
    else for (const column of units.windows) if (column >= 0) isPooled[units.offset + column] = 1;
  }
  return { bends, isPooled };
}

/**
 * A state of the same cell with its entries far apart: the entries of a cell between two bends lie evenly in it, in the order
 * of the state where a pool asks for it.
 */
function representative(
  own: Float64Array,
  { bends, isPooled }: ColumnKinds,
): { values: Float64Array; gap: number } {
  const values = new Float64Array(own.length);
  let gap = 1;
  const cells = new Map<string, { low: number; high: number; pooled: number[] }>();
  for (let i = 0; i < own.length; i++) {
    const of = bends[i] ?? null;
    const low = of?.filter((bend) => bend < own[i]!).at(-1) ?? Number.NEGATIVE_INFINITY;
    const high = of?.find((bend) => bend >= own[i]!) ?? Number.POSITIVE_INFINITY;
    if (isPooled[i] === 0) {
      values[i] = of === null ? 0 : placeIn(low, high, 1, 1);
      if (Number.isFinite(low) && Number.isFinite(high)) gap = Math.min(gap, (high - low) / 2);
      continue;
    }
    const key = `${low} ${high}`;
    const cell = cells.get(key) ?? { low, high, pooled: [] };
    cell.pooled.push(i);
    cells.set(key, cell);
  }
  for (const { low, high, pooled } of cells.values())
    gap = Math.min(gap, spread(own, values, { low, high, pooled }));
  return { values, gap };
}

/** Places the pooled columns of one cell by rank; equal entries share a place. Returns the distance between two places. */
function spread(
  own: Float64Array,
  values: Float64Array,
  { low, high, pooled }: { low: number; high: number; pooled: readonly number[] },
): number {
  const order = Array.from(ascendingOrder(pooled.map((column) => own[column]!)), (at) => pooled[at]!);
  const distinct = new Set(order.map((column) => own[column])).size;
  let rank = 0;
  order.forEach((column, at) => {
    if (at === 0 || own[column] !== own[order[at - 1]!]) rank++;
    values[column] = placeIn(low, high, rank, distinct);
  });
  return Number.isFinite(low) && Number.isFinite(high) ? (high - low) / (distinct + 1) : 1;
}

/** Place `rank` of `count` in a cell: a unit apart where it is unbounded. */
function placeIn(low: number, high: number, rank: number, count: number): number {
  if (Number.isFinite(low) && Number.isFinite(high)) return low + ((high - low) * rank) / (count + 1);
  if (Number.isFinite(low)) return low + rank;
  return Number.isFinite(high) ? high - (count + 1 - rank) : rank - (count + 1) / 2;
}
