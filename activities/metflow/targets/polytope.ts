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
import { unitWalls, type UnitWalls, type UnitWallsOptions } from '../unit-walls.ts';
import type { Walls } from '../walls.ts';
import { blockOf, leastMargin, type LevelCut, levelCuts, solid } from './level-cuts.ts';
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
  const units = seen.walls.length;
  const walls = [blockOf(seen, { cut: { from: units, to: units, distance: 0 }, first: 0 })];
  return {
    ...walledTarget(walls, options),
    start: seen.start,
    modelInput: (z) => inputsOf(seen, z, options),
  };
}

export interface PolytopeLevelsOptions extends PolytopeOptions {
  /** Units that a level fixes beyond the one before; null for a layer each. */
  readonly unitsPerLevel: number | null;
  /** A level that fewer draws would pass is split; see {@link levelCuts}. 0 for none. */
  readonly leastShare: number;
  /** Of the pilot that places split levels. */
  readonly seed: number;
}

/**
 * For the mass of a rare region: the product, over levels, of the law cut down to the level before. Levels fix more and
 * more units of the code, in the net's order, so that each is a polytope; level 0 is the whole Gaussian. The share of
 * a block's draws that lies in the next level estimates P(L_j | L_{j-1}).
 * @throws PipelineError as {@link unitWalls} does.
 */
export function polytopeLevels(options: PolytopeLevelsOptions): TracedTarget {
  const { unitsPerLevel, leastShare, seed } = options;
  const seen = unitWalls(options);
  const cuts = levelCuts(seen, { ends: levelEnds(seen, unitsPerLevel), leastShare, seed });
  const { dim } = seen;
  const walls = cuts.map((_, level) => blockOf(seen, { cut: cuts[level - 1] ?? null, first: level * dim }));
  const start = new Float64Array(cuts.length * dim);
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
    levels: levelsOf(seen, cuts),
  };
}

/** Units fixed by each level. */
function levelEnds({ walls, layerEnds }: UnitWalls, perLevel: number | null): readonly number[] {
  if (perLevel === null) return layerEnds;
  const levels = Math.ceil(walls.length / perLevel);
  return Array.from({ length: levels }, (_, level) => Math.min(walls.length, (level + 1) * perLevel));
}

function levelsOf({ walls, dim }: UnitWalls, cuts: readonly LevelCut[]): Levels {
  const added = cuts.map(({ from, to }) => solid(walls, from, to));
  return {
    units: cuts.map(({ from, to, distance }) => (distance > 0 ? from : to)),
    passed(z) {
      return Uint8Array.from({ length: z.length / dim }, (_, at) => {
        const level = at % cuts.length;
        const own = z.subarray(at * dim, (at + 1) * dim);
        return leastMargin(added[level]!, own) > -cuts[level]!.distance ? 1 : 0;
      });
    },
  };
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
