// A Gaussian on a net's inputs cut down to the polytope of one code, and the levels that lead to a rare one.

import { PipelineError } from '#schemas/errors.ts';
import {
  add,
  columns,
  concatenate,
  constant,
  indicator,
  less,
  matmul,
  mul,
  softplus,
  sub,
  sum,
  transpose,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { RandomStream } from '../../numeric/rng.ts';
import { logNormal } from '../path/path-kernel.ts';
import { margin, unitWalls, type UnitWall, type UnitWalls, type UnitWallsOptions } from '../unit-walls.ts';
import type { WalledBlock, Walls } from '../walls.ts';
import type { Levels, TracedTarget } from './target.ts';

export interface PolytopeOptions extends UnitWallsOptions {
  /** Flows are trained on `log base - weight * sum softplus(-distance / width)`, which has no edges. */
  readonly smoothing: { readonly weight: number; readonly width: number };
}

/**
 * N(0, I) of what the first layer sees, within the region that the net's code at a point names: unnormalised, its integral
 * is the region's mass.
 * @throws PipelineError as {@link unitWalls} does.
 */
export function polytope(options: PolytopeOptions): TracedTarget {
  const seen = unitWalls(options);
  const walls = [blockOf(seen, { from: 0, units: seen.walls.length })];
  return {
    ...walledTarget(walls, options),
    start: seen.start,
    modelInput: (z) => inputsOf(seen, z, options),
  };
}

export interface PolytopeLevelsOptions extends PolytopeOptions {
  /** Units that a level fixes beyond the one before; null for a layer each. */
  readonly unitsPerLevel: number | null;
}

/**
 * For the mass of a rare region: the product, over levels, of the law cut down to the level before. Levels fix more and
 * more units of the code, in the net's order, so that each is a polytope; level 0 is the whole Gaussian. The share of
 * a block's draws that lies in the next level estimates P(L_j | L_{j-1}).
 * @throws PipelineError as {@link unitWalls} does.
 */
export function polytopeLevels(options: PolytopeLevelsOptions): TracedTarget {
  const seen = unitWalls(options);
  const units = levelEnds(seen, options.unitsPerLevel);
  const { dim } = seen;
  const before = [0, ...units.slice(0, -1)];
  const walls = before.map((count, level) => blockOf(seen, { from: level * dim, units: count }));
  const start = new Float64Array(units.length * dim);
  for (const { from } of walls) start.set(seen.start, from);
  const last = (z: Float64Array) => {
    const rows = z.length / start.length;
    return Float64Array.from({ length: rows * dim }, (_, at) => {
      return z[(Math.floor(at / dim) + 1) * start.length - dim + (at % dim)]!;
    });
  };
  return {
    ...walledTarget(walls, options),
    start,
    // A model is fed the point of the deepest level.
    modelInput: (z) => inputsOf(seen, last(z), options),
    levels: levelsOf(seen, units),
  };
}

/** Units fixed by each level. */
function levelEnds({ walls, layerEnds }: UnitWalls, perLevel: number | null): readonly number[] {
  if (perLevel === null) return layerEnds;
  const levels = Math.ceil(walls.length / perLevel);
  return Array.from({ length: levels }, (_, level) => Math.min(walls.length, (level + 1) * perLevel));
}

function levelsOf({ walls, dim }: UnitWalls, units: readonly number[]): Levels {
  const added = units.map((to, level) => solid(walls.slice(units[level - 1] ?? 0, to)));
  return {
    units,
    passed(z) {
      return Uint8Array.from({ length: z.length / dim }, (_, at) => {
        const own = z.subarray(at * dim, (at + 1) * dim);
        return added[at % units.length]!.every((wall) => margin(wall, own) > 0) ? 1 : 0;
      });
    },
  };
}

function blockOf(
  { walls, dim }: UnitWalls,
  { from, units }: { readonly from: number; readonly units: number },
): WalledBlock {
  const own = solid(walls.slice(0, units));
  const normals = new Float64Array(own.length * dim);
  for (const [i, { normal }] of own.entries()) normals.set(normal, i * dim);
  return { from, dim, normals, offsets: Float64Array.from(own, ({ offset }) => offset) };
}

function solid(walls: readonly (UnitWall | null)[]): readonly UnitWall[] {
  return walls.filter((wall) => wall !== null);
}

function walledTarget(
  walls: Walls,
  { smoothing }: PolytopeOptions,
): Pick<TracedTarget, 'dim' | 'walls' | 'base' | 'logDensity' | 'smoothed'> {
  const last = walls.at(-1)!;
  const dim = last.from + last.dim;
  const { weight, width } = smoothing;
  if (!(weight > 0 && width > 0)) {
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'target.smoothing',
      what: 'weight and width are above 0',
      value: JSON.stringify(smoothing),
    });
  }
  return {
    dim,
    walls,
    base: (rows: number, random: RandomStream) =>
      Float64Array.from({ length: rows * dim }, () => random.normal()),
    logDensity(z) {
      const distances = distancesOf(walls, z);
      if (distances === null) return logNormal(z);
      const outside = sum(indicator(less(distances, 0), z), 1);
      return where(less(0, outside), Number.NEGATIVE_INFINITY, logNormal(z));
    },
    smoothed(z) {
      const distances = distancesOf(walls, z);
      if (distances === null) return logNormal(z);
      const lost = sum(softplus(mul(distances, -1 / width)), 1);
      return sub(logNormal(z), mul(lost, weight));
    },
  };
}

/** `[rows, walls]` distances from all walls; null without one. */
function distancesOf(walls: Walls, z: JaxArray): JaxArray | null {
  const each = walls.flatMap(({ from, dim, normals, offsets }) => {
    if (offsets.length === 0) return [];
    const turned = transpose(constant(normals, [offsets.length, dim], z));
    return [add(matmul(columns(z, from, from + dim), turned), constant(offsets, [offsets.length], z))];
  });
  return each.length === 0 ? null : concatenate(each, 1);
}

/** @returns `[rows, inputs]`. */
function inputsOf(
  { basis, dim }: UnitWalls,
  z: Float64Array,
  { centre, scale }: Pick<PolytopeOptions, 'centre' | 'scale'>,
): Float64Array {
  const inputs = basis.length / dim;
  const out = new Float64Array((z.length / dim) * inputs);
  for (let at = 0; at < out.length; at++) {
    const [row, input] = [Math.floor(at / inputs), at % inputs];
    let total = 0;
    for (let d = 0; d < dim; d++) total += basis[input * dim + d]! * z[row * dim + d]!;
    out[at] = centre + scale * total;
  }
  return out;
}
