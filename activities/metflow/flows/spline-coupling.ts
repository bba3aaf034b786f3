// A coupling by monotone rational-quadratic splines: exact both ways, and able to bend where an affine one cannot.

import {
  add,
  broadcast,
  both,
  concatenate,
  constant,
  div,
  exp,
  filled,
  indicator,
  less,
  log,
  logSumExp,
  matmul,
  maximum,
  minimum,
  mul,
  neg,
  not,
  reshape,
  softplus,
  split,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  where,
  type JaxArray,
} from '../../numeric/array-math.ts';
import type { Parameters } from '../parameters.ts';
import type { CouplingOptions } from './affine-coupling.ts';
import type { Bijection, Mapped } from './bijection.ts';
import { alternating, condition, conditionerParameters } from './conditioner.ts';

export interface SplineOptions extends CouplingOptions {
  /** Pieces of each spline. @default 8 */
  readonly bins?: number;
  /** Beyond ±bound the map is the identity. @default 5 */
  readonly bound?: number;
}

/** Shares and slopes stay away from 0, where the inverse would lose its digits. */
const LEAST_SHARE = 1e-3;
const LEAST_SLOPE = 1e-3;
/** The network's numbers are squashed into ±LIMIT, as tanh does in affine couplings. */
const LIMIT = 3;
/** softplus of it is 1 - LEAST_SLOPE: zero parameters give slope 1. */
const UNIT_SLOPE = Math.log(Math.expm1(1 - LEAST_SLOPE));

/** The piece of its spline that each number lies on, all `[rows, dim]`. */
interface Piece {
  readonly left: JaxArray;
  readonly width: JaxArray;
  readonly bottom: JaxArray;
  readonly height: JaxArray;
  readonly slopeLeft: JaxArray;
  readonly slopeRight: JaxArray;
}

/** @see Durkan, Bekasov, Murray and Papamakarios, "Neural spline flows", arXiv 1906.04032, section 3.1. */
export function splineCoupling(options: SplineOptions): Bijection {
  const { dim, hidden, parity, aggregation = null, bins = 8, bound = 5 } = options;
  const conditioner = { dim, hidden, outputs: 3 * bins - 1, aggregation };
  const kept = alternating(dim, parity);
  const run = (axis: 'x' | 'y') => {
    return (parameters: Parameters, z: JaxArray, u: JaxArray | null): Mapped => {
      const raw = condition(conditioner, parameters, { z, u, kept });
      const numbers = mul(tanh(mul(raw, 1 / LIMIT)), LIMIT);
      const inside = both(less(-bound, z), less(z, bound));
      const moves = both(inside, not(less(0, broadcast(constant(kept, [dim], z), z.shape))));
      const clamped = minimum(maximum(z, -bound), bound);
      const piece = pieceAt(knots(numbers, { dim, bins, bound }), clamped, axis);
      const share = axis === 'x' ? div(sub(clamped, piece.left), piece.width) : inverseShare(piece, clamped);
      const moved = axis === 'x' ? valueAt(piece, share) : add(piece.left, mul(share, piece.width));
      const slope = logSlope(piece, share);
      const logDet = sum(where(moves, axis === 'x' ? slope : neg(slope), 0), 1);
      return { z: where(moves, moved, z), logDet };
    };
  };
  return {
    dim,
    usesInnovation: aggregation !== null,
    parameters: conditionerParameters(conditioner),
    forward: run('x'),
    inverse: run('y'),
  };
}

/** Shares and slopes of all pieces, `[rows, dim, bins]`. */
interface Knots {
  readonly left: JaxArray;
  readonly width: JaxArray;
  readonly bottom: JaxArray;
  readonly height: JaxArray;
  readonly slopeLeft: JaxArray;
  readonly slopeRight: JaxArray;
}

function knots(numbers: JaxArray, { dim, bins, bound }: { dim: number; bins: number; bound: number }): Knots {
  const rows = numbers.shape[0]!;
  // The conditioner gives all coordinates' first numbers, then the second: [rows, outputs, dim].
  const perCoordinate = reshape(numbers, [rows, 3 * bins - 1, dim]).transpose([0, 2, 1]);
  const [rawWidth, rawHeight, rawSlope] = split(perCoordinate, [bins, bins, bins - 1], 2) as [
    JaxArray,
    JaxArray,
    JaxArray,
  ];
  const inner = add(softplus(add(rawSlope, UNIT_SLOPE)), LEAST_SLOPE);
  const edge = filled(1, [rows, dim, 1], numbers);
  const [width, height] = [rawWidth, rawHeight].map((raw) => shares(raw, 2 * bound)) as [JaxArray, JaxArray];
  return {
    left: sub(startOf(width), bound),
    width,
    bottom: sub(startOf(height), bound),
    height,
    slopeLeft: concatenate([edge, inner], 2),
    slopeRight: concatenate([inner, edge], 2),
  };
}

/** Positive lengths that add up to `total`. */
function shares(raw: JaxArray, total: number): JaxArray {
  const [rows, dim, bins] = raw.shape as [number, number, number];
  const softmax = exp(sub(raw, reshape(logSumExp(raw, 2), [rows, dim, 1])));
  return mul(add(mul(softmax, 1 - LEAST_SHARE * bins), LEAST_SHARE), total);
}

/** Sum of the lengths before each. */
function startOf(lengths: JaxArray): JaxArray {
  const bins = lengths.shape[2]!;
  const before = Array.from({ length: bins * bins }, (_, at) => (Math.floor(at / bins) < at % bins ? 1 : 0));
  return matmul(lengths, constant(before, [bins, bins], lengths));
}

function pieceAt(all: Knots, z: JaxArray, axis: 'x' | 'y'): Piece {
  const [rows, dim] = z.shape as [number, number];
  const starts = axis === 'x' ? all.left : all.bottom;
  const bins = starts.shape[2]!;
  const after = indicator(not(less(reshape(z, [rows, dim, 1]), starts)), z);
  // 1 for the last piece whose start is not beyond z: after it, the next one's indicator drops to 0.
  const [head, tail] = [after, filled(0, [rows, dim, 1], z)];
  const next = concatenate([split(head, [1, bins - 1], 2)[1]!, tail], 2);
  const chosen = sub(after, next);
  const pick = (values: JaxArray) => sum(mul(values, chosen), 2);
  return {
    left: pick(all.left),
    width: pick(all.width),
    bottom: pick(all.bottom),
    height: pick(all.height),
    slopeLeft: pick(all.slopeLeft),
    slopeRight: pick(all.slopeRight),
  };
}

/** Equation 4 at share t of the piece. */
function valueAt({ bottom, height, width, slopeLeft, slopeRight }: Piece, t: JaxArray): JaxArray {
  const s = div(height, width);
  const product = mul(t, sub(1, t));
  const above = mul(height, add(mul(s, square(t)), mul(slopeLeft, product)));
  const below = add(s, mul(sub(add(slopeLeft, slopeRight), mul(s, 2)), product));
  return add(bottom, div(above, below));
}

/** Logarithm of equation 5. */
function logSlope({ height, width, slopeLeft, slopeRight }: Piece, t: JaxArray): JaxArray {
  const s = div(height, width);
  const rest = sub(1, t);
  const product = mul(t, rest);
  const above = add(add(mul(slopeRight, square(t)), mul(mul(s, 2), product)), mul(slopeLeft, square(rest)));
  const below = add(s, mul(sub(add(slopeLeft, slopeRight), mul(s, 2)), product));
  return sub(add(mul(log(s), 2), log(above)), mul(log(below), 2));
}

/** The root of the quadratic in section 3.1 that lies in [0, 1], in the form that does not cancel. */
function inverseShare({ bottom, height, width, slopeLeft, slopeRight }: Piece, y: JaxArray): JaxArray {
  const s = div(height, width);
  const up = sub(y, bottom);
  const bend = mul(up, sub(add(slopeLeft, slopeRight), mul(s, 2)));
  const a = add(mul(height, sub(s, slopeLeft)), bend);
  const b = sub(mul(height, slopeLeft), bend);
  const c = neg(mul(s, up));
  const root = sqrt(maximum(sub(square(b), mul(mul(a, c), 4)), 0));
  return div(mul(c, 2), sub(neg(b), root));
}
