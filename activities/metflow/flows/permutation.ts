// A fixed order of the coordinates, between couplings that keep some of them.

import { PipelineError } from '#schemas/errors.ts';
import { constant, filled, matmul, transpose, type JaxArray } from '../../numeric/array-math.ts';
import type { Bijection } from './bijection.ts';

/**
 * Column i of the result is column `order[i]`.
 * @throws PipelineError `config-invalid` where `order` is no permutation of 0, 1, ...
 */
export function permutation({ order }: { readonly order: readonly number[] }): Bijection {
  const dim = order.length;
  if (order.toSorted((a, b) => a - b).some((value, i) => value !== i) || dim === 0) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a permutation names each coordinate from 0 once',
      value: JSON.stringify(order),
    });
  }
  // A product with a 0/1 matrix: exact, and cheap to differentiate.
  const matrix = (z: JaxArray) => {
    const ones = new Float64Array(dim * dim);
    for (const [to, from] of order.entries()) ones[from * dim + to] = 1;
    return constant(ones, [dim, dim], z);
  };
  return {
    dim,
    usesInnovation: false,
    parameters: [],
    forward: (_, z) => ({ z: matmul(z, matrix(z)), logDet: filled(0, [z.shape[0]!], z) }),
    inverse: (_, z) => ({ z: matmul(z, transpose(matrix(z))), logDet: filled(0, [z.shape[0]!], z) }),
  };
}
