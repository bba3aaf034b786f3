// E8: how far from a point a direction keeps its meaning, exactly, on a piecewise-linear network.

import type { RandomStream } from '../numeric/rng.ts';
import { affineDistance, rademacherProbes } from '../polytope/affine-map.ts';
import type { PathCrossings } from '../polytope/crossing-events.ts';
import type { Direction } from '../polytope/directions.ts';
import {
  cosineAt,
  firstBelow,
  linearisationError,
  outputPieces,
  type OutputPieces,
  type Validity,
  validityOf,
} from '../polytope/linear-pieces.ts';
import type { PiecewiseNet } from '../polytope/piecewise-net.ts';
import { pushForward } from '../polytope/push-forward.ts';
import type { LineNet } from './line-net.ts';
import type { Line, LineKey, LineRows, PlaceSlopes } from './scaling-lines.ts';
import { placesOn } from './scaling-lines.ts';
import type { RowCollector } from './row-collector.ts';

/** Half-lines are looked at up to so many standard deviations of the reference points' projections. */
const REACH_DEVIATIONS = 3;
/** Places per half-line that become rows of the scaling table. */
const PLACES = 8;
/** A crossing and the breakpoint that it makes may differ by their rounding. */
const SAME_PLACE = 1e-12;

/** One point and direction. */
export interface ValidityCase {
  readonly key: LineKey;
  readonly point: Float64Array;
  readonly direction: Direction;
  readonly random: RandomStream;
  /** Probes per estimate of d_F; 0 for none. */
  readonly probes: number;
}

/** One half-line, solved. */
interface Side {
  readonly sign: 1 | -1;
  readonly found: PathCrossings;
  readonly pieces: OutputPieces;
  readonly validity: Validity;
}

/** Adds a case's rows to both tables; `lines` must be exact and have outputs. */
export async function measureValidity(
  lines: LineNet & { readonly piecewise: PiecewiseNet },
  wanted: ValidityCase,
  into: { readonly rows: LineRows; readonly validity: RowCollector; readonly signal: AbortSignal },
): Promise<void> {
  const { point, direction } = wanted;
  const reach = REACH_DEVIATIONS * direction.deviation;
  const sides = await solveSides(lines, wanted, { reach, signal: into.signal });
  for (const side of sides) {
    await addPlaces(lines, wanted, side, { reach, rows: into.rows });
    into.validity.add({
      ...wanted.key,
      layer_id: into.rows.firstLayer,
      direction: direction.name,
      side: side.sign,
      norm: Math.hypot(...point),
      reach,
      ...(await sideColumns(lines.piecewise, wanted, side, reach)),
    });
  }
}

async function solveSides(
  lines: LineNet,
  { point, direction, key }: ValidityCase,
  { reach, signal }: { reach: number; signal: AbortSignal },
): Promise<Side[]> {
  const { size, outputs } = lines;
  const [from, to] = [new Float64Array(2 * size), new Float64Array(2 * size)];
  const signs = [1, -1] as const;
  for (const [side, sign] of signs.entries()) {
    from.set(point, side * size);
    to.set(moved(point, direction.vector, sign * reach), side * size);
  }
  const nameOf = () => `point ${key.point_id}, ${direction.name}`;
  const solved = await lines.crossings({ from, to }, { nameOf, signal });
  return solved.map((found, side) => {
    const pieces = outputPieces(found, outputs);
    return { sign: signs[side]!, found, pieces, validity: validityOf(pieces) };
  });
}

async function addPlaces(
  lines: LineNet,
  { key, point, direction }: ValidityCase,
  { sign, found, pieces, validity }: Side,
  { reach, rows }: { reach: number; rows: LineRows },
): Promise<void> {
  const along = point.reduce((sum, value, i) => sum + value * direction.vector[i]!, 0);
  const shares = Array.from({ length: PLACES + 1 }, (_, place) => place / PLACES);
  const places = Float64Array.from(shares, (share) => sign * reach * share);
  const line: Line = {
    direction: direction.name,
    point,
    vector: direction.vector,
    part: 'move',
    places,
    factors: along === 0 ? null : places.map((t) => 1 + t / along),
  };
  const values = await lines.values(placesOn(line), places.length + 1);
  const slopes = shares.map(
    (share): PlaceSlopes => ({
      cosine: cosineAt(validity, share),
      error: linearisationError(pieces, validity, share),
    }),
  );
  rows.add(key, line, found, values, slopes);
}

async function sideColumns(
  net: PiecewiseNet,
  { point, direction, random, probes }: ValidityCase,
  { sign, found, pieces, validity }: Side,
  reach: number,
) {
  const { flips } = found;
  const isBit = (i: number) => flips.isPool[i] === 0;
  const bits = Array.from(flips.t.keys()).filter(isBit);
  const upTo = (share: number) => bits.filter((i) => flips.t[i]! <= share + SAME_PLACE).length;
  const t90 = firstBelow(validity, 0.9);
  const t50 = firstBelow(validity, 0.5);
  const share = 1 - random.uniform();
  const at = moved(point, direction.vector, sign * share * reach);
  return {
    crossings: bits.length,
    first_crossing: bits.length === 0 ? null : flips.t[bits[0]!]! * reach,
    t_90: scaled(t90, reach),
    t_50: scaled(t50, reach),
    crossings_at_t_90: t90 === null ? null : upTo(t90),
    t: share * reach,
    crossings_at_t: upTo(share),
    jv_cos_at_t: cosineAt(validity, share),
    lin_err_at_t: linearisationError(pieces, validity, share),
    affine_distance_at_t: probes === 0 ? null : await mapDistance(net, [point, at], { random, probes }),
  };
}

/** d_F of the affine maps at two points; null where only one of them is zero. */
async function mapDistance(
  net: PiecewiseNet,
  points: readonly [Float64Array, Float64Array],
  { random, probes }: { random: RandomStream; probes: number },
): Promise<number | null> {
  const { size } = net.start;
  const directions = rademacherProbes(random, { probes, size });
  const products = [];
  for (const point of points) {
    const repeated = new Float64Array(probes * size);
    for (let probe = 0; probe < probes; probe++) repeated.set(point, probe * size);
    products.push(await pushForward(net, repeated, directions));
  }
  const distance = affineDistance(products[0]!, products[1]!);
  return Number.isFinite(distance) ? distance : null;
}

function moved(point: Float64Array, vector: Float64Array, distance: number): Float64Array {
  return point.map((value, i) => value + distance * vector[i]!);
}

function scaled(share: number | null, reach: number): number | null {
  return share === null ? null : share * reach;
}
