// The network inside couplings: from the coordinates that a coupling keeps (and the innovation) to what it does to
// the others. Masks act on the weights, once per program, not on every row.

import { add, constant, less, matmul, mul, number, where, type JaxArray } from '../../numeric/array-math.ts';
import { constantInit, normalInit, type ParameterSpec, type Parameters } from '../parameters.ts';

/** How the innovation enters: beside the kept coordinates, or added to them. */
export type Aggregation = 'stacking' | 'addition';

export interface ConditionerOptions {
  readonly dim: number;
  readonly hidden: number;
  /** Numbers wanted per coordinate. */
  readonly outputs: number;
  /** null where there is no innovation. */
  readonly aggregation: Aggregation | null;
}

/** Slope of the hidden units below 0. */
const LEAK = 0.01;

/** The last layer starts small: the coupling starts near the identity, and acceptance where it can be learnt from. */
const LAST_SCALE = 0.01;

export function conditionerParameters(options: ConditionerOptions): ParameterSpec[] {
  const { dim, hidden, outputs, aggregation } = options;
  const weight = (name: string, from: number, to: number, scale = Math.sqrt(1 / from)): ParameterSpec => ({
    name,
    dims: [from, to],
    initial: normalInit(scale),
  });
  const bias = (name: string, size: number): ParameterSpec => ({
    name,
    dims: [size],
    initial: constantInit(0),
  });
  return [
    weight('w1', dim, hidden),
    ...(aggregation === 'stacking' ? [weight('w1u', dim, hidden)] : []),
    bias('b1', hidden),
    weight('w2', hidden, hidden),
    bias('b2', hidden),
    weight('w3', hidden, dim * outputs, LAST_SCALE),
    bias('b3', dim * outputs),
  ];
}

/**
 * @param kept - 1 for coordinates that the coupling keeps, 0 for those it moves.
 * @returns `[rows, outputs * dim]`, numbers for kept coordinates 0: all coordinates' first numbers, then the second.
 */
export function condition(
  { dim, outputs, aggregation }: ConditionerOptions,
  p: Parameters,
  { z, u, kept }: { readonly z: JaxArray; readonly u: JaxArray | null; readonly kept: readonly number[] },
): JaxArray {
  const masked = mul(p.w1!, constant(kept, [dim, 1], z));
  const moved = constant(
    Array.from({ length: dim * outputs }, (_, at) => 1 - kept[at % dim]!),
    [dim * outputs],
    z,
  );
  let first = add(matmul(z, masked), p.b1!);
  if (aggregation !== null) {
    first = add(first, matmul(u!, aggregation === 'stacking' ? p.w1u! : p.w1!));
  }
  const second = add(matmul(leaky(first), p.w2!), p.b2!);
  return add(matmul(leaky(second), mul(p.w3!, moved)), mul(p.b3!, moved));
}

function leaky(x: JaxArray): JaxArray {
  return mul(x, where(less(x, 0), number(LEAK, x), number(1, x)));
}

/** Every other coordinate, beginning with the first (`parity` 0) or the second (1). */
export function alternating(dim: number, parity: number): number[] {
  return Array.from({ length: dim }, (_, at) => ((at + parity) % 2 === 0 ? 1 : 0));
}
