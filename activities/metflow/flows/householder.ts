// Learned rotation: a product of Householder reflections, orthogonal for any parameters, its own inverse in reverse
// order. An invertible linear map without a linear system to solve.

import { PipelineError } from '#schemas/errors.ts';
import {
  asColumn,
  div,
  filled,
  matmul,
  mul,
  row,
  square,
  sub,
  sum,
  type JaxArray,
} from '../../numeric/array-math.ts';
import { normalInit, type Parameters } from '../parameters.ts';
import type { Bijection, Mapped } from './bijection.ts';

/** A rotation starts as the identity, or as one drawn at random. */
export type RotationStart = 'identity' | 'random';

/**
 * @param reflections - an even number reaches all rotations that many reflections compose. @default 2 ceil(dim / 2)
 * @throws PipelineError `config-invalid` for an odd number of them that is to start as the identity.
 * @see Tomczak and Welling, "Improving variational auto-encoders using Householder flow", arXiv 1611.09630.
 */
export function householder({
  dim,
  reflections = 2 * Math.ceil(dim / 2),
  start = 'identity',
}: {
  readonly dim: number;
  readonly reflections?: number;
  /** @default 'identity' */
  readonly start?: RotationStart;
}): Bijection {
  if (start === 'identity' && reflections % 2 === 1) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'an odd number of reflections is never the identity',
      where: 'kernels',
      value: String(reflections),
      remedy: 'Start from a rotation drawn at random, or take an even number.',
    });
  }
  const order = Array.from({ length: reflections }, (_, i) => i);
  return {
    dim,
    usesInnovation: false,
    parameters: [
      {
        name: 'normals',
        dims: [reflections, dim],
        initial: start === 'identity' ? pairedRows(dim) : normalInit(1),
      },
    ],
    forward: (parameters, z) => reflect(parameters, z, order),
    inverse: (parameters, z) => reflect(parameters, z, order.toReversed()),
  };
}

/** Rows in equal pairs, whose reflections cancel: the map starts as the identity. */
function pairedRows(dim: number): (normals: Float64Array) => Float64Array {
  return (normals) => normals.map((_, at) => normals[Math.floor(at / (2 * dim)) * 2 * dim + (at % dim)]!);
}

function reflect({ normals }: Parameters, z: JaxArray, order: readonly number[]): Mapped {
  for (const place of order) {
    const v = row(normals!, place);
    const along = div(matmul(z, asColumn(v)), sum(square(v)));
    z = sub(z, mul(mul(along, 2), v));
  }
  return { z, logDet: filled(0, [z.shape[0]!], z) };
}
