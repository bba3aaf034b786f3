// One step of Adam on the flat vector of parameters, inside the compiled program.

import {
  add,
  div,
  less,
  minimum,
  mul,
  sqrt,
  square,
  sub,
  sum,
  where,
  type JaxArray,
} from '../numeric/array-math.ts';

export interface AdamMoments {
  readonly first: JaxArray;
  readonly second: JaxArray;
}

export interface AdamScalars {
  /** Step length now. */
  readonly learningRate: JaxArray;
  /** 1 - 0.9^t and 1 - 0.999^t for the t-th update, from 1. */
  readonly correction1: JaxArray;
  readonly correction2: JaxArray;
}

export const FIRST_DECAY = 0.9;
export const SECOND_DECAY = 0.999;
const EPSILON = 1e-8;
/** A squared norm beyond it counts as not finite. */
const LARGEST = 1e30;

/**
 * Descends along `gradient`, its norm clipped; where the norm is not finite nothing moves.
 * @see Kingma and Ba, "Adam", arXiv 1412.6980, algorithm 1.
 */
export function adamStep(
  theta: JaxArray,
  { first, second }: AdamMoments,
  options: { readonly gradient: JaxArray; readonly clip: number; readonly scalars: AdamScalars },
): {
  readonly theta: JaxArray;
  readonly moments: AdamMoments;
  readonly norm: JaxArray;
  readonly moves: JaxArray;
} {
  const { gradient, clip, scalars } = options;
  const squared = sum(square(gradient));
  const norm = sqrt(squared);
  const moves = less(squared, LARGEST);
  const clipped = mul(gradient, minimum(div(clip, norm), 1));
  const newFirst = add(mul(first, FIRST_DECAY), mul(clipped, 1 - FIRST_DECAY));
  const newSecond = add(mul(second, SECOND_DECAY), mul(square(clipped), 1 - SECOND_DECAY));
  const scale = add(sqrt(div(newSecond, scalars.correction2)), EPSILON);
  const change = mul(div(newFirst, scale), div(scalars.learningRate, scalars.correction1));
  return {
    theta: where(moves, sub(theta, change), theta),
    moments: { first: where(moves, newFirst, first), second: where(moves, newSecond, second) },
    norm,
    moves,
  };
}
