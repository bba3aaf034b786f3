// Where the levels lie that lead to a rare region: each adds units of its code, and a step that few draws would make is split
// by walls that first stand further out.

import { quantiles } from '../../numeric/quantiles.ts';
import { randomStream } from '../../numeric/rng.ts';
import { travel } from '../reflective.ts';
import { margin, type UnitWall, type UnitWalls } from '../unit-walls.ts';
import type { WalledBlock } from '../walls.ts';

/** A level: all units before `from` are fixed, and those up to `to` but for walls that stand `distance` further out. */
export interface LevelCut {
  readonly from: number;
  readonly to: number;
  /** 0 where they are fixed as well. */
  readonly distance: number;
}

export interface LevelCutsOptions {
  /** Units fixed by each level, ascending. */
  readonly ends: readonly number[];
  /** A level that a smaller share of the pilot's draws passes is split, so that this share passes each part but the last; 0: never. */
  readonly leastShare: number;
  readonly seed: number;
}

/** Draws of the pilot at each level, behind some that are left out; they place levels, and no estimate uses them. */
const PILOT = { warmup: 20, draws: 400, reflections: 1000 } as const;
const PILOT_STREAM = 0x6c6576;

/**
 * Levels that a pilot chain of reflective steps places, by quantiles of the distance from the walls that come next; a function of the seed.
 * @see Kahn and Harris, "Estimation of particle transmission by random sampling", 1951; Au and Beck, "Estimation of small
 * failure probabilities in high dimensions by subset simulation", Probabilistic Engineering Mechanics 16, 2001.
 */
export function levelCuts(
  seen: UnitWalls,
  { ends, leastShare, seed }: LevelCutsOptions,
): readonly LevelCut[] {
  const cuts: LevelCut[] = [];
  for (const [place, to] of ends.entries()) {
    const from = ends[place - 1] ?? 0;
    if (leastShare === 0) cuts.push({ from, to, distance: 0 });
    else splitLevel(seen, cuts, { from, to, leastShare, seed });
  }
  return cuts;
}

/** Adds a level to `cuts`, and before it those that lead to it. */
function splitLevel(
  seen: UnitWalls,
  cuts: LevelCut[],
  { from, to, leastShare, seed }: Pick<LevelCut, 'from' | 'to'> & Omit<LevelCutsOptions, 'ends'>,
): void {
  let distance = Number.POSITIVE_INFINITY;
  while (distance > 0) {
    const within = cuts.at(-1) ?? null;
    const margins = pilotMargins(seen, { within, next: { from, to }, stream: [seed, cuts.length] });
    distance = Math.max(0, -quantiles(margins, [1 - leastShare])[0]!);
    cuts.push({ from, to, distance });
  }
}

/** The polytope of a level, in coordinates from `first` on; null for the whole Gaussian. */
export function blockOf(
  { walls, dim }: UnitWalls,
  { cut, first }: { readonly cut: LevelCut | null; readonly first: number },
): WalledBlock {
  const own = cut === null ? [] : solid(walls, 0, cut.to);
  const normals = new Float64Array(own.length * dim);
  for (const [i, { normal }] of own.entries()) normals.set(normal, i * dim);
  const fixed = cut === null ? 0 : solid(walls, 0, cut.from).length;
  const offsets = Float64Array.from(own, ({ offset }, i) => (i < fixed ? offset : offset + cut!.distance));
  return { from: first, dim, normals, offsets };
}

/** Least distance of a point of the level before from the walls that the level adds. @param z - `[dim]`. */
export function leastMargin(added: readonly UnitWall[], z: Float64Array): number {
  return added.reduce((least, wall) => Math.min(least, margin(wall, z)), Number.MAX_VALUE);
}

/** Least distance of each draw within a level from the walls of the units that come next. */
function pilotMargins(
  seen: UnitWalls,
  {
    within,
    next,
    stream: [seed, level],
  }: {
    readonly within: LevelCut | null;
    readonly next: { readonly from: number; readonly to: number };
    readonly stream: readonly [number, number];
  },
): Float64Array {
  const block = blockOf(seen, { cut: within, first: 0 });
  const added = solid(seen.walls, next.from, next.to);
  const random = randomStream(seed, PILOT_STREAM, level);
  const z = seen.start.slice();
  const margins = new Float64Array(PILOT.draws);
  for (let draw = -PILOT.warmup; draw < PILOT.draws; draw++) {
    const velocity = Float64Array.from(z, () => random.normal());
    travel(z, velocity, { block, reflections: PILOT.reflections, uniform: random.uniform() });
    if (draw >= 0) margins[draw] = leastMargin(added, z);
  }
  return margins;
}

/** Walls of units from one up to another; a unit that is constant where those before it are fixed has none. */
export function solid(walls: UnitWalls['walls'], from: number, to: number): readonly UnitWall[] {
  return walls.slice(from, to).filter((wall) => wall !== null);
}
